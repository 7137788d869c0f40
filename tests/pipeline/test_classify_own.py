"""The classifier in another field: silent at first, then taught by the labels that people confirm."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from kb.classify.data import branches_of, facets_asked
from kb.classify.text import Document
from kb.config import Config, load_config
from kb.errors import UsageError
from kb.pipeline.classify import apply
from kb.pipeline.classify_own import LEAST, train_on_records
from kb.pipeline.init import NewSurvey, init
from kb.pipeline.triage_learn import ClassifierLearner
from kb.pipeline.voice import ForeignWeightsError, open_voice
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy, parse_taxonomy
from tests.classify.invent import FakeEmbedder

WORDS = {
    "forecasting": "horizon forecast future trend season".split(),
    "detection": "anomaly outlier alarm fault deviation".split(),
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A survey of time series, without papers."""
    init(
        tmp_path / "kb",
        NewSurvey(
            title="Series", facets=("Task: Forecasting, Detection", "Data: Medical, Traffic"), github=False
        ),
    )
    return load_config(tmp_path / "kb", {})


def add(config: Config, confirmed: Iterable[str], waiting: Iterable[str] = ()) -> None:
    """Records whose titles speak of their branch: with a confirmed label, or without any."""
    rng = random.Random(1)
    config.papers_dir.mkdir(exist_ok=True)
    labels = [(branch, True) for branch in confirmed] + [(branch, False) for branch in waiting]
    for number, (branch, sure) in enumerate(labels):
        title = f"{' '.join(rng.sample(WORDS[branch], 4)).capitalize()} number {number}"
        told = [{"branch": branch, "by": "person", "source": "Ada", "state": "confirmed"}] if sure else []
        key = f"ada2025paper{number}-{branch}"
        paper = Paper.from_data(key, {"title": title, "authors": ["Ada Lo"], "labels": told})
        (config.papers_dir / f"{key}.yaml").write_text(render_record(paper), encoding="utf-8")


def labels(config: Config, by: str) -> dict[str, set[str]]:
    from kb.pipeline.store import open_library

    return {
        key: {label.branch for label in paper.labels if label.by == by}
        for key, paper in open_library(config).items()
    }


def named(config: Config) -> Config:
    """With the folder of weights in kb.toml."""
    path = config.root / "kb.toml"
    path.write_text(
        path.read_text(encoding="utf-8") + '\n[classify]\nweights = "weights"\n', encoding="utf-8"
    )
    return load_config(config.root, {})


def test_weights_of_another_field_say_nothing(config: Config) -> None:
    """One line with what they know and how to go on; no record and no candidate is touched."""
    add(config, [], ["forecasting"])
    before = {path: path.read_bytes() for path in config.papers_dir.iterdir()}
    with pytest.raises(ForeignWeightsError, match="sort papers into shorter, smaller, faster") as caught:
        apply(config, words_only=True)
    assert "kb classify train" in str(caught.value)
    assert {path: path.read_bytes() for path in config.papers_dir.iterdir()} == before


@pytest.mark.parametrize(
    "confirmed",
    [
        [],
        ["forecasting"] * LEAST,
        ["forecasting"] * LEAST + ["detection"] * 2,
        ["forecasting"] * 8 + ["detection"] * 8,
    ],
    ids=["none", "one branch", "two of the other", "too few"],
)
def test_too_few_labels_teach_nothing(config: Config, confirmed: list[str]) -> None:
    """The line says how many there are and how many are needed; no weights are written."""
    add(config, confirmed)
    with pytest.raises(
        UsageError, match=rf"{len(confirmed)} papers have a confirmed task; {LEAST} are needed"
    ):
        train_on_records(config, words_only=True)
    assert not (config.root / "weights").exists()


def test_what_people_confirmed_sorts_the_rest(config: Config) -> None:
    """Proposals in the survey's own facet, right for papers it has not seen; none where a person decided; twice the same."""
    add(config, ["forecasting", "detection"] * 12, ["forecasting", "detection"] * 3)
    _, files, notices = train_on_records(config, words_only=True)
    assert notices == []
    assert [path.parent for path in files] == [config.root / "weights"] * 2
    own = named(config)
    report = apply(own)
    assert "without a task" in str(report)
    for key, branches in labels(own, "classifier").items():
        wanted = set() if labels(own, "person")[key] else {key.rpartition("-")[2]}
        assert branches == wanted, key
    assert apply(own).changed == []


def test_embeddings_are_learned_from_where_there_is_a_model(config: Config) -> None:
    """And without one words go on alone, and that is said."""
    add(config, ["forecasting", "detection"] * 12)
    classifier, _, _ = train_on_records(config, embedder=FakeEmbedder())
    assert classifier.model == FakeEmbedder().name
    assert open_voice(named(config), embedder=FakeEmbedder()).notices == []


def test_the_same_labels_give_the_same_weights(config: Config) -> None:
    """Byte for byte."""
    add(config, ["forecasting", "detection"] * 12)
    _, files, _ = train_on_records(config, words_only=True)
    first = [path.read_bytes() for path in files]
    train_on_records(config, words_only=True)
    assert [path.read_bytes() for path in files] == first


def test_predictions_are_told_by_the_facets_of_the_survey(config: Config) -> None:
    """Not by the names of the first field's; relevance, which nobody taught, ranks no candidate."""
    add(config, ["forecasting", "detection"] * 12)
    train_on_records(config, words_only=True)
    own = named(config)
    (said,) = open_voice(own).predict([Document("An alarm for every anomaly and fault")])
    assert list(said.facets) == ["task"]
    assert (said.facets["task"].facet, said.facets["task"].branch) == ("task", "detection")
    assert "direction" not in json.dumps(said.to_data())
    assert apply(own).relevance == {}


def test_triage_goes_on_without_a_classifier(config: Config) -> None:
    """It is told once, and nothing is learned."""
    add(config, ["forecasting"])
    learner = ClassifierLearner()
    assert "sort papers into" in learner(config, {}, ("task",)).lines[0]
    assert learner(config, {}, ("task",)).lines == ()


def test_which_facet_is_asked_about(config: Config) -> None:
    """By name where there is a direction; else the first facet, the next one, and the scope."""
    assert facets_asked(load_taxonomy(config.taxonomy_path)) == {
        "direction": "task",
        "stage": "data",
        "scope": "scope",
    }
    branch = "branches: [{id: a, title: A, description: A}]"
    other = parse_taxonomy(
        f"facets:\n  - {{id: stage, title: S, description: S, {branch}}}\n"
        f"  - {{id: direction, title: D, description: D, {branch.replace('id: a', 'id: b')}}}\n",
        file="taxonomy.yaml",
    )
    assert facets_asked(other) == {"direction": "direction", "stage": "stage"}


def test_headings_of_the_first_fields_lists_mean_nothing_elsewhere(config: Config) -> None:
    """A branch that this taxonomy does not have is none; its own titles and aliases are."""
    taxonomy = load_taxonomy(config.taxonomy_path)
    assert branches_of("Long-to-Short Chain of Thought", taxonomy) == ()
    assert branches_of("Papers > Forecasting", taxonomy) == ("forecasting",)
