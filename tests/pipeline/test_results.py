"""Reported results as commands see them: importing keeps what people wrote, filters mean what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.config import load_config
from kb.errors import DataError, UsageError
from kb.pipeline.results import import_table, open_results
from kb.pipeline.results_query import ResultQuery, select_results
from tests.pipeline.kbase import KnowledgeBase
from tests.reported import line, write_rows, write_words

ROOT = Path(__file__).parents[2]
FACTS = ROOT.parent / "shared" / "data" / "facts"
RECORD = 'title: Frugal Chains\nauthors: [Ada Almeida]\nidentifiers:\n  arxiv_id: "2401.10000"\n'
COLUMNS = "paper_arxiv_id,model,method,weight_bits,benchmark,metric,score,baseline_score"


@pytest.fixture
def figures(base: KnowledgeBase) -> KnowledgeBase:
    """A base with a paper and a vocabulary."""
    base.path("almeida2024frugal").parent.mkdir()
    base.path("almeida2024frugal").write_text(RECORD)
    write_words(base.root / "results")
    return base


def table(base: KnowledgeBase, *rows: str) -> Path:
    path = base.root / "figures.csv"
    path.write_text("\n".join([COLUMNS, *rows, ""]))
    return path


def test_an_import_writes_a_file_for_each_source_and_a_second_one_nothing(figures: KnowledgeBase) -> None:
    file = table(
        figures, "2401.10000,Tiny-7B,GPTQ,4,Quiz,acc,41.5,43", "none:card,Tiny-7B,GPTQ,4,Quiz,acc,40,"
    )
    done = import_table(figures.config, file)
    assert (done.new, done.same, done.other) == ({"almeida2024frugal": 1, "the-card": 1}, {}, ())
    assert [row.score for row in open_results(figures.config).rows] == [41.5, 40]
    before = figures.tree()
    again = import_table(figures.config, file)
    assert (again.new, again.same) == ({}, {"almeida2024frugal": 1, "the-card": 1})
    assert figures.tree() == before


def test_what_a_person_wrote_stays(figures: KnowledgeBase) -> None:
    """Notes and seeds that the table does not say; other rows of the same source; figures unless replaced."""
    results = figures.root / "results"
    write_rows(results, "the-card", line(score=41, seeds=3, note="mine"), line("awq", score=39))
    file = table(figures, "none:card,Tiny-7B,GPTQ,4,Quiz,acc,41,")
    assert import_table(figures.config, file).other == ()
    file = table(figures, "none:card,Tiny-7B,GPTQ,4,Quiz,acc,42,")
    ((old, new),) = import_table(figures.config, file).other
    assert (old.score, new.score) == (41, 42)
    kept = open_results(figures.config).rows
    assert {(row.method, row.score, row.seeds, row.note) for row in kept} == {
        ("gptq", 41, 3, "mine"),
        ("awq", 39, None, None),
    }
    import_table(figures.config, file, replace=True)
    replaced = next(row for row in open_results(figures.config).rows if row.method == "gptq")
    assert (replaced.score, replaced.seeds, replaced.note) == (42, 3, "mine")


def test_a_dry_run_and_a_table_with_an_error_write_nothing(figures: KnowledgeBase) -> None:
    file = table(figures, "2401.10000,Tiny-7B,GPTQ,4,Quiz,acc,41.5,43")
    before = figures.tree()
    assert import_table(figures.config, file, dry_run=True).new == {"almeida2024frugal": 1}
    assert figures.tree() == before
    file = table(
        figures, "2401.10000,Tiny-7B,GPTQ,4,Quiz,acc,41.5,43", "2401.10000,Tiny-7B,AWQ,4,Quiz,acc,nan,43"
    )
    before = figures.tree()
    with pytest.raises(DataError, match="'nan' is no number"):
        import_table(figures.config, file)
    assert figures.tree() == before


@pytest.fixture
def several(figures: KnowledgeBase) -> KnowledgeBase:
    write_rows(
        figures.root / "results",
        "the-card",
        line("gptq", (4, 16, 16), score=40, baseline=50, seeds=3, spread=1),
        line("awq", (4, 16, 16), score=45, baseline=50),
        line("awq", (4, 4, 4), "Olympiad", score=10, baseline=40),
        line("kvquant", (16, 16, 4), "Essay", score=51, baseline=50, model="Tiny-32B"),
        line("none", (16, 16, 16), score=50),
    )
    return figures


def methods(base: KnowledgeBase, **asked: str) -> list[str]:
    found = select_results(open_results(base.config), ResultQuery(**asked))
    return [f"{each.row.method} {each.row.bits}" for each in found]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"method": "weight-rounding"}, ["gptq w4a16kv16", "awq w4a16kv16", "awq w4a4kv4"]),
        ({"method": "KVQuant*"}, ["kvquant w16a16kv4"]),
        ({"bits": "4"}, ["gptq w4a16kv16", "awq w4a16kv16", "awq w4a4kv4"]),
        ({"bits": "w4a4"}, ["awq w4a4kv4"]),
        ({"bits": "KV4"}, ["awq w4a4kv4", "kvquant w16a16kv4"]),
        ({"bits": "w4a16kv16", "method": "awq"}, ["awq w4a16kv16"]),
        ({"model": "tiny-32b"}, ["kvquant w16a16kv4"]),
        ({"model": "lab/Tiny-7B", "bits": "16"}, ["none w16a16kv16"]),
        ({"benchmark": "olymp"}, ["awq w4a4kv4"]),
        ({"size": "8.."}, ["kvquant w16a16kv4"]),
        ({"size": "7", "bits": "16"}, ["none w16a16kv16"]),
        ({"size": "..8", "benchmark": "Essay"}, []),
        ({"origin": "rl"}, ["kvquant w16a16kv4"]),
        ({"sort": "drop", "bits": "4"}, ["awq w4a4kv4", "gptq w4a16kv16", "awq w4a16kv16"]),
    ],
)  # fmt: skip
def test_filters_mean_what_they_say(several: KnowledgeBase, asked: dict[str, str], found: list[str]) -> None:
    assert methods(several, **asked) == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "Tiny-9B"}, "--model: nothing is called 'Tiny-9B' (fix: did you mean Tiny-7B?"),
        ({"method": "weight-round1ng"}, "did you mean weight-rounding?"),
        ({"bits": "four"}, "--bits: 'four' are no bits (fix: write w4a16kv16, w4a4, kv4 or 4)"),
        ({"bits": ""}, "--bits: '' are no bits"),
        ({"bits": "w4.4.4"}, "--bits: 'w4.4.4' are no bits"),
        ({"size": "7-14"}, "--size: '7-14' is no size"),
        ({"size": ".."}, "--size: '..' is no size"),
        ({"size": "14..7"}, "--size: '14..7' is empty"),
    ],
)
def test_a_filter_that_nothing_passes_is_named(
    several: KnowledgeBase, asked: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        methods(several, **asked)
    assert message in str(caught.value)


def test_a_row_is_shown_with_its_drop_and_its_interval(several: KnowledgeBase) -> None:
    """Wilson's interval of 40 and of 45 right of 100; seeds with a spread make it narrower; no items, no interval."""
    rows = select_results(open_results(several.config), ResultQuery(sort="source"))
    by_method = {(each.row.method, each.row.benchmark): each for each in rows}
    awq = by_method["awq", "Quiz"].to_data()
    assert (awq["drop"], round(awq["low"], 1), round(awq["high"], 1)) == (5, 35.6, 54.8)
    gptq = by_method["gptq", "Quiz"].interval
    assert gptq is not None
    assert "effective items" in gptq.method
    assert by_method["kvquant", "Essay"].interval is None
    assert by_method["kvquant", "Essay"].drop == -1
    assert by_method["none", "Quiz"].drop is None


@pytest.mark.skipif(not FACTS.is_dir(), reason="the table of collected figures is not here")
def test_the_table_that_the_committed_rows_came_from_brings_nothing_new() -> None:
    """Every figure of it is in results/, under the same words."""
    file, spread = (FACTS / f"reported_results_dev{name}.csv" for name in ("", "_spread"))
    done = import_table(load_config(ROOT, {}), file, spread, dry_run=True)
    assert (sum(done.same.values()), done.new, done.other, done.doubts) == (825, {}, (), ())
