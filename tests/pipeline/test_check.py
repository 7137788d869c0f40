"""`kb check`: each named check finds the defect it is for, at its line, and is silent on a clean base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kb.pipeline.check import CHECKS, Finding, Severity, check
from kb.pipeline.schemas import write_schemas
from kb.pipeline.store import write_rows
from kb.reconcile.merge import Conflict, render_conflicts
from kb.reconcile.rows import Row
from kb.records.candidates import Candidate, CandidateState, render_candidates
from kb.records.citations import render_citations
from kb.records.files import write_atomic
from kb.records.paper_map import MapLine, PaperMap, render_map
from kb.sources.entry import SourceEntry
from tests.pipeline.kbase import KnowledgeBase
from tests.reported import line, write_words
from tests.reported import write_rows as report

FRUGAL = """\
title: Frugal Chains
authors:
  - Ada Almeida
identifiers:
  arxiv_id: "2401.10000"
  arxiv_version: 2
labels:
  - branch: shorter
    by: person
    source: Ada Almeida
    state: confirmed
review:
  state: done
  problem: P.
  approach: A.
  insight: I.
  critique: C.
  reviewer: Hana Jensen
  date: "2026-01-31"
claims:
  - id: c1
    statement: It is short.
    arxiv_version: 2
"""
THRIFTY = """\
title: Thrifty Votes
authors: [Jun Fukuda]
labels:
  - {branch: smaller, by: list, source: someone/list}
"""
STAGES = """\
  - id: stage
    title: Stage
    description: When.
    single: true
    branches:
      - {id: training, title: Training, description: While it learns.}
      - {id: serving, title: Serving, description: While it answers.}
