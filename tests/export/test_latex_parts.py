"""Each paper has one place, results mark what is best among what can be compared, and trees fit on their page."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from kb.export.latex_results import result_tables, sources_of
from kb.export.latex_tree import WIDTH_CM, TreeNode, overview, tree_figures
from kb.export.latex_view import BranchPart, branch_part, line_of, place_papers, roots_of, slug
from kb.export.tree_svg import render_svg
from kb.records.claims import Metric, TaskKind
from kb.records.models import Paper
from kb.records.results import (
    Benchmark,
    Certainty,
    Method,
    MethodKind,
    ReportedResult,
    Results,
    ResultSource,
    SourceKind,
    Vocabulary,
)
from kb.records.taxonomy import load_taxonomy
from tests.export.strange import TITLES
from tests.library import REPO, invent_papers

TAXONOMY = load_taxonomy(REPO / "taxonomy.yaml")
ROOTS = roots_of(TAXONOMY, ())


def paper(*labels: tuple[str, str, str], key: str = "ann2025study", **fields: Any) -> Paper:
    """A record with labels (branch, by, state); each label from a source of its own."""
    made = [
        {"branch": branch, "by": by, "source": f"s{n}", "state": state}
        | ({"confidence": 0.9} if by == "classifier" else {})
        for n, (branch, by, state) in enumerate(labels)
    ]
    return Paper.from_data(
        key, {"title": "Plain: words", "authors": ["Ada Almeida"], "labels": made, **fields}
    )


@pytest.mark.parametrize(
    ("labels", "branch"),
    [
        ([("shorter/rl", "list", "proposed"), ("shorter/rl", "list", "proposed"), ("faster", "list", "proposed")], "shorter/rl"),
        ([("shorter/rl", "list", "proposed"), ("shorter/rl", "list", "proposed"), ("faster", "person", "confirmed")], "faster"),
        ([("shorter/rl", "person", "rejected"), ("shorter/rl", "list", "proposed"), ("faster", "list", "proposed")], "faster"),
        ([("smaller", "list", "proposed"), ("smaller", "list", "proposed"), ("smaller/pruning", "list", "proposed")], "smaller/pruning"),
        ([("frontiers", "list", "proposed")], None),
    ],
    ids=["most witnesses", "a person", "rejected", "the deeper one", "another facet"],
)  # fmt: skip
def test_a_paper_stands_where_people_then_most_witnesses_put_it(
    labels: list[tuple[str, str, str]], branch: str | None
) -> None:
    placed, rest = place_papers([paper(*labels)], TAXONOMY, ROOTS)
    assert [name for name, found in placed.items() if found] == ([branch] if branch else [])
    assert len(rest) == (branch is None)


def test_every_paper_but_stubs_has_exactly_one_place() -> None:
    papers = invent_papers(300)
    placed, rest = place_papers(papers, TAXONOMY, ROOTS)
    keys = [one.key for found in placed.values() for one in found] + [one.key for one in rest]
    assert sorted(keys) == sorted(one.key for one in papers if one.status.value == "included")


def test_a_branch_below_another_one_that_is_asked_for_has_no_section_of_its_own() -> None:
    assert roots_of(TAXONOMY, ("smaller/quantization", "smaller", "faster")) == ("smaller", "faster")
    assert roots_of(TAXONOMY, ("frontiers",)) == ("frontiers",)
    assert ROOTS == ("shorter", "smaller", "faster")


# Results


def row(
    method: str, score: float, benchmark: str = "Quiz", weight_bits: float = 4, **fields: Any
) -> ReportedResult:
    given: dict[str, Any] = {"source": "ann2025study", "model": "Tiny-7B", **fields}
    return ReportedResult(method=method, score=score, benchmark=benchmark, weight_bits=weight_bits, **given)


def results(*rows: ReportedResult) -> Results:
    """Those rows, and enough other ones of another model that the source has a table."""
    more = [row("gptq", 50, f"B{n}", model="Other") for n in range(12)]
    kinds = {"ann2025study": SourceKind.PAPER, "a-rerun": SourceKind.RERUN, "the-card": SourceKind.MODEL_CARD}
    sources = {
        id: ResultSource(
            id=id, kind=kind, title=f"{id}!", of="ann2025study" if kind is SourceKind.RERUN else None
        )
        for id, kind in kinds.items()
    }
    methods = {
        name: Method(name=name, title=name.upper(), family="f", kind=MethodKind.POST_TRAINING)
        for name in ("gptq", "awq", "rtn")
    } | {"none": Method(name="none", title="Whole", family="none", kind=MethodKind.NONE)}
    mean = Benchmark(name="Average of Quiz and Other", kind=TaskKind.OTHER, mean_of=("Quiz", "Other"))
    return Results((*rows, *more), Vocabulary(sources, {}, {mean.name: mean}, methods))


def marks(*rows: ReportedResult) -> dict[str, list[bool]]:
    """What is marked as best, by method and bits."""
    tables, _ = result_tables(results(*rows))
    return {
        f"{line.method} {line.bits}": [cell.best for cell in line.cells if cell]
        for table in tables
        for group in table.groups
        if group.model == "Tiny-7B"
        for line in group.lines
    }


def test_the_best_is_sought_among_the_same_model_and_bits() -> None:
    assert marks(row("gptq", 41.5), row("awq", 43), row("rtn", 90, weight_bits=8)) == {
        "RTN W8": [False],  # nothing to compare it with
        "GPTQ W4": [False],
        "AWQ W4": [True],
    }


def test_equals_are_both_best_where_another_is_worse_and_fewer_tokens_are_better() -> None:
    assert marks(row("gptq", 43), row("awq", 43)) == {"GPTQ W4": [False], "AWQ W4": [False]}
    assert marks(row("gptq", 43), row("awq", 43), row("rtn", 1)) == {
        "GPTQ W4": [True],
        "AWQ W4": [True],
        "RTN W4": [False],
    }
    tokens = Metric.REASONING_TOKENS
    assert marks(row("gptq", 900, metric=tokens), row("awq", 400, metric=tokens)) == {
        "GPTQ W4": [False],
        "AWQ W4": [True],
    }


def test_spreads_doubts_full_precision_and_settings_are_shown() -> None:
    tables, _ = result_tables(
        results(
            row("gptq", 41.25, spread=0.5, baseline_score=44, certainty=Certainty.LOW, variant="calib=x"),
            row("awq", 43, baseline_score=44, act_bits=8, kv_bits=4),
        )
    )
    group = tables[0].groups[0]
    assert group.full[0] == "44.00"
    assert [(line.method, line.bits) for line in group.lines] == [
        ("GPTQ (calib=x)", "W4"),
        ("AWQ", "W4 A8 KV4"),
    ]
    cell = group.lines[0].cells[0]
    assert cell is not None
    assert (cell.score, cell.spread, cell.doubtful) == ("41.25", "0.50", True)
    assert (tables[0].spreads, tables[0].doubtful) == (True, True)


def test_a_measured_full_precision_comes_first_in_place_of_the_one_that_others_are_compared_with() -> None:
    tables, _ = result_tables(
        results(row("awq", 43, baseline_score=44), row("none", 44.1, weight_bits=16, baseline_score=44))
    )
    group = tables[0].groups[0]
    assert group.full == ()
    assert [line.method for line in group.lines] == ["Whole", "AWQ"]


def test_a_printed_mean_has_a_short_head_and_says_of_what_it_is_one() -> None:
    tables, _ = result_tables(results(row("awq", 43, "Average of Quiz and Other")))
    assert tables[0].columns[0] == "Mean of 2"
    assert tables[0].means == ("Mean of 2: Quiz, Other",)


def test_full_precision_stays_open_where_a_source_gives_two_scores() -> None:
    tables, _ = result_tables(results(row("gptq", 41, baseline_score=44), row("awq", 41, baseline_score=45)))
    assert tables[0].groups[0].full == ()


def test_more_benchmarks_than_fit_make_more_tables_and_few_figures_none() -> None:
    tables, few = result_tables(results(row("gptq", 1, source="the-card")))
    assert [(table.part, table.parts, len(table.columns)) for table in tables] == [(1, 2, 6), (2, 2, 6)]
    assert len({table.slug for table in tables}) == 2
    assert [(one.source.id, len(one.lines)) for one in few] == [("the-card", 1)]


def test_a_selection_of_papers_brings_their_results_and_reruns_of_them() -> None:
    assert sources_of(results(), frozenset({"ann2025study"})) == {"ann2025study", "a-rerun"}


# Trees


def part(name: str, papers: int, *parts: BranchPart, title: str = "") -> BranchPart:
    lines = tuple(line_of(paper(key=f"{name}{n}2025x", venue="ICLR 2025")) for n in range(papers))
    return BranchPart(name, slug(name), title or name, "What belongs here.", lines, parts)


def leaves(node: TreeNode) -> list[TreeNode]:
    return [node] if not node.nodes else [leaf for one in node.nodes for leaf in leaves(one)]


def test_a_tree_shows_or_counts_every_paper() -> None:
    root = part("top", 3, part("a", 70), part("b", 1), part("c", 0))
    (figure,) = tree_figures(root)
    counted = sum(len(leaf.names) + leaf.left_out for leaf in leaves(figure.root))
    assert counted == root.total == 74
    assert [leaf.title for leaf in leaves(figure.root)] == ["General", "a", "b", "c"]


def test_a_tree_of_many_branches_is_split_and_no_branch_is_lost() -> None:
    root = part("top", 0, *(part(f"b{n}", 20) for n in range(60)))
    figures = tree_figures(root)
    assert len(figures) > 1
    assert [leaf.title for figure in figures for leaf in leaves(figure.root)] == [f"b{n}" for n in range(60)]
    assert len({figure.slug for figure in figures}) == len(figures)


def test_a_deep_tree_stays_as_wide_as_the_page() -> None:
    deep = part("d", 3)
    for n in range(3):
        deep = part(f"d{n}", 0, deep)
    (figure,) = tree_figures(deep)
    assert (
        3 * figure.inner_cm + figure.leaf_cm + 4 * 0.55 < WIDTH_CM
    )  # three columns between the root and the papers


def boxes(svg: bytes) -> list[tuple[float, float, float, float]]:
    root = etree.fromstring(svg)
    found = root.findall(".//{http://www.w3.org/2000/svg}rect[@class]")
    return [
        (
            float(one.get("x", "")),
            float(one.get("y", "")),
            float(one.get("width", "")),
            float(one.get("height", "")),
        )
        for one in found
    ]


@pytest.mark.parametrize("title", [*TITLES, "]]>&<!-- \ufffe"])
def test_the_picture_is_whole_xml_whatever_a_title_holds_and_no_boxes_overlap(title: str) -> None:
    root = part(
        "top", 2, part("a", 5, title=f"{title} " * 3), part("b", 0), part("c", 30, part("d", 3)), title=title
    )
    made = boxes(render_svg(tree_figures(root)[0].root, title).encode())
    assert len(made) >= 6
    for number, (x, y, width, height) in enumerate(made):
        for other_x, other_y, other_width, other_height in made[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y


def test_the_overview_has_every_branch_once() -> None:
    placed, _ = place_papers(invent_papers(40), TAXONOMY, ROOTS)
    tree = overview("All", [branch_part(TAXONOMY, root, placed) for root in ROOTS])
    branches = [b for b in TAXONOMY.branches.values() if b.facet == "direction"]
    assert len(boxes(render_svg(tree, "All").encode())) == len(branches) + 1
