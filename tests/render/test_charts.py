"""Each kind of picture: that marks lie where their values are, say what they are and lead where they should."""

from __future__ import annotations

import csv
import io
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from kb.link.contradictions import against_full_precision
from kb.link.effects import pool
from kb.link.evidence import reported
from kb.link.match import Evidence
from kb.records.claims import Origin
from kb.records.models import Paper
from kb.records.results import ReportedResult
from kb.render.branches import BranchView, Entry
from kb.render.charts.chart import Chart, Panel, as_file
from kb.render.charts.dots import Looks, Names, dots_of, spread
from kb.render.charts.drops import by_setting, by_size, by_task
from kb.render.charts.growth import growth, moments_of
from kb.render.charts.memory import Score, drawn, front, memory
from kb.render.charts.progress import coverage
from kb.render.charts.results import result_charts
from kb.render.charts.sizes import size_decides, turning_point
from kb.render.charts.svg import Element, write
from kb.render.charts.timeline import QUARTERS, Bin, bins_of, quarter_of, timeline
from kb.render.events import Event, History
from kb.render.findings import Findings
from kb.render.places import Places
from kb.render.views import Row
from tests.library import HOSTILE
from tests.render.kit import findings, result, results
from tests.render.test_pages import paper, render

SVG = "{http://www.w3.org/2000/svg}"


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def marks(made: Chart | Panel) -> list[tuple[str, str]]:
    """(where it leads, what it says) of each mark."""
    panels = made.panels if isinstance(made, Chart) else (made,)
    found: list[tuple[str, str]] = []
    for each in walk_all(element for panel in panels for element in panel.body):
        if ("tabindex", "-1") in each.attributes:
            (title,) = [
                child for child in each.children if isinstance(child, Element) and child.tag == "title"
            ]
            found.append((each.page, str(title.children[0])))
    return found


def walk_all(elements: Iterable[Element | str]) -> Iterator[Element]:
    for each in elements:
        if isinstance(each, Element):
            yield each
            yield from walk_all(each.children)


def row(key: str, published: str, **fields: Any) -> Row:
    usual = {
        "title": f"Title of {key}",
        "byline": "",
        "year": published[:4],
        "venue": None,
        "review_state": None,
    }
    more = {"withdrawn": False, "stub": False, "directions": ()}
    return Row(**{"key": key, "page": f"papers/{key}.md", "published": published, **usual, **more, **fields})


def branch(id: str, *entries: Entry, children: tuple[BranchView, ...] = ()) -> BranchView:
    return BranchView(id, f"branches/{id}.md", id.capitalize(), "", (), children, entries)


# --- timeline


def test_bars_count_papers_by_quarter() -> None:
    """Each bar is a quarter's papers, says which are confirmed and the newest titles, and leads to them in the table."""
    entries = [Entry(row(f"p{at}", f"2025-0{at}-11"), at == 2) for at in (1, 2, 4)]
    made = timeline("t", "T", [branch("shorter", *entries)], "survey/table.md", "direction")
    assert made is not None
    assert [each[1] for each in marks(made)] == [
        "Shorter, 2025 Q1: 2 papers, 1 confirmed. Newest: Title of p2; Title of p1",
        "Shorter, 2025 Q2: 1 paper, 0 confirmed. Newest: Title of p4",
    ]
    assert marks(made)[0][0] == "survey/table.md?direction=shorter&from=2025&to=2025"
    assert made.table.rows == (("2025 Q1", 2, 1), ("2025 Q2", 1, 0))


def test_bars_of_all_directions_share_one_scale() -> None:
    """A bar twice as high is twice as many papers, also in another panel."""
    many = [Entry(row(f"a{at}", "2025-01"), False) for at in range(4)]
    made = timeline("t", "T", [branch("a", *many), branch("b", *many[:2])], "t.md", "d")
    assert made is not None
    heights = [
        float(dict(each.attributes)["height"])
        for panel in made.panels
        for mark in panel.body
        if mark.tag == "a"
        for each in mark.children
        if isinstance(each, Element) and "kb-p-part" in dict(each.attributes).get("class", "")
    ]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.02)


