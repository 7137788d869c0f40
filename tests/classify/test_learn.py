"""Corrections become training data."""

from __future__ import annotations

import random
import time

from kb.classify.learn import confirmed_example, relearn, what_changed
from kb.classify.table import View
from kb.classify.text import Document
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from tests.classify.invent import FakeEmbedder, corpus, gold, sentence, taxonomy, trained


def _confirmed(title: str, *branches: str) -> Paper:
    labels = tuple(
        Assignment(branch=b, by=Witness.PERSON, source="Ada", state=AssignmentState.CONFIRMED)
        for b in branches
    )
    return Paper(key="p", title=title, labels=labels)


def test_a_confirmed_label_is_an_example_in_its_facet_only():
    found = confirmed_example(_confirmed("x", "shorter/rl", "core"), Document("x"), taxonomy())
    assert found is not None
    assert (found.direction, found.branches, found.scope, found.stage) == (
        "shorter",
        ("shorter/rl",),
        "core",
        None,
    )
    assert confirmed_example(Paper(key="p", title="x"), Document("x"), taxonomy()) is None


def test_corrections_move_papers_that_read_alike_in_under_a_few_seconds():
    rng = random.Random(21)
    # A way of speaking that no labelled paper knows: soap bubbles, which people say are `faster`.
    texts = [
        Document(f"Soap bubbles {i}", "iridescent soap bubbles film " * 4 + sentence("out", rng, 4))
        for i in range(12)
    ]
    asked = Document("More soap bubbles", "an iridescent film of soap bubbles")
    examples = [
        example
        for text in texts
        if (example := confirmed_example(_confirmed(text.title, "faster/sampling"), text, taxonomy()))
    ]
    start = time.monotonic()
    taught = relearn(trained(), examples, FakeEmbedder().encode([t.text for t in texts]))
    assert time.monotonic() - start < 10
    vectors = FakeEmbedder().encode([asked.text])
    before, after = trained().predict([asked], vectors)[0], taught.predict([asked], vectors)[0]
    likely = [dict(p.facets["direction"].top)["faster"] for p in (before, after)]
    assert likely[1] > likely[0] + 0.2
    changes = what_changed({"k": before}, {"k": after})
    assert not changes or "k: direction" in str(changes[0])
    assert what_changed({"k": before}, {"k": before}) == []


def test_a_persons_word_replaces_what_lists_said_of_the_same_paper():
    item = gold(corpus())[0]
    paper = _confirmed(item.document.title, "faster")
    example = confirmed_example(paper, item.document, taxonomy())
    assert example is not None
    taught = relearn(trained(), [example], FakeEmbedder().encode([item.document.text]))
    same = [row for row in taught.items if row.document.title == item.document.title]
    assert [row.direction for row in same] == ["faster"]
    assert same[0].scope == item.scope  # of which the person said nothing
    assert len(taught.items) == len(trained().items)


def test_without_corrections_nothing_is_learned_anew():
    assert relearn(trained(), [], None) is trained()


def test_words_learn_even_where_there_is_no_model():
    item = gold(corpus())[0]
    example = confirmed_example(
        _confirmed("A new one", "faster"), Document("A new one", item.document.abstract), taxonomy()
    )
    assert example is not None
    taught = relearn(trained(), [example], None)
    assert not taught.heads[View.SENSE]
    assert taught.predict([Document("decoding latency")], None)[0].facets["direction"].branch == "faster"
