"""What an expert would look for is found, counted and shown."""

from __future__ import annotations

import numpy as np

from kb.classify.cues import Cues, cues_of
from kb.classify.table import View, leaning, table_of
from kb.classify.text import Document
from kb.classify.training import train
from tests.classify.invent import corpus, taxonomy, vectors_of

CUES = Cues([("shorter", ["length penalt*", "overthink*"]), ("smaller/quantization", ["quantiz*", "4-bit"])])


def _count(title: str, abstract: str = "") -> list[float]:
    return CUES.counted([CUES.find(Document(title, abstract))])[0].tolist()


def test_a_star_stands_for_any_ending_and_hyphens_and_case_do_not_matter():
    assert _count("", "Length-Penalties cure overthinking") == [2, 0]
    assert _count("", "A 4-bit model, quantized") == [0, 2]
    assert _count("", "a length of penalties; overt thinking; bit 4") == [0, 0]


def test_a_cue_counts_once_however_often_it_is_said_and_twice_if_the_title_says_it():
    assert _count("", "overthinking, and again overthinking") == [1, 0]
    assert _count("Overthinking") == [2, 0]


def test_words_of_two_sentences_are_no_cue():
    assert _count("", "We bound the length. Penalties help.") == [0, 0]


def test_what_is_shown_is_what_the_text_says():
    found = CUES.find(Document("Quantization of weights", "4-bit weights"))
    assert CUES.said(found, "smaller") == ["quantization", "4 bit"]
    assert CUES.said(found, "shorter") == []


def test_cues_alone_lean_towards_their_direction_and_a_text_without_any_leans_nowhere():
    table = table_of([Document("Quantizing"), Document("Birds")], None, CUES)
    lean = leaning(table, ("shorter", "smaller", "faster"))
    assert lean[0].argmax() == 1
    assert np.allclose(lean[1], 0)


def test_every_cue_of_the_surveys_taxonomy_finds_itself():
    for branch, phrases in cues_of(taxonomy()).phrases:
        for phrase in phrases:
            found = Cues([(branch, [phrase])]).find(Document("", phrase.replace("*", "s")))
            assert len(found.abstract) == 1, phrase


def test_a_taxonomy_without_cues_still_classifies():
    items = corpus()
    classifier = train(items, vectors_of(items), Cues(), model="fake")
    assert not classifier.heads[View.CUES]
    assert classifier.predict([Document("decoding latency")], None)[0].facets["direction"].branch == "faster"
