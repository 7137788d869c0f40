"""`kb classify` from the command line and around the records."""

from __future__ import annotations

import io
import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from kb.classify.model import LABEL_SOURCE
from kb.classify.saved import MEANING, NUMBERS
from kb.config import load_config
from kb.errors import DataError, KbError
from kb.pipeline import classify as run
from kb.pipeline.classify_data import train_weights, write_figures
from kb.pipeline.relevance import load_relevance
from kb.pipeline.store import open_store
from kb.pipeline.voice import WORDS_ONLY, open_voice
from kb.records.candidates import Candidate, CandidateState, render_candidates
from kb.records.library import load_library, render_record
from kb.records.models import Assignment, AssignmentState, Identifiers, Paper, Witness
from tests.classify.invent import (
    TAXONOMY,
    BrokenEmbedder,
    FakeEmbedder,
    raw,
    sentence,
    taxonomy,
    write_data,
)
from tests.pipeline.kbase import KnowledgeBase, tree


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights trained on invented papers with the embedder `fake`, by the command's own code."""
    folder = tmp_path_factory.mktemp("trained")
    config = _empty(folder / "kb")
    data = write_data(folder / "data", raw())
    train_weights(config, data, folder / "weights", embedder=FakeEmbedder())
    return folder / "weights"


def _empty(root: Path, toml: str = ""):  # type: ignore[no-untyped-def]
    root.mkdir(parents=True, exist_ok=True)
    (root / "kb.toml").write_text(toml, encoding="utf-8")
    shutil.copy(TAXONOMY, root / "taxonomy.yaml")
    return load_config(root, {})


def _papers() -> list[Paper]:
    rng = random.Random(4)
    found = []
    for i, kind in enumerate(["shorter", "smaller", "faster"] * 3):
        found.append(
            Paper(
                key=f"paper{i}",
                title=f"{sentence(kind, rng, 9).capitalize()} {i}",
                abstract=sentence(kind, rng, 60),
                authors=({"name": "Ada Almeida"},),  # type: ignore[arg-type]
                identifiers=Identifiers(arxiv_id=f"2503.{i:05d}"),
            )
        )
    return found


def _label(
    branch: str, state: AssignmentState, by: Witness = Witness.PERSON, source: str = "Ada"
) -> Assignment:
    return Assignment(branch=branch, by=by, source=source, state=state)


@pytest.fixture
def base(tmp_path: Path, weights: Path):  # type: ignore[no-untyped-def]
    """A knowledge base with nine invented records and weights of its own."""
    config = _empty(tmp_path / "base", '[classify]\nmodel = "fake"\nweights = "weights"\n')
    shutil.copytree(weights, config.root / "weights")
    config.papers_dir.mkdir()
    for paper in _papers():
        _write(config.root, paper)
    return config


def _write(root: Path, paper: Paper) -> None:
    (root / "papers" / f"{paper.key}.yaml").write_text(render_record(paper), encoding="utf-8")


def _own(paper: Paper) -> list[Assignment]:
    return [label for label in paper.labels if label.by is Witness.CLASSIFIER]


def test_every_record_gets_proposals_with_confidence_and_evidence_and_a_second_run_changes_no_byte(base):
    report = run.apply(base, embedder=FakeEmbedder())
    papers = load_library(base.papers_dir)
    assert sorted(report.changed) == sorted(papers)
    assert len(papers) == 9
    for paper in papers.values():
        for label in _own(paper):
            assert label.source == LABEL_SOURCE
            assert label.state is AssignmentState.PROPOSED
            assert label.confidence is not None
            assert label.confidence == round(label.confidence, 2)
            assert label.evidence
    found = {p.key: {label.branch.split("/")[0] for label in _own(p)} for p in papers.values()}
    assert all(kind in found[f"paper{i}"] for i, kind in enumerate(["shorter", "smaller", "faster"] * 3))
    before = tree(base.root)
    again = run.apply(base, embedder=FakeEmbedder())
    assert again.changed == []
    assert tree(base.root) == before