def test_a_paper_without_a_month_is_left_out_and_that_is_said() -> None:
    """It has no quarter."""
    entries = [Entry(row("a", "2025"), False), Entry(row("b", "2025-03"), False), Entry(row("c", ""), False)]
    made = timeline("t", "T", [branch("x", *entries)], "t.md", "d")
    assert made is not None
    assert "2 papers of no known month left out" in made.note
    assert timeline("t", "T", [branch("x", *entries[:1])], "t.md", "d") is None


def test_long_times_end_in_one_bar() -> None:
    """The last quarters stand one by one from the start of a year on, everything before is one bar, and none is lost."""
    first, last = quarter_of("2014-05"), quarter_of("2025-11")
    assert first is not None
    assert last is not None
    bins = bins_of([first, last])
    assert bins[0] == Bin(2022, 0)
    assert bins[1] == Bin(2022, 1)
    assert bins[-1] == Bin(2025, 4)
    assert len(bins) <= QUARTERS + 1
    assert bins[0].query == "to=2021"
    entries = [Entry(row("old", "2014-05"), False), Entry(row("new", "2025-11"), False)]
    made = timeline("t", "T", [branch("x", *entries)], "t.md", "d")
    assert made is not None
    assert sum(float(line[1] or 0) for line in made.table.rows) == 2


@pytest.mark.parametrize("text", ["", "2025", "2025-13", "x-y", "2025-00-01"])
def test_what_is_no_month_has_no_quarter(text: str) -> None:
    """No date is guessed."""
    assert quarter_of(text) is None


# --- differences


def cells(*rows: ReportedResult) -> list[Any]:
    return list(against_full_precision(Evidence(reported(results(rows)))))


def charted(*rows: ReportedResult) -> dict[str, Chart]:
    known = results(rows)
    a = paper()
    made, _ = result_charts(Findings(effects=tuple(cells(*rows))), Places(known, {a.key: a}))
    return {chart.name: chart for _, chart in made}


def test_a_dot_says_everything_and_leads_to_its_paper() -> None:
    """Paper, model, method, bits, benchmark, difference, both scores, interval and items."""
    made = charted(result())["drop-bits"]
    ((page, said),) = marks(made)
    assert page == "papers/a2020b.md"
    assert said == (
        "Almeida: M, AWQ W4A16KV16, GSM8K: −10.00 points (70.0 against 80.0), "
        "90 % interval −12.76 to −7.24, 1,319 items"
    )


def test_dots_lie_at_their_values() -> None:
    """More lost is further down, more bits further right; equal values at equal heights."""
    made = charted(
        *(
            result(weight_bits=bits, score=score, model=f"M{bits}")
            for bits, score in ((2, 40), (3, 70), (4, 79))
        )
    )
    (panel,) = made["drop-bits"].panels
    places = [
        (float(circle["cx"]), float(circle["cy"]))
        for mark in panel.body
        if mark.tag == "a"
        for circle in (
            dict(each.attributes)
            for each in mark.children
            if isinstance(each, Element) and each.tag == "circle"
        )
    ]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    assert len(places) == 3


def test_models_stand_in_the_panel_of_their_size() -> None:
    """What the contradiction turns on: a panel for each class."""
    made = charted(result(), result(model="big", score=79.5))["drop-bits"]
    assert [panel.title for panel in made.panels] == ["3B to 10B", "40B and more"]
    assert [len(marks(panel)) for panel in made.panels] == [1, 1]


def test_means_are_those_of_the_evidence() -> None:
    """Nothing is estimated anew: value and interval are what `pool` says."""
    rows = [result(model=f"M{at}", score=score) for at, score in enumerate((70, 72, 75))]
    made = charted(*rows)["drop-bits"]
    expected = pool(cells(*rows))
    (line,) = made.table.rows
    assert line[:3] == ("3B to 10B", "4 bits", expected.value)
    assert line[3:5] == pytest.approx(expected.interval())
    assert line[5:] == (3, 3)
    assert any(said.startswith("Mean, 3B to 10B, 4 bits: −7.67 points") for _, said in marks(made))


def test_one_difference_is_no_mean() -> None:
    """A mean is drawn of two or more."""
    assert charted(result())["drop-bits"].table.rows == ()


