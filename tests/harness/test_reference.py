"""Training of the reference models: what a recipe and a seed give, whatever interrupts it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kb.cli import main
from kb.errors import EXIT_DATA, DataError
from kb.harness.models import load_model, resolve_model
from kb.harness.reference import SEEDS, folder, tokenizer
from kb.harness.reference.check import figures, is_good
from kb.harness.reference.train import CHECKPOINT, Point, Recipe, train
from kb.harness.tasks.chain import ChainTask

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TINY = Recipe(
    hidden_size=16,
    layers=1,
    heads=2,
    intermediate_size=32,
    longest=2,
    tokens=1000,
    polish_tokens=300,
    batch_tokens=64,
    warmup_steps=2,
)
EVERY = 4


class Killed(BaseException):
    """Nothing in the program catches it."""


def train_tiny(
    out: Path, *, recipe: Recipe = TINY, seed: int = 3, killed_at: int | None = None
) -> list[Point]:
    def progress(done: int, total: int, point: Point) -> None:
        if point.step == killed_at:
            raise Killed

    return train(out, seed=seed, recipe=recipe, device="cpu", threads=1, every=EVERY, progress=progress)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Point]]:
    """A training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    return folder, train_tiny(folder)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """One that was killed right after its second checkpoint."""
    with pytest.raises(Killed):
        train_tiny(tmp_path / "model", killed_at=2 * EVERY)
    return tmp_path / "model"


def test_a_killed_training_ends_where_an_undisturbed_one_does(
    begun: Path, trained: tuple[Path, list[Point]]
) -> None:
    """The same weights to the last bit, the same curve; no checkpoint is left."""
    whole, curve = trained
    assert not (begun / "model.safetensors").exists()
    again = train_tiny(begun)
    assert (begun / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert [replace(point, seconds=0) for point in again] == [replace(point, seconds=0) for point in curve]
    assert len(curve) > 3
    assert curve[-1].tokens >= TINY.tokens + TINY.polish_tokens
    assert not (begun / CHECKPOINT).exists()
    assert json.loads((begun / "recipe.json").read_text())["seed"] == 3


def test_another_seed_gives_other_weights(tmp_path: Path, trained: tuple[Path, list[Point]]) -> None:
    """Else the spread between models would be none."""
    train_tiny(tmp_path / "other", seed=4)
    other = (tmp_path / "other" / "model.safetensors").read_bytes()
    assert other != (trained[0] / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("recipe", "seed"), [(TINY.model_copy(update={"muon_lr": 0.02}), 3), (TINY, 4)], ids=["recipe", "seed"]
)
def test_a_folder_of_another_training_is_refused(begun: Path, recipe: Recipe, seed: int) -> None:
    """In one line, and what was begun there stays."""
    kept = (begun / CHECKPOINT).read_bytes()
    with pytest.raises(DataError, match="another recipe or seed") as caught:
        train_tiny(begun, recipe=recipe, seed=seed)
    assert "\n" not in str(caught.value)
    assert (begun / CHECKPOINT).read_bytes() == kept


def test_a_trained_model_is_not_overwritten(
    trained: tuple[Path, list[Point]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says so in one line."""
    assert main(["eval", "train", "--out", str(trained[0]), "--threads", "1", "--device", "cpu"]) == EXIT_DATA
    said = capsys.readouterr().err
    assert "holds a trained model already" in said
    assert said.count("\n") == 1


def test_what_was_trained_is_a_model_like_any_other(trained: tuple[Path, list[Point]]) -> None:
    """It loads at full precision, and its tokenizer says what the task's own encoding does."""
    ref = resolve_model(str(trained[0]))
    assert (ref.format, ref.already_quantized) == ("safetensors", None)
    loaded = load_model(ref)
    sample = ChainTask(steps=(2,)).samples(1, 0)[0]
    text = f"{sample.prompt}{sample.solution}"
    ids = [tokenizer.ID[tokenizer.BOS], *tokenizer.encode(text)]
    assert loaded.encode(text) == ids
    assert loaded.tokenizer(text)["input_ids"] == ids
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == text
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([ids])).logits
    assert logits.shape == (1, len(ids), tokenizer.VOCABULARY)
    assert torch.isfinite(logits).all()


def test_the_model_card_shows_what_the_models_were_measured_at() -> None:
    card = (folder(0).parent / "README.md").read_text(encoding="utf-8")
    assert figures([folder(seed) for seed in SEEDS]) in card


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shipped_model_loads_as_the_recipe_says(seed: int) -> None:
    loaded = load_model(resolve_model(f"reference/seed{seed}"))
    recipe = json.loads((folder(seed) / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["seed"] == seed
    assert loaded.model.config.hidden_size == recipe["hidden_size"] == Recipe().hidden_size


def test_the_bar_is_999_of_1000_steps_at_every_length() -> None:
    good = {"steps_right": 999, "steps_reached": 1000}
    assert is_good({"2": good, "4": good})
    assert not is_good({"2": good, "4": {"steps_right": 998, "steps_reached": 1000}})
