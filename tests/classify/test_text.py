"""What is read of a paper, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.classify.text import (
    BUCKETS,
    MAX_CHARS,
    Document,
    bucket,
    counts,
    inverse_frequency,
    weigh,
)


def test_pairs_of_words_do_not_cross_sentences_and_the_title_counts_twice():
    found = Document("Short chains", "Chains cost. Tokens cost").grams
    assert found["short chain"] == 2
    assert found["chain cost"] == 1
    assert "cost token" not in found


def test_forms_of_a_word_are_one_and_are_shown_as_the_text_spells_them():
    document = Document("Pruning layers", "A pruned layer is cheap")
    assert document.grams["prun"] == 3
    assert document.spelled["prun"] == "pruning"
    assert document.spelled["prun layer"] == "pruning layers"


@pytest.mark.parametrize(
    ("title", "abstract", "why"),
    [
        ("", "", "neither title nor abstract"),
        (" \n", "\t", "neither title nor abstract"),
        ("1 + 1 = 2", "", "no words"),
        ("一种高效的推理方法", "本文提出了一种新的方法", "not in English"),
        ("Эффективные рассуждения", "Модели думают слишком долго", "not in English"),
        (
            "Une nouvelle recherche",
            "Nous montrons que les grands modèles de langue raisonnent trop longtemps sur des questions faciles",
            "not in English",
        ),
    ],
)
def test_a_text_that_cannot_be_judged_says_why(title: str, abstract: str, why: str):
    assert why in (Document(title, abstract).unreadable() or "")


def test_english_with_a_few_foreign_names_is_readable():
    assert (
        Document("On the naïve Łukasz φ-decoding of long chains", "We show that it works.").unreadable()
        is None
    )
    assert Document("Short chains").unreadable() is None


def test_a_megabyte_is_cut_before_anything_is_worked_out():
    document = Document("Overthinking", "tokens are wasted " * 70_000)
    assert len(document.text) <= 2 * MAX_CHARS
    assert document.unreadable() is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=200)), max_size=6))
def test_any_text_gives_rows_of_length_one_or_nothing(texts: list[tuple[str, str]]):
    tf = counts(Document(title, abstract) for title, abstract in texts)
    rows = weigh(tf, inverse_frequency(tf, least=1))
    for index in range(len(texts)):
        columns, values = rows.row(index)
        assert list(columns) == sorted(set(columns.tolist()))
        assert len(values) == 0 or np.isclose((values**2).sum(), 1.0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from("tokens chains weights cache votes drafts".split()), max_size=5),
        min_size=1,
        max_size=5,
    ),
    st.lists(
        st.lists(st.sampled_from("tokens chains weights cache votes drafts".split()), max_size=5),
        min_size=1,
        max_size=5,
    ),
)
def test_sparse_products_are_those_of_the_full_matrices(a: list[list[str]], b: list[list[str]]):
    left, right = (counts(Document(" ".join(words)) for words in rows) for rows in (a, b))

    def full(rows):  # type: ignore[no-untyped-def]
        out = np.zeros((len(rows), BUCKETS))
        for i in range(len(rows)):
            columns, values = rows.row(i)
            out[i, columns] = values
        return out

    assert np.allclose(left.products(right), full(left) @ full(right).T)
    assert np.allclose(left.joined(right).products(left), np.vstack([full(left), full(right)]) @ full(left).T)
    weights = np.random.default_rng(0).normal(size=(len(left), 2))
    assert np.allclose(left.transposed_dot(weights), full(left).T @ weights)
    dense = np.random.default_rng(1).normal(size=(BUCKETS, 3))
    assert np.allclose(left.dot(dense), full(left) @ dense)


def test_what_only_one_document_says_weighs_nothing():
    tf = counts([Document("alpha beta"), Document("alpha gamma")])
    idf = inverse_frequency(tf)
    assert idf[bucket("alpha")] > 0
    assert idf[bucket("beta")] == 0