def test_a_dry_run_writes_nothing_and_counts_the_same(base):
    before = tree(base.root)
    report = run.apply(base, embedder=FakeEmbedder(), dry_run=True)
    assert len(report.changed) == 9
    assert tree(base.root) == before


def test_what_people_and_lists_said_stays_and_older_proposals_of_its_own_go(base):
    paper = _papers()[0]
    labels = (
        _label("shorter", AssignmentState.PROPOSED, Witness.LIST, "a/list"),
        _label("shorter/rl", AssignmentState.REJECTED),
        Assignment(branch="faster", by=Witness.CLASSIFIER, source="kb-classifier/0", confidence=0.6),
        Assignment(branch="smaller", by=Witness.CLASSIFIER, source="another/1", confidence=0.6),
        _label("core", AssignmentState.CONFIRMED, Witness.CLASSIFIER, "kb-classifier/0"),
    )
    _write(base.root, paper.model_copy(update={"labels": labels}))
    run.apply(base, embedder=FakeEmbedder())
    after = load_library(base.papers_dir)[paper.key].labels
    assert [label for label in labels if label in after] == [labels[0], labels[1], labels[3], labels[4]]
    fresh = [label for label in after if label.source == LABEL_SOURCE]
    assert "shorter/rl" not in {label.branch for label in fresh}  # rejected once
    assert not any(taxonomy().facet_of(label.branch) == "scope" for label in fresh)  # settled by a person


def test_comments_and_other_fields_of_a_record_are_left_as_they_are(base):
    path = base.papers_dir / "paper0.yaml"
    path.write_text("# by hand\n" + path.read_text() + "venue: ICML 2025  # seen there\n", encoding="utf-8")
    run.apply(base, embedder=FakeEmbedder())
    text = path.read_text()
    assert text.startswith("# by hand\n")
    assert "venue: ICML 2025  # seen there" in text


def test_a_model_that_cannot_be_loaded_is_one_line_and_words_alone_go_on(base):
    report = run.apply(base, embedder=BrokenEmbedder())
    assert len(report.notices) == 1
    assert "cannot be loaded" in report.notices[0]
    assert WORDS_ONLY in report.notices[0]
    sources = {label.source for p in load_library(base.papers_dir).values() for label in _own(p)}
    assert sources == {WORDS_ONLY}


def test_words_alone_never_replace_what_the_whole_classifier_said(base):
    run.apply(base, embedder=FakeEmbedder())
    before = {key: paper for key, paper in load_library(base.papers_dir).items() if _own(paper)}
    assert len(before) >= 8
    run.apply(base, words_only=True)
    after = load_library(base.papers_dir)
    assert {key: after[key] for key in before} == before


def test_weights_of_another_model_are_not_used_with_this_one(base):
    voice = open_voice(base, embedder=FakeEmbedder("other"))
    assert voice.embedder is None
    assert "belong to fake, not to other" in voice.notices[0]


def test_confirmed_labels_teach_without_the_original_data(base):
    store = open_store(base)
    plain = open_voice(base, embedder=FakeEmbedder())
    assert run.with_corrections(plain, store, run.documents_of(store)) is plain
    paper = _papers()[0]
    _write(base.root, paper.model_copy(update={"labels": (_label("faster", AssignmentState.CONFIRMED),)}))
    store = open_store(base)
    predictions, taught = run.predict_records(store, plain)
    assert len(taught.classifier.items) == len(plain.classifier.items) + 1
    assert set(predictions) == set(store.library)
    run.apply(base, embedder=FakeEmbedder())
    own = _own(load_library(base.papers_dir)[paper.key])
    assert not any(taxonomy().facet_of(label.branch) == "direction" for label in own)


def test_candidates_are_ranked_by_relevance(base):
    rng = random.Random(8)
    waiting = tuple(
        Candidate(id=f"c-{kind}", state=CandidateState.CANDIDATE, title=sentence(kind, rng, 20), reason="new")
        for kind in ("shorter", "out")
    )
    base.candidates_path.write_text(render_candidates(waiting), encoding="utf-8")
    report = run.apply(base, embedder=FakeEmbedder())
    assert report.relevance["c-shorter"] > report.relevance["c-out"]
    assert load_relevance(base) == report.relevance