def test_what_else_is_quantized_is_a_picture_of_its_own() -> None:
    """Activations and cache never stand among weights alone; a model that lost no bits in neither."""
    rows = [
        result(), result(act_bits=8, kv_bits=8, weight_bits=8), result(weight_bits=16, kv_bits=4),
        result(weight_bits=16, method="none", model="N"), result(weight_bits=16, method="tokenskip"),
    ]  # fmt: skip
    made = charted(*rows)
    assert len(marks(made["drop-bits"])) == 1
    assert {said.split(", ")[1] for _, said in marks(made["drop-activations"])} == {
        "AWQ W8A8KV8",
        "AWQ W16A16KV4",
    }
    ticks = {str(each.children[0]) for each in made["drop-activations"].panels[0].body if each.tag == "text"}
    assert {"W8A8KV8", "KV4"} <= ticks


def test_lines_of_a_task_are_means_of_sizes() -> None:
    """A panel for each kind of task, a line for each class of sizes; the table has each mean, its values are the evidence's."""
    rows = [
        result(model=f"{name}{at}", weight_bits=bits, score=80 - 10 / bits - at)
        for name in ("M", "big") for at in range(2) for bits in (3, 4)
    ]  # fmt: skip
    made = charted(*rows)["drop-tasks"]
    assert [panel.title for panel in made.panels] == ["math"]
    assert [line[:3] for line in made.table.rows] == [
        ("math", where, bits) for where in ("3B to 10B", "40B and more") for bits in ("3 bits", "4 bits")
    ]
    assert made.table.rows[1][3] == pytest.approx(-3)
    assert [key.label for key in made.keys] == ["3B to 10B", "40B and more"]
    lines = [each for each in walk_all(made.panels[0].body) if each.tag == "polyline"]
    assert len(lines) == 2


def test_runs_and_reports_are_told_apart_by_mark() -> None:
    """A run of the harness is filled, a reported figure hollow."""
    one = cells(result())[0]
    run = replace(
        one,
        variant=replace(one.variant, kind="run", source="runs"),
        baseline=replace(one.baseline, kind="run", source="runs"),
    )
    names = Names(Places(results([result()]), {}), [one], Looks.of([one]))
    from kb.render.charts.scale import Scale

    y = Scale(-20, 0, 100, 0)
    hollow, filled = (write(names.mark(dots_of([each])[0], 5, y)) for each in (one, run))
    assert "kb-p-hollow" in hollow
    assert "kb-p-solid" not in hollow
    assert "kb-p-solid" in filled
    assert "runs of the harness: M" in filled


def test_many_differences_are_averaged() -> None:
    """A picture never holds more dots than can be looked at; each says of how many it is."""
    rows = [result(model=f"M{m}", benchmark=f"B{b}") for m in range(3) for b in range(4)]
    every = cells(*rows)
    dots = dots_of(every, most=10)
    assert len(dots) == 3
    assert dots[0].benchmark == "mean of 4 benchmarks"
    assert dots[0].made.value == pytest.approx(pool(every[:4]).value)
    assert sum(len(dot.cells) for dot in dots) == 12


def test_families_beyond_the_colours_share_the_last() -> None:
    """The commonest have their own; the key says so."""
    known = [replace(cells(result())[0], variant=replace(cells(result())[0].variant, setting=replace(cells(result())[0].setting, family=f"f{at}"))) for at in range(9)]  # fmt: skip
    looks = Looks.of(known)
    assert [looks.series(f"f{at}") for at in range(9)] == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    labels = [key.label for key in looks.legend(dots_of(known))]
    assert labels == ["f0", "f1", "f2", "f3", "f4", "other families", "hollow: a source reports it"]
    assert next(key.label for key in looks.legend(dots_of(known[:1]))) == "f0"


def test_what_is_not_known_is_not_drawn() -> None:
    """A benchmark without items has no interval, and its dot says so."""
    known = results([result()])
    words = known.words
    bare = replace(
        known,
        words=replace(
            words, benchmarks={"GSM8K": words.benchmarks["GSM8K"].model_copy(update={"items": None})}
        ),
    )
    found = list(against_full_precision(Evidence(reported(bare))))
    made, _ = result_charts(Findings(effects=tuple(found)), Places(bare, {}))
    said = marks(made[0][1])[0][1]
    assert "uncertainty not known" in said
    assert "items" not in said
    assert "kb-p-reach" not in "".join(write(each) for each in made[0][1].panels[0].body if each.tag == "a")


