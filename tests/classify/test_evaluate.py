"""The measurements measure what they say."""

from __future__ import annotations

import numpy as np
import pytest

from kb.classify.cues import cues_of
from kb.classify.data import Example, Part
from kb.classify.evaluate import (
    Answers,
    Trained,
    direction_runs,
    folds,
    list_agreement,
    reliability,
    unseen_lists,
)
from kb.classify.report import figures, markdown
from kb.classify.screening import naive_bayes, read_for, wss
from kb.classify.simulate import decisions_needed
from kb.classify.table import Table, table_of
from kb.classify.text import Document, counts, inverse_frequency, weigh
from tests.classify.invent import FakeEmbedder, corpus, taxonomy, vectors_of


def test_folds_cover_every_item_once_and_spread_every_class():
    labels = ["a"] * 23 + ["b"] * 7
    fold = folds(labels, 5, seed=1)
    assert sorted(set(fold.tolist())) == [0, 1, 2, 3, 4]
    assert max(np.bincount(fold[:23])) - min(np.bincount(fold[:23])) <= 1
    assert (folds(labels, 5, seed=1) == fold).all()


def test_scores_of_known_answers():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    found = Answers(p, np.array([0, 1, 1, 1]), ("a", "b"))
    assert found.accuracy == 0.75
    assert found.at_coverage(0.25) == 1.0
    assert found.top(2) == 1.0
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)


def test_labels_shuffled_at_random_cannot_be_predicted():
    """No answer leaks into the fold that it is asked of: where labels mean nothing, accuracy is that of guessing."""
    rng = np.random.default_rng(0)
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split()
    items = [
        Example(
            Document(f"t{i}", " ".join(rng.choice(words, 20))), Part.GOLD, direction=d, branches=(f"{d}/x",)
        )
        for i, d in enumerate(rng.permutation(["shorter", "smaller", "faster"] * 30))
    ]
    table = Table(counts(item.document for item in items), vectors_of(items))
    runs, _ = direction_runs(items, table, lexical=False, repeats=2)
    assert np.mean([run.accuracy for run in runs]) < 0.5


def test_list_agreement_counts_only_papers_that_two_lists_file():
    def item(*votes: tuple[str, str]) -> Example:
        return Example(Document("x"), Part.GOLD, votes=votes)

    items = [item(("a", "shorter"), ("b", "shorter"))] * 8 + [item(("a", "shorter"), ("b", "faster"))] * 2
    items += [item(("a", "shorter"))] * 5
    assert list_agreement(items) == [{"lists": ["a", "b"], "papers": 10, "agree": 0.8}]
    assert 0.85 < reliability(items) < 0.92


def test_a_list_held_out_is_only_asked_about_papers_that_it_alone_files():
    items = corpus()
    table = table_of((item.document for item in items), None, cues_of(taxonomy()))
    alone = [
        item for item in items if item.part is Part.GOLD and {name for name, _ in item.votes} == {"a/list"}
    ]
    assert 0 < len(alone) < sum(item.part is Part.GOLD for item in items)
    (row,) = unseen_lists(items, table)
    assert (row["list"], row["papers"]) == ("a/list", len(alone))
    assert row["accuracy"] > 0.8


def test_classifiers_that_are_kept_answer_as_new_ones_do():
    items = corpus()
    table = table_of((item.document for item in items), None, cues_of(taxonomy()))
    kept: Trained = {}
    first, _ = direction_runs(items, table, lexical=True, repeats=1, trained=kept)
    again, _ = direction_runs(items, table, lexical=True, repeats=1, trained=kept)
    fresh, _ = direction_runs(items, table, lexical=True, repeats=1)
    assert len(kept) == 5
    assert np.array_equal(first[0].probabilities, fresh[0].probabilities)
    assert np.array_equal(first[0].probabilities, again[0].probabilities)


def test_work_saved_over_sampling_of_a_perfect_and_of_a_backwards_ranking():
    relevant = np.array([True] * 20 + [False] * 80)
    best = -np.arange(100.0)
    assert read_for(best, relevant) == pytest.approx(0.19)
    assert wss(best, relevant) == pytest.approx(0.76)
    assert wss(-best, relevant) < 0


def test_naive_bayes_finds_the_words_of_relevance():
    documents = [Document("", "tokens chains")] * 5 + [Document("", "birds rivers")] * 5
    tf = counts(documents)
    rows = weigh(tf, inverse_frequency(tf))
    relevant = np.array([True] * 5 + [False] * 5)
    scores = naive_bayes(rows, relevant, rows)
    assert scores[:5].min() > scores[5:].max()


@pytest.mark.slow
def test_the_whole_report_is_made_of_invented_papers_and_reads_well():
    items = corpus()
    titles = FakeEmbedder().encode([Document(item.document.title).text for item in items])
    found = figures(
        items,
        vectors_of(items),
        titles,
        FakeEmbedder().encode(["a", "b", "c"]),
        cues_of(taxonomy()),
        repeats=1,
    )
    assert found["direction"]["kb"]["all"]["accuracy"] > 0.9
    assert found["direction"]["kb, words only"]["all"]["accuracy"] > 0.9
    assert found["screening"]["rankings"]["kb"]["all"]["wss95"] > 0.3
    assert found["branches"]["among_three"] > 0.8
    text = markdown(found)
    assert "| kb, words only |" in text
    assert "nan" not in text


def test_the_simulated_queue_needs_no_more_decisions_than_there_are():
    items = corpus()
    found = decisions_needed(items, Table(counts(item.document for item in items), None), repeats=1)
    assert found["needed"]["queue"] is not None
    assert found["needed"]["queue"] <= found["all_decisions"]
    assert found["curve"][0]["queue"] == found["curve"][0]["random"]  # both start from the same papers
