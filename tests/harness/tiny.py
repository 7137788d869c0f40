"""A model of the reference models' architecture that fits into a test: random weights, the real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a checkpoint. Two layers, 64 wide, so that groups of 32 fit."""
    torch = pytest.importorskip("torch")
    from kb.harness.reference import tokenizer
    from kb.harness.reference.train import Recipe, model_of

    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = model_of(Recipe(hidden_size=64, layers=2, heads=2, intermediate_size=128))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed" not in name:
                weight.mul_(4)  # else it says one character for ever
    model.save_pretrained(folder)
    tokenizer.build().save_pretrained(folder)
    return folder