def test_a_reach_beyond_the_picture_ends_at_its_edge() -> None:
    """A mean of two differences may be unsure by more than anything drawn."""
    made = charted(*(result(model=f"M{at}", score=score) for at, score in enumerate((20, 79))))["drop-bits"]
    assert abs(float(made.table.rows[0][3] or 0)) > 100
    root = parse(as_file(made))
    height = float(root.get("viewBox", "").split()[3])
    for line in root.iter(f"{SVG}line"):
        assert 0 <= float(line.get("y1", "")) <= height
        assert 0 <= float(line.get("y2", "")) <= height


def test_nothing_measured_is_no_picture() -> None:
    """Without a difference, or with none of fewer bits, there is no chart."""
    assert result_charts(Findings(), Places(results([]), {})) == ([], ())
    only = result(weight_bits=16, method="tokenskip")
    assert result_charts(Findings(effects=tuple(cells(only))), Places(results([only]), {})) == ([], ())
    assert by_setting([], Looks(()), Names(Places(results([]), {}), [], Looks(()))) is None
    assert by_size([], Looks(()), Names(Places(results([]), {}), [], Looks(()))) is None
    assert by_task([]) is None
    assert memory([], Places(results([]), {})) is None


def test_filters_name_what_marks_carry() -> None:
    """Each choice's mark in `data-of` is on the dots that it is about, and on no other."""
    rows = [result(), result(benchmark="AIME", method="gptq"), result(model="big")]
    made, filters = result_charts(Findings(effects=tuple(cells(*rows))), Places(results(rows), {}))
    of = {(each.name, choice.value): choice.of for each in filters for choice in each.choices}
    carried = [
        dict(each.attributes).get("data-of", "").split()
        for panel in {c.name: c for _, c in made}["drop-bits"].panels
        for each in panel.body
        if each.tag == "a" or ("tabindex", "-1") in each.attributes
    ]
    assert sum(of["benchmark", "AIME"] in names for names in carried) == 1
    assert sum(of["benchmark", "GSM8K"] in names for names in carried) == 2
    assert sum(of["size", "40B-and-more"] in names for names in carried) == 1
    assert sum(of["family", "rounding"] in names for names in carried) == 3


def test_offsets_keep_dots_apart() -> None:
    """Dots that share a place lie beside each other, within the room that they have."""
    offsets = sorted(spread(20, 10))
    assert all(-5 <= each <= 5 for each in offsets)
    assert min(b - a for a, b in itertools.pairwise(offsets)) > 0.1
    assert spread(1, 10) == [0]


CLAIMS = [
    {"id": "free", "statement": "Four bits cost nothing.", "relation": "non_inferior", "margin": 1},
    {"id": "dear", "statement": "Four bits cost much.", "relation": "lower", "margin": 1},
]


def contested(*rows: ReportedResult) -> Chart | None:
    """The picture of two claims that cannot both hold."""
    arm = {"variant": {"method": ["awq"], "weight_bits": [4]}}
    found = findings([paper(claims=[claim | arm for claim in CLAIMS])], rows)
    turning = turning_point(found)
    return size_decides(turning) if turning else None


def test_a_contradiction_that_turns_on_size_is_drawn_with_both_means() -> None:
    """Small models lose, large ones do not: the cut of the evidence stands in the picture, in its words and in its table."""
    made = contested(
        *(result(model=f"M{at}", score=70 - at / 5, benchmark=f"B{b}") for at in range(6) for b in range(2)),
        *(
            result(model=f"big{at}", score=80 - at / 9, benchmark=f"B{b}")
            for at in range(6)
            for b in range(2)
        ),
    )
    assert made is not None
    assert "“Four bits cost nothing.” and “Four bits cost much.” cannot both hold" in made.note
    assert "Model size up to 7B: −10.50, 90 %" in made.note
    assert "Model size of 70B or more: −0.28, 90 %" in made.note
    said = [each for _, each in marks(made)]
    assert sum(each.startswith("Model size") for each in said) == 2
    assert sum(each.startswith("big") for each in said) == 6
    assert len(made.table.rows) == 12
    assert made.links == (("Claim 1", "claims/a2020b/free.md"), ("Claim 2", "claims/a2020b/dear.md"))
    dashed = [each for each in made.panels[0].body if ("stroke-dasharray", "4 3") in each.attributes]
    assert len(dashed) == 1  # both margins lie at one point lost


