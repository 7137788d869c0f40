"""What the classifier says, when it keeps silent, and why."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.classify.cues import cues_of
from kb.classify.evaluate import subset_classifier
from kb.classify.table import Table
from kb.classify.text import Document, counts
from tests.classify.invent import FakeEmbedder, corpus, gold, sentence, taxonomy, trained, vectors_of


def _ask(*documents: Document, words_only: bool = False):  # type: ignore[no-untyped-def]
    vectors = None if words_only else FakeEmbedder().encode([d.text for d in documents])
    return trained().predict(list(documents), vectors)


@pytest.mark.parametrize("words_only", [False, True])
@pytest.mark.parametrize("direction", ["shorter", "smaller", "faster"])
def test_new_papers_find_their_direction_with_and_without_embeddings(direction: str, words_only: bool):
    rng = random.Random(7)
    asked = [Document(sentence(direction, rng, 6), sentence(direction, rng, 60)) for _ in range(8)]
    found = [p.facets["direction"].branch for p in _ask(*asked, words_only=words_only)]
    assert found.count(direction) >= 7


def test_probabilities_are_probabilities_and_the_branches_of_a_direction_add_up_to_it():
    rng = random.Random(3)
    (prediction,) = _ask(Document(sentence("shorter", rng, 6), sentence("shorter", rng, 40)))
    direction = prediction.facets["direction"]
    assert sum(p for _, p in direction.top) == pytest.approx(1.0)
    assert [p for _, p in direction.top] == sorted((p for _, p in direction.top), reverse=True)
    likely = dict(direction.top)
    for branch, p in direction.branches:
        assert p <= likely[branch.split("/")[0]] + 1e-9
    assert 0 <= prediction.relevance <= 1


def test_it_abstains_where_nothing_speaks_and_proposes_nothing_then():
    (prediction,) = _ask(Document("Ceramics of the bronze age", "Pots were found in a field near the river."))
    direction = prediction.facets["direction"]
    assert direction.abstained
    assert direction.proposed == ()
    assert "unsure" in (direction.reason or "")


@pytest.mark.parametrize(
    "document", [Document(), Document("一种高效的推理方法", "本文"), Document("???", "123")]
)
def test_what_cannot_be_read_is_abstained_from_with_the_reason(document: Document):
    (prediction,) = _ask(document)
    for facet in prediction.facets.values():
        assert facet.abstained
        assert facet.branch is None
        assert facet.reason
    assert 0 < prediction.relevance < 1


def test_evidence_is_words_of_the_text_and_labelled_papers_that_read_alike():
    rng = random.Random(5)
    text = sentence("smaller", rng, 60)
    (prediction,) = _ask(Document("Fewer bits", text))
    evidence = prediction.facets["direction"].evidence
    said = [line.removeprefix("says ") for line in evidence if line.startswith("says ")]
    assert said
    assert all(word in f"fewer bits {text}" for phrase in said for word in phrase.split())
    assert any(line.startswith("like ") and "smaller" in line for line in evidence)


def test_a_labelled_paper_is_judged_by_the_others_never_by_its_own_label():
    items = list(corpus())
    at = next(i for i, item in enumerate(items) if item is gold(items)[0])
    # The paper reads like `smaller` and was filed under `shorter`: its own label must not come back to it.
    rng = random.Random(11)
    odd = Document(
        "Quantization of weights in bits", sentence("smaller", rng, 60), arxiv_id=items[at].arxiv_id
    )
    from dataclasses import replace

    from kb.classify.training import train

    items[at] = replace(items[at], document=Document(odd.title, odd.abstract))
    classifier = train(items, vectors_of(items), cues_of(taxonomy()), model="fake")
    (prediction,) = classifier.predict([odd], FakeEmbedder().encode([odd.text]))
    assert prediction.facets["direction"].branch == "smaller"
    assert all(near.title != odd.title for near in prediction.near)


def test_headings_of_lists_are_evidence_beside_the_text():
    rng = random.Random(2)
    text = f"{sentence('shorter', rng, 12)} {sentence('faster', rng, 12)}"
    bare, filed = _ask(Document("Chains", text), Document("Chains", text, filed=("faster/sampling",)))
    a, b = (dict(p.facets["direction"].top)["faster"] for p in (bare, filed))
    assert b > a
    assert "lists file it under faster/sampling" in filed.facets["direction"].evidence


def test_a_heading_alone_places_a_paper_whose_text_cannot_be_read():
    (prediction,) = _ask(Document("", "", filed=("faster/sampling",)))
    assert prediction.facets["direction"].branch == "faster"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200), st.text(max_size=500))
def test_any_text_gets_an_answer_that_is_plain_data(title: str, abstract: str):
    for words_only in (False, True):
        (prediction,) = _ask(Document(title, abstract, id="x"), words_only=words_only)
        data = prediction.to_data()
        assert set(data) >= {"id", "direction", "scope", "relevance"}
        assert np.isfinite(data["relevance"])


def test_the_order_of_papers_and_their_company_do_not_matter():
    rng = random.Random(9)
    asked = [
        Document(sentence(kind, rng, 6), sentence(kind, rng, 30)) for kind in ("shorter", "faster", "out")
    ]
    together = [p.to_data() for p in _ask(*asked)]
    alone = [_ask(document)[0].to_data() for document in asked]
    assert together == alone


def test_a_direction_with_too_few_teachers_is_an_error_in_an_evaluation():
    items = list(corpus())
    table = Table(counts(item.document for item in items), None)
    with pytest.raises(ValueError, match="too few"):
        subset_classifier(items, table, np.arange(5), ("direction",))


def test_no_branch_that_the_taxonomy_lacks_is_ever_named():
    known = set(taxonomy().branches)
    for name, head in trained().words.items():
        if name in {"direction", "branch", "stage"}:
            assert set(head.classes) <= known