def test_abstracts_come_from_the_git_ignored_cache(base):
    sources = base.papers_dir / "_sources"
    sources.mkdir()
    row = {"entry": {"source": "arxiv", "entry_id": "2503.00000", "title": "x"}, "paper": "paper0"}
    (sources / "arxiv.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    _write(base.root, _papers()[0].model_copy(update={"abstract": None}))
    base.state_dir.mkdir(exist_ok=True)
    with sqlite3.connect(base.state_dir / "abstracts.sqlite") as database:
        database.execute("CREATE TABLE abstract (ref TEXT PRIMARY KEY, text TEXT NOT NULL)")
        database.execute("INSERT INTO abstract VALUES ('arxiv 2503.00000', 'of budgets')")
    database.close()
    documents = run.documents_of(open_store(base))
    assert documents["paper0"].abstract == "of budgets"
    assert documents["paper1"].abstract == _papers()[1].abstract


def test_the_same_data_give_the_same_weights_byte_for_byte(tmp_path: Path, weights: Path):
    config = _empty(tmp_path / "kb")
    data = write_data(tmp_path / "data", raw())
    train_weights(config, data, tmp_path / "again", embedder=FakeEmbedder())
    for name in (NUMBERS, MEANING):
        assert (tmp_path / "again" / name).read_bytes() == (weights / name).read_bytes()


def test_training_data_that_are_missing_or_wrong_are_named(tmp_path: Path):
    config = _empty(tmp_path / "kb")
    with pytest.raises(DataError, match=r"gold_labels_dev\.jsonl"):
        train_weights(config, tmp_path, tmp_path / "out", embedder=FakeEmbedder())
    data = write_data(tmp_path / "data", raw(4))
    (data / "silver_labels_dev.jsonl").write_text('{"title": "a"}\nnonsense\n')
    with pytest.raises(DataError, match=r"silver_labels_dev\.jsonl:2"):
        train_weights(config, data, tmp_path / "out", embedder=FakeEmbedder())


def test_kbs_own_weights_are_not_overwritten_with_those_of_another_model(tmp_path: Path):
    config = _empty(tmp_path / "kb")
    data = write_data(tmp_path / "data", raw(4))
    with pytest.raises(KbError, match="--out weights"):
        train_weights(config, data, embedder=FakeEmbedder())


def test_figures_go_into_benchmarks_and_onto_the_page_of_the_site_that_asks_for_them(tmp_path, monkeypatch):
    config = _empty(tmp_path / "kb")
    monkeypatch.setattr("kb.pipeline.classify_data.markdown", lambda found: f"right: {found['right']}")
    assert len(write_figures(config, {"right": 1})) == 2  # no such page
    page = config.root / "site" / "docs" / "sorting.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Ours\n<!-- classify -->\nold\n<!-- /classify -->\nafter\n", encoding="utf-8")
    assert page in write_figures(config, {"right": 2})
    for path in (page, config.root / "benchmarks" / "README.md"):
        text = path.read_text("utf-8")
        assert "<!-- classify -->\n\nright: 2\n\n<!-- /classify -->" in text
        assert "old" not in text
        assert "right: 1" not in text
    assert page.read_text("utf-8").startswith("# Ours\n")
    assert page.read_text("utf-8").endswith("after\n")
    assert json.loads((config.root / "benchmarks" / "classify.json").read_text("utf-8")) == {"right": 2}


# The command


def _predict(config, *lines: str, more: tuple[str, ...] = (), capsys) -> tuple[int, list[dict], str]:  # type: ignore[no-untyped-def, type-arg]
    from kb import cli

    path = config.root / "asked.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    capsys.readouterr()
    code = cli.main(
        ["--root", str(config.root), "classify", "predict", str(path), "--words-only", "--json", *more]
    )
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_one_line_in_one_line_out_in_order(base, capsys):
    rng = random.Random(1)
    lines = [
        json.dumps({"id": n, "title": sentence(kind, rng, 8), "abstract": sentence(kind, rng, 40)})
        for n, kind in enumerate(["shorter", "smaller", "faster"] * 100)
    ]
    code, found, _ = _predict(base, *lines, capsys=capsys)
    assert code == 0
    assert [row["id"] for row in found] == [str(n) for n in range(300)]
    right = sum(
        row["direction"]["branch"] == k
        for row, k in zip(found, ["shorter", "smaller", "faster"] * 100, strict=True)
    )
    assert right > 280
    assert set(found[0]["direction"]) >= {"branch", "probability", "abstained", "evidence", "top"}