def test_a_contradiction_that_does_not_turn_on_size_is_no_such_picture() -> None:
    """Nothing is claimed that the evidence does not show."""
    assert contested(result(), result(model="N")) is None
    assert turning_point(Findings()) is None


# --- memory


def test_the_front_is_what_nothing_smaller_beats() -> None:
    """From small to large, each better than all before."""
    one = cells(result())[0].variant
    scores = [
        Score(replace(one, score=score, ref=f"{at}"), gb)
        for at, (gb, score) in enumerate([(1, 50), (2, 40), (2, 60), (3, 60), (4, 70)])
    ]
    assert [(each.gigabytes, each.of.score) for each in front(reversed(scores))] == [
        (1, 50),
        (2, 60),
        (4, 70),
    ]


def test_memory_counts_bits_of_weights() -> None:
    """7 billion parameters of 4 bits are 3.5 GB; at full precision 14; each baseline stands once."""
    made = memory(
        cells(result(), result(method="gptq", score=71)),
        Places(results([result(), result(method="gptq")]), {}),
    )
    assert made is not None
    said = sorted(each for _, each in marks(made))
    assert len(said) == 3
    assert "M, AWQ W4A16KV16, 3.5 GB, GSM8K: 70.0 %" in said[0]
    assert "M, full precision, 14 GB, GSM8K: 80.0 %, 1,319 items, on its front" in said[2]


# --- progress


def events(*given: Event) -> History:
    return History(given, "git")


def test_growth_counts_back_from_now() -> None:
    """What came and went is undone event by event, newest first."""
    confirmed = [{"branch": "shorter", "by": "person", "source": "Ada", "state": "confirmed"}]
    papers = {key: paper(key, labels=confirmed if key == "a" else []) for key in ("a", "b")}
    history = events(
        Event(
            "2026-03-01T00:00:00Z", "label", "a", "c3", branch="shorter", before="proposed", after="confirmed"
        ),
        Event("2026-02-01T00:00:00Z", "gone", "z", "c2"),
        Event("2026-01-02T00:00:00Z", "new", "b", "c1"),
        Event("2026-01-01T00:00:00Z", "new", "a", "c0"),
    )
    found = [(each.at[:10], each.papers, each.confirmed) for each in moments_of(history, papers)]
    assert found == [("2026-01-01", 2, 0), ("2026-01-02", 3, 0), ("2026-02-01", 2, 0), ("2026-03-01", 2, 1)]


def test_a_label_taken_back_was_there_before() -> None:
    """Undoing a word that was taken back gives it again."""
    history = events(
        Event(
            "2026-02-01T00:00:00Z", "label", "a", "c1", branch="shorter", before="confirmed", after="rejected"
        ),
        Event(
            "2026-01-01T00:00:00Z", "label", "a", "c0", branch="shorter", before="proposed", after="confirmed"
        ),
    )
    assert [each.confirmed for each in moments_of(history, {"a": paper("a")})] == [1, 0]


def test_reviews_grow() -> None:
    """A review counts from the day on which it was done."""
    papers = {"a": paper("a", review={"state": "done"}), "b": paper("b", review={"state": "done"})}
    history = events(
        *(Event(f"2026-0{n}-01T00:00:00Z", "reviewed", key, f"c{n}") for n, key in ((2, "b"), (1, "a")))
    )
    made = growth(history, papers)
    assert made is not None
    assert [line[3] for line in made.table.rows] == [1, 2]
    of_records = growth(replace(history, source="records"), papers)
    assert of_records is not None
    assert [panel.title for panel in of_records.panels] == ["Reviews that are done"]
    assert growth(History(), papers) is None


