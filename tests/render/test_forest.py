"""Forest plots: where everything lies, that it is said for who cannot see it, and that names are inert."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.render.charts.scale import Scale
from kb.render.forest import MARGIN, WIDTH, Group, Mark, forest, scale_of
from tests.library import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
GROUPS = [
    Group(
        "First",
        (
            Mark("one", -2, -3, -1),
            Mark("two", 4, None, None),
            Mark("mean", 1, -0.5, 2.5, "pooled"),
        ),
    ),
    Group("", (Mark("all", 0.5, 0, 1, "overall"),)),
]


def draw(groups: list[Group], **given: object) -> ET.Element:
    usual = {"title": "T", "description": "D", "axis": "points"}
    return ET.fromstring(forest(groups, **{**usual, **given}))  # type: ignore[arg-type]  # noqa: S314 - our own


def by_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in svg.iter() if each.get("class") == name]


def test_intervals_end_where_they_should() -> None:
    """A unit's line runs from its low end to its high end, and its square sits at the value."""
    svg, scale = draw(GROUPS), scale_of(GROUPS)
    (line,) = by_class(svg, "kb-f-interval")
    assert float(line.get("x1", "")) == pytest.approx(scale.at(-3), abs=0.01)
    assert float(line.get("x2", "")) == pytest.approx(scale.at(-1), abs=0.01)
    (square,) = by_class(svg, "kb-f-point")
    middle = float(square.get("x", "")) + float(square.get("width", "")) / 2
    assert middle == pytest.approx(scale.at(-2), abs=0.01)
    y = float(square.get("y", "")) + float(square.get("height", "")) / 2
    assert y == pytest.approx(float(line.get("y1", "")))


def test_diamonds_span_their_intervals() -> None:
    """Left and right corners are the ends of the interval, top and bottom are at the value."""
    svg, scale = draw(GROUPS), scale_of(GROUPS)
    found = [each.get("points", "").split() for each in by_class(svg, "kb-f-mean")]
    corners = [[float(point.split(",")[0]) for point in points] for points in found]
    assert corners == [
        pytest.approx([scale.at(low), scale.at(value), scale.at(high), scale.at(value)], abs=0.01)
        for low, value, high in ((-0.5, 1, 2.5), (0, 0.5, 1))
    ]


def test_what_is_not_known_has_no_interval() -> None:
    """A unit without a variance is a hollow square, and its figures say so."""
    svg = draw([Group("", (Mark("two", 4, None, None),))])
    assert by_class(svg, "kb-f-interval") == []
    assert len(by_class(svg, "kb-f-hollow")) == 1
    assert "+4.00 (not known)" in {each.text for each in svg.iter(f"{SVG}text")}


def test_the_margin_is_a_dashed_line_and_nought_is_in_the_picture() -> None:
    """Also where every effect is far away from both."""
    groups = [Group("", (Mark("one", -20, -21, -19),))]
    svg, scale = draw(groups, lines=(-1.0,)), scale_of(groups, (-1.0,))
    (margin,), (nought,) = by_class(svg, "kb-f-margin"), by_class(svg, "kb-f-zero")
    assert margin.get("stroke-dasharray")
    assert not nought.get("stroke-dasharray")
    assert float(margin.get("x1", "")) == pytest.approx(scale.at(-1), abs=0.01)
    assert float(nought.get("x1", "")) == pytest.approx(scale.at(0), abs=0.01)


@given(st.lists(st.tuples(*[st.floats(-1e4, 1e4)] * 3).map(sorted), min_size=1, max_size=8))
def test_everything_lies_within_the_picture(ends: list[list[float]]) -> None:
    """Whatever the effects, no end is cut off and ticks are in order, without many."""
    groups = [Group("", tuple(Mark("m", middle, low, high) for low, middle, high in ends))]
    scale = scale_of(groups)
    assert all(MARGIN <= scale.at(each) <= WIDTH - MARGIN for row in ends for each in row)
    ticks = scale.ticks()
    assert ticks == sorted(ticks)
    assert 1 <= len(ticks) <= 5
    draw(groups)


def test_rows_do_not_overlap() -> None:
    """Each row stands below the one before, and the axis below all of them."""
    svg = draw(GROUPS)
    labels = [float(each.get("y", "")) for each in by_class(svg, "kb-f-label")[::2]]
    assert all(b - a >= 20 for a, b in itertools.pairwise(labels))
    assert float(by_class(svg, "kb-f-axis")[0].get("y1", "")) > labels[-1]
    assert float(svg.get("viewBox", "").split()[3]) > max(
        float(t.get("y", "")) for t in svg.iter(f"{SVG}text")
    )


def test_it_is_said_for_who_cannot_see_it() -> None:
    """An image with a title and a description that belong to it."""
    svg = draw(GROUPS, title="Effects of rounding", description="4 rows")
    assert svg.get("role") == "img"
    named = {
        each.get("id"): each.text
        for each in (svg.find(f"{SVG}title"), svg.find(f"{SVG}desc"))
        if each is not None
    }
    assert [named[id] for id in svg.get("aria-labelledby", "").split()] == ["Effects of rounding", "4 rows"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert(name: str) -> None:
    """No name becomes markup in the page around: neither HTML nor Markdown."""
    text = forest([Group(name, (Mark(name, 1, 0, 2),))], title=name, description=name, axis=name)
    svg = ET.fromstring(text)  # noqa: S314 - our own
    assert {each.tag.removeprefix(SVG) for each in svg.iter()} <= {
        "svg", "title", "desc", "line", "text", "g", "rect", "polygon",
    }  # fmt: skip
    assert "\n\n" not in text
    assert not set("`*_[]~$|\\") & set(text)


def test_a_long_label_is_cut_and_kept_whole_as_a_title() -> None:
    """What does not fit is there for who points at it."""
    label = "A model with a very long name indeed, on a benchmark with one too"
    svg = draw([Group("", (Mark(label, 1, 0, 2),))])
    assert by_class(svg, "kb-f-label")[0].text == f"…{label[-39:]}"
    assert svg.find(f"{SVG}g/{SVG}title").text == label  # type: ignore[union-attr]


def test_a_scale_of_one_value_is_a_scale() -> None:
    """Where every effect is nought, nothing is divided by it."""
    scale = scale_of([Group("", (Mark("m", 0, 0, 0),))])
    assert isinstance(scale, Scale)
    assert scale.at(0) == WIDTH / 2