def test_wrong_lines_are_named_and_cost_only_themselves(base, capsys):
    lines = (
        '{"title": "Concise tokens"}',
        "not json",
        "",
        '{"title": 5}',
        "[1, 2]",
        '{"title": "x", "id": [1]}',
        '{"title": "x", "headings": "y"}',
        '{"title": null, "abstract": null}',
        '{"title": "\\ud800 lone surrogate", "abstract": "tokens"}',
        "[" * 5000,
        '{"title": "Quantized weights", "id": "last"}',
    )
    code, found, err = _predict(base, *lines, capsys=capsys)
    assert code == 7
    assert len(found) == 4
    assert found[-1]["id"] == "last"
    for number in (2, 4, 5, 6, 7, 10):
        assert f"asked.jsonl:{number}: " in err
    assert len(err.splitlines()) == 6


def test_a_megabyte_of_text_and_other_languages_are_answered(base, capsys):
    code, found, _ = _predict(
        base,
        json.dumps({"title": "Tokens", "abstract": "concise tokens " * 70_000}),
        json.dumps({"title": "一种高效的推理方法", "abstract": "本文"}, ensure_ascii=False),
        capsys=capsys,
    )
    assert code == 0
    assert found[0]["direction"]["branch"] == "shorter"
    assert found[1]["direction"]["abstained"]
    assert "English" in found[1]["direction"]["reason"]


def test_standard_input_and_a_file_that_is_not_there(base, capsys, monkeypatch):
    from kb import cli

    class _Stdin:
        buffer = io.BytesIO(b'{"title": "Concise tokens"}\n')

    monkeypatch.setattr("sys.stdin", _Stdin())
    assert cli.main(["--root", str(base.root), "classify", "predict", "-", "--words-only"]) == 0
    assert "direction" in capsys.readouterr().out
    assert cli.main(["--root", str(base.root), "classify", "predict", str(base.root / "none.jsonl")]) == 2
    assert "none.jsonl cannot be read" in capsys.readouterr().err


def test_a_plain_install_classifies_with_kbs_own_weights_and_says_what_is_missing(tmp_path: Path, capsys):
    """No kb.toml setting, no torch, records or not: words alone answer, and one line names the fallback."""
    from importlib.util import find_spec

    base = KnowledgeBase(tmp_path / "kb", capsys=capsys)
    shutil.copy(TAXONOMY, base.root / "taxonomy.yaml")
    path = tmp_path / "p.jsonl"
    path.write_text('{"title": "4-bit quantization of reasoning models"}\n')
    done = base.run("classify", "predict", str(path), "--json")
    assert done.code == 0
    assert json.loads(done.out)["direction"]["branch"] == "smaller"
    if find_spec("sentence_transformers") is None:
        assert len(done.err.splitlines()) == 1
        assert WORDS_ONLY in done.err


@pytest.mark.slow
def test_evaluate_writes_its_figures_between_its_markers(base, tmp_path: Path, capsys):
    from kb import cli

    data = write_data(tmp_path / "data", raw(12))
    arguments = ["--root", str(base.root), "classify", "evaluate", "--data", str(data), "--words-only"]
    assert cli.main([*arguments, "--repeats", "1"]) == 0
    readme = (base.root / "benchmarks" / "README.md").read_text()
    assert "| kb, words only |" in readme
    (base.root / "benchmarks" / "README.md").write_text(readme + "\nother things\n")
    assert cli.main([*arguments, "--repeats", "1"]) == 0
    again = (base.root / "benchmarks" / "README.md").read_text()
    assert again == readme + "\nother things\n"
    assert json.loads((base.root / "benchmarks" / "classify.json").read_text())["model"] is None
