"""The adapters to torchao, hqq and bitsandbytes, and our reference methods against them on the same tensors.

Each library's tests are skipped where it is not installed.
"""

from __future__ import annotations

import importlib
import warnings
from importlib.util import find_spec
from typing import Any

import pytest

from kb.errors import UsageError
from kb.harness.quant import QUANTIZERS, make_quantizer, support
from kb.harness.quant.libraries import LibraryQuantizer
from tests.harness.quant_models import ids, logits, tiny

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


@pytest.fixture
def torchao() -> Any:
    return _library("torchao.quantization")


@pytest.fixture
def hqq() -> Any:
    return _library("hqq.core.quantize")


@pytest.fixture
def bitsandbytes() -> Any:
    return _library("bitsandbytes")


def _library(name: str) -> Any:
    if find_spec(name.split(".")[0]) is None:
        pytest.skip(f"{name.split('.')[0]} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a library says of its own imports
        return importlib.import_module(name)


def weight(seed: int = 0, rows: int = 64, columns: int = 128) -> Any:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 0.1


def layer(values: Any) -> Any:
    made = torch.nn.Linear(values.shape[1], values.shape[0], bias=False)
    made.weight.data.copy_(values)
    return made


def relative(mine: Any, theirs: Any) -> float:
    return float((mine - theirs).norm() / theirs.norm())


def ours(values: Any, **options: Any) -> Any:
    quantizer = make_quantizer(options)
    return quantizer.round(values, options.get("bits", quantizer.weight_bits)).values


def theirs(values: Any, **options: Any) -> Any:
    quantizer: Any = make_quantizer(options)
    with torch.no_grad():
        return quantizer.convert(layer(values), quantizer.weight_bits)[1].values


# ---------------------------------------------------------------------------- the same tensors, both ways


@pytest.mark.parametrize("group_size", [-1, 32])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_symmetric_rounding_agrees_with_torchao(torchao: Any, bits: int, group_size: int) -> None:
    """With float32 scales, all but numbers halfway between two levels get torchao's very values."""
    mine = ours(weight(), method="rtn", bits=bits, group_size=group_size, scale_bits=32)
    other = theirs(weight(), method="torchao", kind="intx", bits=bits, group_size=group_size)
    assert torch.allclose(
        (mine - weight()).abs(), (other - weight()).abs(), atol=1e-6
    )  # halfway: either is as near
    assert (
        float((mine - other).abs().gt(1e-5).float().mean()) < 1 / 32
    )  # a group's largest is halfway in this grid


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_asymmetric_rounding_agrees_with_torchao(torchao: Any, bits: int) -> None:
    """Zero points included."""
    grid: dict[str, Any] = {"bits": bits, "group_size": 32, "symmetric": False}
    mine = ours(weight() + 0.05, method="rtn", scale_bits=32, **grid)
    other = theirs(weight() + 0.05, method="torchao", kind="intx", **grid)
    assert float((mine - other).abs().gt(1e-5).float().mean()) < 0.001


def test_float8_agrees_with_torchao(torchao: Any) -> None:
    """e4m3 with a scale an output channel."""
    assert relative(ours(weight(), method="float8"), theirs(weight(), method="torchao", kind="float8")) < 1e-3


def test_nf4_agrees_with_bitsandbytes(bitsandbytes: Any) -> None:
    """The same table, the same blocks, the same values."""
    mine = ours(weight(), method="nf4")
    other = theirs(weight(), method="bitsandbytes", kind="nf4")
    assert float((mine - other).abs().gt(1e-5).float().mean()) < 0.001


def test_int8_agrees_with_bitsandbytes(bitsandbytes: Any) -> None:
    """SmoothQuant's weight grid is that of LLM.int8(), which sees float16."""
    values = weight().half().float()
    assert (
        relative(ours(values, method="smoothquant"), theirs(values, method="bitsandbytes", kind="int8"))
        < 1e-3
    )


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_asymmetric_rounding_agrees_with_hqq_before_it_optimizes(hqq: Any, bits: int) -> None:
    """HQQ starts from round-to-nearest with integer zero points: that start has our values."""
    quantize = hqq.Quantizer.quantize
    packed, meta = quantize(
        weight(), nbits=bits, group_size=32, optimize=False, round_zero=True, axis=1, device="cpu"
    )
    other = hqq.Quantizer.dequantize(packed, meta | {"compute_dtype": torch.float32})
    mine = ours(weight(), method="rtn", bits=bits, group_size=32, symmetric=False, scale_bits=32)
    assert float((mine - other).abs().gt(1e-4).float().mean()) < 0.01


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_hqq_loses_less_than_round_to_nearest(hqq: Any, bits: int) -> None:
    """Its fitted zero points are worth something."""
    mine = ours(weight(), method="rtn", bits=bits, group_size=32, symmetric=False)
    other = theirs(weight(), method="hqq", bits=bits, group_size=32)
    assert relative(other, weight()) < relative(mine, weight())


# --------------------------------------------------------------------------------------------- whole models


def _applied(options: dict[str, Any], tolerance: float) -> Any:
    """A model through the adapter: it runs in inference mode, is near full precision, and its record adds up."""
    model = tiny(attention_bias=True)
    with torch.no_grad():
        for name, bias in model.named_parameters():
            if name.endswith("bias"):
                bias.copy_(torch.randn_like(bias) * 0.1)
    full = logits(model, ids())
    report = make_quantizer(options).apply(model)
    with torch.inference_mode():
        assert relative(model(input_ids=ids()).logits, full) < tolerance
        model.generate(ids(), max_new_tokens=3, do_sample=False)
    assert len(report.layers) == 14
    assert report.kept == ("model.embed_tokens", "lm_head")
    assert report.library is not None
    assert report.library.split()[0] == options["method"]
    assert report.size_bytes < report.full_size_bytes
    return report


@pytest.mark.parametrize(
    ("options", "bits", "fake"),
    [
        ({"kind": "int8"}, 8.5, False),
        ({"kind": "int8", "group_size": 32}, 9.0, False),
        ({"kind": "float8"}, 8.5, False),
        ({"kind": "intx", "bits": 8}, 8.5, False),
        ({"kind": "intx", "bits": 4, "group_size": 32}, 5.0, True),
    ],
)
def test_torchao_models(torchao: Any, options: dict[str, Any], bits: float, fake: bool) -> None:
    """Eight bits are held in eight; fewer are one to a byte, and called fake."""
    report = _applied({"method": "torchao", **options}, 0.5)
    assert report.fake == fake
    assert bits - 0.2 < report.effective_bits <= bits


@pytest.mark.parametrize(("bits", "effective"), [(8, 10), (4, 6), (2, 4)])
def test_hqq_models(hqq: Any, bits: int, effective: float) -> None:
    """A float32 scale and zero point for 32 weights are two bits a weight, and counted."""
    report = _applied({"method": "hqq", "bits": bits, "group_size": 32}, 0.1 if bits == 8 else 1.5)
    assert not report.fake
    assert report.effective_bits == effective


@pytest.mark.parametrize(
    ("kind", "effective", "acts"), [("nf4", 4.5, 16), ("fp4", 4.5, 16), ("int8", 8.4, 8)]
)
def test_bitsandbytes_models(bitsandbytes: Any, kind: str, effective: float, acts: int) -> None:
    """Packed, with a float32 scale a block or a row."""
    report = _applied({"method": "bitsandbytes", "kind": kind}, 0.8)
    assert not report.fake
    assert abs(report.effective_bits - effective) < 0.05
    assert report.act_bits == acts


def test_a_rule_keeps_a_layer_from_a_library(hqq: Any) -> None:
    """Mixed precision works with libraries, too; a kept layer stays the linear layer that it was."""
    model = tiny()
    rules = [{"match": "q_proj", "bits": "keep"}, {"match": "down_proj", "bits": 8}]
    report = make_quantizer({"method": "hqq", "group_size": 32, "layers": rules}).apply(model)
    assert {record.bits for record in report.layers if "down_proj" in record.name} == {8}
    assert type(model.model.layers[0].self_attn.q_proj) is torch.nn.Linear
    assert "model.layers.0.self_attn.q_proj" in report.kept


# --------------------------------------------------------------------------------------- without a library


class _Absent(LibraryQuantizer):
    """An adapter to a library that nobody has."""

    method = "absent"
    library = "no-such-quantizer"
    known_bits = (4,)

    def convert(self, layer: Any, bits: int) -> Any:
        return self.module("no_such_quantizer")


def test_a_library_that_is_not_installed_is_one_clear_line() -> None:
    """It says what to install; `support` says so, too."""
    with pytest.raises(UsageError) as caught:
        _Absent().apply(tiny())
    said = "quantizer absent: no-such-quantizer is not installed (fix: pip install no-such-quantizer)"
    assert str(caught.value) == said
    libraries = {name for name, kind in QUANTIZERS.items() if kind.library}
    rows = {row.method.split()[0]: row for row in support() if row.library and row.kind != "not bundled"}
    assert libraries == set(rows)
    for name, row in rows.items():
        assert row.library is not None
        assert ("not installed" in row.library) == (find_spec(name) is None)