def test_a_long_history_stays_a_small_picture() -> None:
    """Its end is what there is now."""
    papers = {f"p{at}": paper(f"p{at}") for at in range(400)}
    history = events(*(Event(f"2026-{1 + at // 28:02}-{1 + at % 28:02}T0{at % 10}:00:00Z", "new", f"p{at}", f"c{at}") for at in range(299, -1, -1)))  # fmt: skip
    made = growth(history, papers)
    assert made is not None
    assert len(made.table.rows) <= 61
    assert made.table.rows[-1][1] == 400


def test_coverage_adds_up() -> None:
    """Of every branch, confirmed and proposed are its papers; reviews and code as well; verdicts are counted."""
    entries = tuple(
        Entry(row(f"p{at}", "2025-01", review_state=state), at == 0)
        for at, state in enumerate(["done", "draft", None])
    )
    papers = {
        f"p{at}": paper(f"p{at}", links={"code": ["https://a.example/x"]} if at else {}) for at in range(3)
    }
    tops = [branch("shorter", *entries, children=(branch("shorter/rl", entries[0]),)), branch("smaller")]
    made = coverage(tops, entries, papers, {"p0": ["refuted", "untested"]})
    assert made is not None
    table = {line[0]: dict(zip(made.table.columns, line, strict=True)) for line in made.table.rows}
    every = table["All papers"]
    assert (every["papers"], every["confirmed by a person"], every["proposed"]) == (3, 1, 2)
    assert (every["reviewed"], every["draft of a review"], every["no review"]) == (1, 1, 1)
    assert (every["code is known"], every["no code known"]) == (2, 1)
    assert (every["refuted"], every["untested"]) == (1, 1)
    assert table["Shorter/rl"]["papers"] == 1
    assert table["Smaller"]["papers"] == 0
    assert ("branches/shorter.md", "Shorter, labels: 1 confirmed by a person, 2 proposed; 3 papers") in marks(
        made
    )
    assert coverage(tops, (), {}, {}) is None


def test_shares_fill_their_bars() -> None:
    """Parts lie end to end from nought to a hundred percent."""
    entries = tuple(Entry(row(f"p{at}", "2025-01"), at < 1) for at in range(4))
    made = coverage([branch("x", *entries)], entries, {f"p{at}": paper(f"p{at}") for at in range(4)}, {})
    assert made is not None
    bars = [
        dict(each.attributes)
        for mark in made.panels[0].body
        if mark.tag == "a"
        for each in mark.children
        if isinstance(each, Element) and "kb-p-bar" in dict(each.attributes).get("class", "")
    ][:2]
    (x1, w1), (x2, w2) = ((float(bar["x"]), float(bar["width"])) for bar in bars)
    assert x2 == pytest.approx(x1 + w1, abs=0.02)
    assert w2 == pytest.approx(3 * w1, abs=0.05)


# --- pages


def site(*papers: Paper, rows: tuple[ReportedResult, ...] = (), **changes: Any) -> dict[str, str]:
    found = replace(findings(papers, rows), effects=tuple(cells(*rows))) if rows else Findings()
    return render(*papers, findings=found, **changes).pages


LABEL = {"branch": "shorter/rl", "by": "person", "source": "Ada", "state": "confirmed"}


def test_pictures_stand_where_readers_look() -> None:
    """On the home page, on directions, taxonomy and results, and all of them on a page of their own."""
    one = paper(labels=[LABEL], dates={"published": "2025-03-04"})
    pages = site(one, rows=(result(), result(model="big")))
    assert 'id="kb-p-timeline"' in pages["index.md"]
    assert 'id="kb-p-timeline-shorter"' in pages["branches/shorter.md"]
    assert 'id="kb-p-drop-bits"' in pages["results/bits.md"]
    assert 'id="kb-p-memory"' in pages["results/memory.md"]
    assert 'id="kb-p-coverage"' in pages["progress.md"]
    assert "(bits.md)" in pages["results/index.md"]
    assert "progress.md" in pages["needs-work.md"]
    names = {
        path.removeprefix("figures/").removesuffix(".svg")
        for path in pages
        if re.fullmatch(r"figures/.*\.svg", path)
    }
    assert {
        "timeline",
        "timeline-shorter",
        "taxonomy-direction",
        "drop-bits",
        "memory",
        "coverage",
    } <= names
    for name in names:
        assert f"(figures/{name}.svg)" in pages["pictures.md"]
        parse(pages[f"figures/{name}.svg"])
        assert list(csv.reader(io.StringIO(pages[f"figures/{name}.csv"])))


