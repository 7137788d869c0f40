"""A run's spec: short to write, strict to read, and one hash for one experiment."""

from __future__ import annotations

from typing import Any

import pytest

from kb.errors import UsageError
from kb.harness.spec import canonical, parse_grid, parse_spec

SHORT: dict[str, Any] = {"model": "reference", "task": "chain", "n": 20}


def test_three_fields_are_enough() -> None:
    """Model, task and n: the rest has defaults, and the task's name is short for its options."""
    spec = parse_spec(SHORT)
    assert spec.task == {"name": "chain"}
    assert spec.quantizer == {"method": "none"}
    assert spec.decoding.temperature == 0


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"bits": 4}, "bits", "no option"),
        ({"n": 0}, "n", "at least 1"),
        ({"n": "20"}, "n", "integer"),
        ({"n": None}, "n", "integer"),
        ({"model": ""}, "model", "add one"),
        ({"template": "no place"}, "template", "must hold {prompt} once"),
        ({"decoding": {"samples_per_item": 4}}, "decoding.samples_per_item", "set a temperature"),
        ({"decoding": {"top_p": 1.5, "temperature": 1.0}}, "decoding.top_p", "less than or equal to 1"),
        (
            {"engine": "openai", "quantizer": {"method": "rtn", "bits": 4}},
            "quantizer",
            "does not hold the model",
        ),
        ({"engine": "openai", "kv": {"bits": 4}}, "kv", "does not hold the model"),
        ({"engine": "llamacpp", "kl": True}, "kl", "does not hold the model"),
        ({"quantizer": {"bits": 4}}, "quantizer", "which one"),
        ({"calibration": {"n": 4}}, "calibration", "leave it out"),
        ({"calibration": {"n": 0}, "quantizer": "gptq"}, "calibration.n", "greater than or equal to 1"),
        ({"name": "../elsewhere"}, "name", "pattern"),
    ],
)
def test_a_wrong_setting_is_one_line_with_file_field_and_fix(
    change: dict[str, Any], field: str, says: str
) -> None:
    """Unknown keys, values out of range and settings that exclude each other."""
    with pytest.raises(UsageError) as caught:
        parse_spec({**SHORT, **change}, file="spec.yaml", line_of=lambda path: 7)
    error = caught.value
    assert (error.file, error.line, error.field) == ("spec.yaml", 7, field)
    assert says in str(error)
    assert "\n" not in str(error)


def test_every_mistake_is_named_at_once() -> None:
    """A person mends a file in one go."""
    with pytest.raises(UsageError) as caught:
        parse_spec({"model": "reference", "n": 0, "mdoel": "x"})
    assert {error.field for error in (caught.value, *caught.value.others)} == {"task", "n", "mdoel"}
    assert "is missing" in str(caught.value)


def test_the_order_of_fields_does_not_change_the_hash() -> None:
    """The canonical JSON is sorted."""
    forwards = parse_spec({**SHORT, "quantizer": {"method": "rtn", "bits": 4}})
    backwards = parse_spec(dict(reversed(list({**SHORT, "quantizer": {"bits": 4, "method": "rtn"}}.items()))))
    assert forwards.hash == backwards.hash
    assert canonical(forwards.to_data()) == canonical(backwards.to_data())


@pytest.mark.parametrize("change", [{"seed": 1}, {"n": 21}, {"quantizer": "rtn"}, {"template": "{prompt}\n"}])
def test_every_setting_changes_the_hash_and_the_id(change: dict[str, Any]) -> None:
    """Two experiments never share a folder."""
    one, other = parse_spec(SHORT), parse_spec({**SHORT, **change})
    assert one.hash != other.hash
    assert one.run_id != other.run_id


def test_the_pace_does_not_change_the_hash() -> None:
    """A run that ran out of memory goes on with a smaller batch, in the same folder."""
    small = parse_spec({**SHORT, "engine": {"name": "transformers", "batch_size": 1, "threads": 2}})
    assert small.run_id == parse_spec(SHORT).run_id


def test_the_id_says_what_the_run_is() -> None:
    """Model, method and bits, group, task, samples and seed, then a hash."""
    spec = parse_spec(
        {**SHORT, "quantizer": {"method": "rtn", "bits": 4, "group_size": 32}, "kv": {"bits": 8}}
    )
    assert spec.run_id.startswith("reference-rtn4g32-kv8-chain-n20-s0-")


def test_a_grid_is_every_combination() -> None:
    """Models x quantizers x seeds."""
    cells = parse_grid(
        {**SHORT, "model": ["a", "b"], "quantizer": ["none", {"method": "rtn", "bits": 4}], "seed": [0, 1, 2]}
    )
    assert len({(cell.model, cell.quantizer["method"], cell.seed) for cell in cells}) == len(cells) == 12


def test_full_precision_comes_first_and_is_the_baseline_of_its_row() -> None:
    """`baseline: full`: same model, task and seed."""
    cells = parse_grid(
        {**SHORT, "quantizer": ["rtn", "none"], "kv": [None, {"bits": 4}], "seed": [0, 1], "baseline": "full"}
    )
    full, rest = cells[:2], cells[2:]
    assert all(cell.baseline is None and cell.quantizer["method"] == "none" for cell in full)
    assert len(rest) == 6
    for cell in rest:
        assert [other.seed for other in full if other.run_id == cell.baseline] == [cell.seed]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quantizer": []}, "empty list"),
        ({"quantizer": ["rtn", "rtn"]}, "the same"),
        ({"quantizer": ["rtn"], "baseline": "full"}, "nothing is at full precision"),
        ({"name": "mine"}, "an id"),
        ({"n": [1, 2]}, "integer"),
    ],
)
def test_a_wrong_grid_is_refused(change: dict[str, Any], says: str) -> None:
    """Before a single cell runs."""
    with pytest.raises(UsageError) as caught:
        parse_grid({**SHORT, **change}, file="sweep.yaml")
    assert says in str(caught.value).replace("its own id", "an id")
    assert "sweep.yaml" in str(caught.value)
