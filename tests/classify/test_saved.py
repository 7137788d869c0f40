"""A classifier on disk: the same answers, no text of anybody's, and clear errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.classify.saved import MEANING, NUMBERS, WEIGHTS, dump_classifier, load_classifier
from kb.classify.table import View
from kb.classify.text import Document
from kb.errors import DataError
from tests.classify.invent import FakeEmbedder, corpus, trained


def _save(folder: Path) -> Path:
    numbers, meaning = dump_classifier(trained())
    (folder / NUMBERS).write_bytes(numbers)
    (folder / MEANING).write_text(meaning, encoding="utf-8")
    return folder


def test_a_saved_classifier_says_the_same(tmp_path: Path):
    loaded = load_classifier(_save(tmp_path))
    asked = [item.document for item in corpus()[:20]] + [
        Document("Concise tokens", "a length penalty for verbose steps")
    ]
    vectors = FakeEmbedder().encode([document.text for document in asked])
    for before, after in zip(trained().predict(asked, vectors), loaded.predict(asked, vectors), strict=True):
        a, b = before.facets["direction"], after.facets["direction"]
        assert a.branch == b.branch
        assert a.probability == pytest.approx(b.probability, abs=1e-3)
        assert a.evidence == b.evidence


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path: Path):
    loaded = load_classifier(_save(tmp_path))
    assert dump_classifier(loaded) == (
        (tmp_path / NUMBERS).read_bytes(),
        (tmp_path / MEANING).read_text("utf-8"),
    )


def test_no_abstract_is_in_the_files(tmp_path: Path):
    folder = _save(tmp_path)
    everything = (folder / NUMBERS).read_bytes() + (folder / MEANING).read_bytes()
    for item in corpus():
        words = item.document.abstract.split()
        if len(words) >= 4:
            assert " ".join(words[:4]).encode() not in everything


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (NUMBERS, lambda data: data[: len(data) // 2]),
        (NUMBERS, lambda data: b"nonsense"),
        (MEANING, lambda data: b"{"),
        (MEANING, lambda data: b"{}"),
        (MEANING, lambda data: data.replace(b'"version": "2"', b'"version": "0"')),
    ],
)
def test_damage_is_one_clear_line(tmp_path: Path, name: str, damage):  # type: ignore[no-untyped-def]
    path = _save(tmp_path) / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        load_classifier(tmp_path)
    assert "kb classify train" in str(caught.value)


def test_weights_that_are_not_there_say_how_to_get_them(tmp_path: Path):
    with pytest.raises(DataError, match="kb classify train"):
        load_classifier(tmp_path)


def test_the_committed_weights_load_are_small_and_have_all_heads():
    classifier = load_classifier()
    everything = {"direction", "branch", "stage", "scope", "relevance"}
    assert set(classifier.heads[View.WORDS]) == set(classifier.heads[View.SENSE]) == everything
    assert set(classifier.heads[View.CUES]) == {"direction", "branch", "stage"}
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 5_000_000


def test_the_committed_weights_sort_plain_cases_by_words_alone():
    asked = [
        Document(
            "Length-penalized reinforcement learning against overthinking",
            "A reward for concise reasoning with fewer tokens.",
        ),
        Document(
            "4-bit post-training quantization of reasoning models", "We quantize weights and activations."
        ),
        Document(
            "Speculative decoding of reasoning steps",
            "A draft model proposes steps, which speeds up decoding.",
        ),
    ]
    found = [p.facets["direction"].branch for p in load_classifier().predict(asked, None)]
    assert found == ["shorter", "smaller", "faster"]