def test_an_empty_base_has_its_pages() -> None:
    """No paper, no figure: pages say so, and pictures of results are not there."""
    pages = render().pages
    assert "No paper is here yet" in pages["progress.md"]
    assert "results/bits.md" not in pages
    assert "taxonomy" in pages["pictures.md"]
    assert "<figure" not in pages["index.md"]


def test_the_tree_has_every_branch_with_both_counts() -> None:
    """Folded lists of links, and the picture: confirmed papers apart from all."""
    pages = site(paper(labels=[LABEL]))
    text = pages["taxonomy.md"]
    said = [
        "".join(each.itertext()) for each in parse(pages["figures/taxonomy-direction.svg"]).iter(f"{SVG}text")
    ]
    assert "Shorter (1, 1 confirmed)" in said
    assert "Smaller (0)" in said
    assert re.search(r'branches/shorter/rl\.html">[^<]+</a>\s*<span[^>]*>1 paper, 1 confirmed', text)
    assert text.count("<details") == text.count("</details>")
    assert text.count("<li>") == text.count("</li>") == text.count('href="branches/')
    assert "\n\n" not in text.split('<div class="kb-tree">')[1].split("</div>")[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_titles_are_inert_in_every_picture(text: str) -> None:
    """They stand in tooltips and tables of figures as text."""
    one = paper(title=text, labels=[LABEL], dates={"published": "2025-03-04"})
    pages = site(one)
    assert "Newest: " in pages["index.md"]
    (html,) = re.findall(r"<figure.*?</figure>", pages["index.md"], re.S)
    assert not re.search(r"<(script|img|b|em|h1)\b", html)
    parse(pages["figures/timeline.svg"])


def test_files_lead_to_the_site_where_its_address_is_known() -> None:
    """A picture that somebody puts elsewhere has whole links, or none."""
    from kb.config import SiteSettings

    one = paper(labels=[LABEL], dates={"published": "2025-03-04"})
    assert "<a " not in site(one)["figures/timeline.svg"]
    settings = SiteSettings(title="T", url="https://kb.example")
    there = site(one, settings=settings)["figures/timeline.svg"]
    links = [each.get("href") for each in parse(there).iter(f"{SVG}a")]
    assert links == ["https://kb.example/survey/table.html?direction=shorter&from=2025&to=2025"]


def test_no_figure_is_nan() -> None:
    """Whatever is not known is empty, in pictures and in figures."""
    one = paper(labels=[LABEL], dates={"published": "2025-03-04"})
    for path, text in site(
        one, rows=(result(), result(model="big"), result(score=0, baseline_score=0, model="z"))
    ).items():
        if path.startswith("figures/"):
            assert not re.search(r"\b(nan|inf|None)\b", text), path


def test_models_of_the_harness_stand_apart() -> None:
    """A toy of a few million parameters says nothing of models below 3B."""
    known = results([result(), result(model="toy")])
    models = {
        **known.words.models,
        "toy": known.words.models["toy"].model_copy(update={"origin": Origin.REFERENCE, "size_b": 0.003}),
    }
    known = replace(known, words=replace(known.words, models=models))
    made, _ = result_charts(
        Findings(effects=tuple(against_full_precision(Evidence(reported(known))))), Places(known, {})
    )
    by_name = {chart.name: chart for _, chart in made}
    assert [panel.title for panel in by_name["drop-bits"].panels] == ["3B to 10B", "models of the harness"]


def test_a_panel_of_memory_has_room_for_so_many() -> None:
    """Whole groups, the largest first; of a group that is larger than all room, what is on its front."""
    one = cells(result())[0].variant
    scores = [Score(replace(one, source=source, score=50 + at, ref=f"{source}{at}"), 1 + at) for source, n in (("a", 3), ("b", 5), ("c", 2)) for at in range(n)]  # fmt: skip
    assert {each.of.source for each in drawn(scores, 8)} == {"a", "b"}
    assert {each.of.source for each in drawn(scores, 7)} == {"b", "c"}
    assert len(drawn(scores, 4)) == 4