"""


def seen(source: str, entry_id: str, paper: str, **fields: Any) -> Row:
    return Row(entry=SourceEntry(source=source, entry_id=entry_id, **fields), paper=paper)


@pytest.fixture
def clean(base: KnowledgeBase) -> KnowledgeBase:
    """Two records that no check has anything to say about."""
    (base.root / "papers").mkdir()
    base.path("almeida2024frugal").write_text(FRUGAL)
    base.path("fukuda2024thrifty").write_text(THRIFTY)
    taxonomy = base.root / "taxonomy.yaml"
    taxonomy.write_text(taxonomy.read_text() + STAGES)
    rows(base, seen("arxiv", "2401.10000", "almeida2024frugal", title="Frugal Chains!"))
    return base


def rows(base: KnowledgeBase, *found: Row) -> None:
    store = base.store()
    write_rows(store, [*store.rows.values(), *found])


def candidates(base: KnowledgeBase, *found: Candidate) -> None:
    write_atomic(base.config.candidates_path, render_candidates(found))


def conflicts(base: KnowledgeBase, *found: Conflict) -> None:
    write_atomic(base.config.sources_dir / "_conflicts.jsonl", render_conflicts(found))


def edited_schema(base: KnowledgeBase) -> None:
    write_schemas(base.config)
    path = base.root / "schema" / "paper.json"
    path.write_text(path.read_text().replace("As printed", "As you like"))


def decide(base: KnowledgeBase, text: str) -> None:
    base.config.decisions_path.write_text(text)


def found(base: KnowledgeBase, *names: str) -> list[Finding]:
    return check(base.config, names)


def test_a_clean_base_is_silent(clean: KnowledgeBase) -> None:
    """No check warns of what is right."""
    assert found(clean) == []
    out = clean.run("check")
    assert (out.code, out.out.strip()) == (0, "no errors, no warnings")


def test_an_empty_base_is_clean(base: KnowledgeBase) -> None:
    """A knowledge base may begin with nothing in it."""
    assert found(base) == []


def write_map(base: KnowledgeBase, *keys: str) -> None:
    lines = {key: MapLine(paper=key, x=0.0, y=0.0, placed="layout", read="title", text="t") for key in keys}
    write_atomic(base.root / "papers" / "_map.jsonl", render_map(PaperMap("m", lines)))


def write_citations(base: KnowledgeBase, key: str) -> None:
    text = render_citations({("semantic-scholar", "almeida2024frugal"): (key,)})
    write_atomic(base.root / "papers" / "_citations.jsonl", text)


@dataclass
class Planted:
    """A defect, and what its check has to say of it."""

    check: str
    plant: Callable[[KnowledgeBase], None]
    file: str
    line: int | None
    message: str
    severity: Severity = Severity.WARNING


def _edit(key: str, old: str, new: str) -> Callable[[KnowledgeBase], None]:
    return lambda base: base.edit(key, old, new)


def _report(*lines: str) -> Callable[[KnowledgeBase], None]:
    def plant(base: KnowledgeBase) -> None:
        report(write_words(base.root / "results"), "the-card", *lines)

    return plant


DEFECTS = [
    Planted(
        "branches-exist",
        _edit("fukuda2024thrifty", "branch: smaller,", "branch: shorter/smaller,"),
        "papers/fukuda2024thrifty.yaml",
        4,
        "no branch shorter/smaller (fix: did you mean smaller?)",
        Severity.ERROR,
    ),
    Planted(
        "single-facets",
        _edit(
            "almeida2024frugal",
            "review:",
            "  - {branch: training, by: person, source: A, state: confirmed}\n"
            "  - {branch: serving, by: person, source: A, state: confirmed}\nreview:",
        ),
        "papers/almeida2024frugal.yaml",
        7,
        "2 confirmed branches of stage, which allows one",
        Severity.ERROR,
    ),
    Planted(
        "labels-have-confidence",
        _edit("almeida2024frugal", "review:", "  - {branch: smaller, by: classifier, source: v1}\nreview:"),
        "papers/almeida2024frugal.yaml",
        12,
        "a classifier's label without confidence",
        Severity.ERROR,
    ),
    Planted(
        "identifiers-unique",
        _edit("fukuda2024thrifty", "labels:", 'identifiers:\n  arxiv_id: "2401.10000"\nlabels:'),
        "papers/fukuda2024thrifty.yaml",
        4,
        "arxiv_id 2401.10000 stands in almeida2024frugal too",
        Severity.ERROR,
    ),
    Planted(
        "titles-unique",
        _edit("fukuda2024thrifty", "Thrifty Votes", "FRUGAL chains."),
        "papers/fukuda2024thrifty.yaml",
        1,
        "the same title as almeida2024frugal",
    ),
    Planted(
        "reviews-signed",
        _edit("almeida2024frugal", "  insight: I.\n  critique: C.\n  reviewer: Hana Jensen\n", ""),
        "papers/almeida2024frugal.yaml",
        12,
        "done, but without insight, critique, reviewer",
        Severity.ERROR,
    ),
    Planted(
        "claims-current",
        _edit("almeida2024frugal", "    arxiv_version: 2\n", "    arxiv_version: 1\n"),
        "papers/almeida2024frugal.yaml",
        21,
        "the claim c1 is pinned to version 1; version 2 is out",
    ),
    Planted(
        "claim-ids-unique",
        _edit("almeida2024frugal", "claims:\n", "claims:\n  - {id: c1, statement: Another.}\n"),
        "papers/almeida2024frugal.yaml",
        22,
        "the claim id c1 is used twice",
        Severity.ERROR,
    ),
    Planted(
        "claim-words",
        _edit("almeida2024frugal", "    arxiv_version: 2\n", "    variant: {method: [gtpq]}\n"),
        "papers/almeida2024frugal.yaml",
        23,
        "the claim c1 names an unknown method: gtpq",
        Severity.ERROR,
    ),
    Planted(
        "withdrawn",
        _edit(
            "fukuda2024thrifty",
            "labels:",
            "publication_state: withdrawn\nwithdrawn_reason: a wrong proof\nlabels:",
        ),
        "papers/fukuda2024thrifty.yaml",
        3,
        "withdrawn: a wrong proof",
    ),
    Planted(
        "conflicts",
        lambda base: conflicts(
            base, Conflict(paper="almeida2024frugal", field="identifiers.arxiv_version", ours=2, theirs=3)
        ),
        "papers/almeida2024frugal.yaml",
        6,
        "the record says 2, the sources say 3",
    ),
    Planted(
        "removed-at-source",
        lambda base: rows(base, seen("zotero", "ABCD1234", "fukuda2024thrifty", removed=True)),
        "papers/fukuda2024thrifty.yaml",
        1,
        "every source that named it has removed it",
    ),
    Planted(
        "arxiv-titles",
        lambda base: rows(
            base, seen("arxiv", "2402.00001", "fukuda2024thrifty", title="Galaxy Clusters at Night")
        ),
        "papers/fukuda2024thrifty.yaml",
        1,
        "arXiv calls 2402.00001 'Galaxy Clusters at Night'",
    ),
    Planted(
        "suspicious",
        lambda base: candidates(
            base,
            Candidate(
                id="c-1a2b3c4d",
                state=CandidateState.SUSPICIOUS,
                title="Thrifty Vote",
                seen_in=("zotero ABCD1234",),
                reason="like fukuda2024thrifty",
                like=("fukuda2024thrifty",),
            ),
        ),
        "papers/_candidates.jsonl",
        None,
        "c-1a2b3c4d Thrifty Vote: like fukuda2024thrifty (fix: kb same c-1a2b3c4d fukuda2024thrifty,",
    ),
    Planted(
        "decisions",
        lambda base: decide(base, "merged:\n  - {gone: almeida2023frugal, into: nobody2024nothing}\n"),
        "papers/_decisions.yaml",
        None,
        "almeida2023frugal was merged into nobody2024nothing, which is no record",
        Severity.ERROR,
    ),
    Planted(
        "decisions",
        lambda base: decide(base, "merged:\n  - {gone: fukuda2024thrifty, into: almeida2024frugal}\n"),
        "papers/fukuda2024thrifty.yaml",
        1,
        "fukuda2024thrifty was merged away and is here again",
        Severity.ERROR,
    ),
    Planted(
        "deleted-records",
        lambda base: rows(base, seen("zotero", "ABCD1234", "jensen2024gone")),
        "papers/_sources",
        None,
        "papers/jensen2024gone.yaml was deleted by hand",
    ),
    Planted("schemas", edited_schema, "schema/paper.json", None, "is old, or was edited by hand"),
    Planted(
        "unlabelled",
        _edit("fukuda2024thrifty", "labels:\n  - {branch: smaller, by: list, source: someone/list}\n", ""),
        "papers/fukuda2024thrifty.yaml",
        1,
        "no branch of the taxonomy",
    ),
    Planted(
        "map",
        lambda base: write_map(base, "almeida2024frugal"),
        "papers/_map.jsonl",
        None,
        "1 papers lie by the words of their titles alone: fukuda2024thrifty",
    ),
    Planted(
        "citations",
        lambda base: write_citations(base, "gone2020gone"),
        "papers/_citations.jsonl",
        None,
        "gone2020gone is no record",
    ),
    *(
        Planted(f"results-{name}", _report(*lines), "results/the-card.csv", None, message, severity)
        for name, lines, message, severity in (
            ("range", [line(score=141)], "score is 141 (fix: correct the row)", Severity.ERROR),
            (
                "percent",
                [line(benchmark="Essay", score=0.41, baseline=43)],
                "0.41 looks like a fraction",
                Severity.ERROR,
            ),
            (
                "averages",
                [
                    line(score=40),
                    line(benchmark="Olympiad", score=20),
                    line(benchmark="Mean of two", score=35),
                ],
                "35 is printed as the mean, and its parts have 30",
                Severity.WARNING,
            ),
            (
                "baselines",
                [line(baseline=43), line("awq", baseline=44)],
                "the baseline is 44 in another row, and 43 in the rest",
                Severity.WARNING,
            ),
            (
                "counts",
                [line(score=40.5, seeds=1), line("awq", score=40.5, seeds=1)],
                "no number of right answers out of 100 gives the score 40.5; and 1 more like it",
                Severity.WARNING,
            ),
            (
                "passes",
                [line(score=40.5)],
                "are not of one pass over 100 items; 2 passes would do",
                Severity.WARNING,
            ),
            ("bits", [line(bits=(4, 8, 16))], "GPTQ has 16 or more act bits, not 8", Severity.WARNING),
            (
                "copies",
                [
                    line(method, benchmark=benchmark, score=40)
                    for method in ("gptq", "awq")
                    for benchmark in ("Quiz", "Olympiad", "Essay")
                ],
                "all 3 scores are those of gptq w4a16kv16",
                Severity.WARNING,
            ),
            (
                "certainty",
                [line(certainty="low", note="a slip")],
                "gptq/w4a16kv16/Quiz: a slip",
                Severity.WARNING,
            ),
        )
    ),
]


def test_every_check_has_a_planted_defect() -> None:
    """A new check comes with a test."""
    assert {planted.check for planted in DEFECTS} == set(CHECKS)


@pytest.mark.parametrize("planted", DEFECTS, ids=lambda planted: planted.check)
def test_a_planted_defect_is_found_by_its_check_and_no_other(clean: KnowledgeBase, planted: Planted) -> None:
    """One finding: check, severity, file, line, message and a remedy."""
    planted.plant(clean)
    (finding,) = found(clean)
    assert finding.check == planted.check
    assert finding.severity is planted.severity
    assert (finding.file, finding.line) == (planted.file, planted.line)
    assert planted.message in str(finding)
    assert finding.fix or planted.check == "withdrawn"
    others = [name for name in CHECKS if name != planted.check]
    assert found(clean, *others) == []
    out = clean.run("check")
    assert out.code == (3 if planted.severity is Severity.ERROR else 0)
    assert planted.message in out.out


def test_a_place_of_a_paper_that_went_is_found(clean: KnowledgeBase) -> None:
    """The map names a record that is gone."""
    write_map(clean, "almeida2024frugal", "fukuda2024thrifty", "gone2020gone")
    assert [str(each) for each in found(clean, "map")] == [
        "papers/_map.jsonl: gone2020gone is no record (fix: kb graph update)"
    ]


@pytest.mark.parametrize("name", ["map", "citations"])
def test_a_damaged_file_of_kb_is_an_error(clean: KnowledgeBase, name: str) -> None:
    """It is named, with the way to get it back."""
    (clean.root / "papers" / f"_{name}.jsonl").write_text("<<<<<<< HEAD\n")
    (finding,) = found(clean, name)
    assert finding.severity is Severity.ERROR
    assert "restore it from git" in str(finding)


@pytest.mark.parametrize(
    "text",
    ["different:\n  - {a: almeida2024frugal, b: fukuda2024thrifty}\n", None],
    ids=["decided", "undecided"],
)
def test_a_decision_silences_the_title_check(clean: KnowledgeBase, text: str | None) -> None:
    """Two papers of one name, said to be different, are not reported again."""
    clean.edit("fukuda2024thrifty", "Thrifty Votes", "Frugal Chains")
    if text:
        decide(clean, text)
    assert bool(found(clean, "titles-unique")) is (text is None)


def test_merges_may_be_chained_but_not_in_a_ring(clean: KnowledgeBase) -> None:
    """A into B into C is fine; a ring ends nowhere, and the check does end."""
    decide(clean, "merged:\n  - {gone: a, into: b}\n  - {gone: b, into: almeida2024frugal}\n")
    assert found(clean) == []
    decide(clean, "merged:\n  - {gone: a, into: b}\n  - {gone: b, into: a}\n")
    assert {f.severity for f in found(clean)} == {Severity.ERROR}


def test_a_source_that_still_names_a_paper_is_enough(clean: KnowledgeBase) -> None:
    """Only when all have removed it is there something to look at."""
    rows(
        clean,
        seen("zotero", "A", "fukuda2024thrifty", removed=True),
        seen("bibtex", "b", "fukuda2024thrifty"),
    )
    assert found(clean) == []


def test_errors_come_first_and_can_come_alone(clean: KnowledgeBase) -> None:
    """Errors before warnings; --errors leaves warnings out; --only runs one check."""
    clean.edit("fukuda2024thrifty", "branch: smaller,", "branch: nowhere,")
    clean.edit("almeida2024frugal", "    arxiv_version: 2\n", "    arxiv_version: 1\n")
    assert [f.severity for f in found(clean)] == [Severity.ERROR, Severity.WARNING]
    assert [f.check for f in found(clean, "claims-current")] == ["claims-current"]
    assert "1 error, no warnings" in clean.run("check", "--errors").out
    out = clean.run("check", "--only", "claims-current")
    assert (out.code, "1 warning" in out.out) == (0, True)
    wrong = clean.run("check", "--only", "nonsense")
    assert wrong.code == 2
    assert "no check named nonsense" in wrong.err


def test_everything_that_cannot_be_read_is_reported_at_once(clean: KnowledgeBase) -> None:
    """Records, taxonomy, decisions, queue, last-seen entries: all of them, with lines, and exit code 3."""
    clean.edit("almeida2024frugal", "title: Frugal Chains", "title: 12\nnonsense: 1")
    clean.edit("fukuda2024thrifty", "title: Thrifty Votes", "<<<<<<< ours\ntitle: Thrifty Votes")
    (clean.root / "papers" / "Bad Name.yaml").write_text("title: A\n")
    (clean.root / "taxonomy.yaml").write_text("facets: []\n")
    decide(clean, "same:\n  - {a: x}\n")
    clean.config.candidates_path.write_text("not json\n")
    (clean.config.sources_dir / "arxiv.jsonl").write_text("not json\n")
    places = {(f.check, f.file, f.line) for f in found(clean)}
    assert places == {
        ("loads", "papers/almeida2024frugal.yaml", 1),
        ("loads", "papers/almeida2024frugal.yaml", 2),
        ("loads", "papers/fukuda2024thrifty.yaml", 1),
        ("loads", "papers/Bad Name.yaml", None),
        ("loads", "taxonomy.yaml", 1),
        ("loads", "papers/_decisions.yaml", 2),
        ("loads", "papers/_candidates.jsonl", 1),
        ("loads", "papers/_sources/arxiv.jsonl", 1),
    }
    before = clean.tree()
    for command in (["check"], ["list"], ["sync", "--dry-run"], ["show", "almeida2024frugal"]):
        out = clean.run(*command)
        assert out.code == 3
        assert "papers/fukuda2024thrifty.yaml:1" in out.text
        assert "papers/almeida2024frugal.yaml:2" in out.text
    assert clean.tree() == before


@pytest.mark.parametrize("name", ["papers", "papers/_sources", ".kb"])
def test_a_folder_that_leads_out_is_refused(clean: KnowledgeBase, tmp_path: Path, name: str) -> None:
    """No command follows it, and nothing is written there."""
    outside = tmp_path / "outside"
    (clean.root / name).rename(outside) if (clean.root / name).exists() else outside.mkdir()
    (clean.root / name).symlink_to(outside)
    before = sorted(path.name for path in outside.rglob("*"))
    for command in (["check"], ["list"], ["sync"], ["accept", "c-1"], ["new", "2401.10001"]):
        out = clean.run(*command)
        assert out.code == 3, (command, out.text)
        assert "is a link" in out.text
    assert sorted(path.name for path in outside.rglob("*")) == before


def test_every_check_says_what_it_finds() -> None:
    """Its docstring is one sentence."""
    for name, run in CHECKS.items():
        assert run.__doc__, name
        assert run.__doc__.strip().endswith("."), name
