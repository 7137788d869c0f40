"""What pictures are made of: scales, elements, shapes, charts as files and in pages."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.render.charts import style
from kb.render.charts.chart import Chart, Key, Panel, Table, as_file, key_sign, mark
from kb.render.charts.html import figure, link_from
from kb.render.charts.scale import Scale, counts_of, finite, scale_of
from kb.render.charts.svg import element, number, words, write
from kb.render.charts.tree import Node, tree_panel
from tests.library import HOSTILE, REPO

SVG = "{http://www.w3.org/2000/svg}"
numbers = st.floats(-1e4, 1e4)


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def chart(*panels: Panel, **fields: object) -> Chart:
    usual = {"name": "c", "title": "T", "note": "N", "table": Table(("a", "b"), (("x", 1.5),))}
    return Chart(panels=panels, **{**usual, **fields})  # type: ignore[arg-type]


def panel(*body: object, **fields: object) -> Panel:
    return Panel(**{"title": "P", "height": 100.0, "body": body, "said": "S", **fields})  # type: ignore[arg-type]


# --- scales


@given(st.lists(numbers, min_size=1, max_size=9), st.sampled_from(["linear", "stretched"]))
def test_values_lie_within_the_picture_and_keep_their_order(values: list[float], kind: str) -> None:
    """Whatever the values, each has its place between both ends, and a larger one never lies before a smaller one."""
    scale = scale_of(values, 10, 200, kind=kind)  # type: ignore[arg-type]
    places = [scale.at(value) for value in sorted(values)]
    assert all(10 <= place <= 200 for place in places)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(places))


@given(st.lists(numbers, min_size=1, max_size=9), st.sampled_from(["linear", "stretched"]), st.integers(3, 9))
def test_ticks_are_few_in_order_and_within_the_scale(values: list[float], kind: str, most: int) -> None:
    """No tick lies outside, and there are never more than were asked for."""
    scale = scale_of(values, 200, 10, kind=kind, with_nought=True)  # type: ignore[arg-type]
    ticks = scale.ticks(most)
    assert ticks == sorted(set(ticks))
    assert 1 <= len(ticks) <= most
    assert all(scale.low - 1e-6 <= tick <= scale.high + 1e-6 for tick in ticks)


def test_a_linear_scale_is_linear() -> None:
    """Half way between two values is half way between their places, also from bottom to top."""
    scale = Scale(0, 10, 100, 20)
    assert (scale.at(0), scale.at(5), scale.at(10)) == (100, 60, 20)
    assert scale.ticks(6) == [0, 2, 4, 6, 8, 10]


def test_a_stretched_scale_shows_small_differences_beside_huge_ones() -> None:
    """One point below nought has more room than nine points below minus 80, nought is a tick, both sides are alike."""
    scale = Scale(-90, 90, 0, 180, "stretched")
    assert scale.at(0) - scale.at(-1) > scale.at(-81) - scale.at(-90)
    assert scale.at(-5) == pytest.approx(180 - scale.at(5))
    assert 0 in scale.ticks(7)


def test_a_log_scale_gives_each_doubling_the_same_room() -> None:
    """And its ticks are 1, 2 and 5 times powers of ten."""
    scale = Scale(1, 64, 0, 60, "log")
    gaps = [scale.at(2 * each) - scale.at(each) for each in (1, 2, 16, 32)]
    assert gaps == pytest.approx([10] * 4)
    assert set(scale.ticks(9)) <= {1, 2, 5, 10, 20, 50}


@pytest.mark.parametrize("kind", ["linear", "stretched", "log"])
@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [math.nan, 3.0, None, math.inf], [0.0]])
def test_no_value_one_value_and_no_number_make_a_scale(kind: str, values: list[float | None]) -> None:
    """Nothing is divided by nought, and what is no number is left out."""
    scale = scale_of(values, 0, 100, kind=kind)  # type: ignore[arg-type]
    assert scale.low < scale.high
    assert all(math.isfinite(scale.at(tick)) for tick in scale.ticks())
    for value in finite(values):
        if kind != "log" or value > 0:
            assert 0 <= scale.at(value) <= 100


def test_counts_begin_at_nought() -> None:
    """A bar's length is its count: also where all counts are nought."""
    assert counts_of([], 0, 10).at(0) == 0
    assert counts_of([0], 0, 10).low == 0
    assert counts_of([7, 3], 0, 10).at(7) <= 10


# --- elements


@pytest.mark.parametrize("text", [*HOSTILE, "]]>&<!-- \x00\ufffe", "`code` ~~~"])
def test_text_and_attributes_are_inert(text: str) -> None:
    """Whatever a name holds, it is text: in XML, in HTML and in the Markdown around."""
    made = write(
        element("g", words(0, 0, text, "s"), element("title", text), page=text, data_x=text), lambda p: p
    )
    root = parse(made)
    assert [each.tag for each in root.iter()] == ["g", "text", "title"]
    assert not set("`*_[]~$|\\\n") & set(made)
    assert len(re.findall("<[a-z]", made)) == 3


def test_an_a_that_leads_nowhere_is_a_group() -> None:
    """A picture on its own has no dead links, and nothing in it can be reached by the Tab key."""
    made = element("a", words(0, 0, "x", "s"), page="papers/a.md", tabindex="-1")
    assert parse(write(made)).tag == "g"
    assert "tabindex" not in write(made)
    assert parse(write(made, link_from("results/bits.md"))).get("href") == "../papers/a.html"


def test_links_keep_their_query() -> None:
    """A bar leads to the table of its papers."""
    assert (
        link_from("index.md")("survey/table.md?direction=a&from=2025")
        == "survey/table.html?direction=a&from=2025"
    )


def test_series_differ_in_shape_and_in_colour() -> None:
    """Nobody needs to see colours to tell two families apart."""
    shapes = {write(style.shape(at, 0, 0, 3, "s")) for at in range(style.SERIES)}
    assert len(shapes) == len(set(style.LIGHT)) == len(set(style.DARK)) == style.SERIES


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize(
    ("palette", "ground"), [(style.LIGHT, style.GROUNDS[0]), (style.DARK, style.GROUNDS[1])]
)
def test_colours_stand_out_from_their_ground(palette: tuple[str, ...], ground: str) -> None:
    """By 3 to 1 at least, on white and on the dark page (WCAG 2.2, 1.4.11)."""
    for colour in palette:
        light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_the_page_has_the_colours_of_the_files() -> None:
    """charts.css and style.py say the same, in light and in dark."""
    css = (REPO / "site/docs/assets/charts.css").read_text(encoding="utf-8")
    light, dark = re.findall(
        r"(?:^:root|^\[data-md-color-scheme=\"slate\"\]) \{ (--kb-p-0[^}]*)\}", css, re.M
    )
    for said, palette in ((light, style.LIGHT), (dark, style.DARK)):
        assert re.findall("#[0-9a-f]{6}", said) == list(palette)


def test_every_style_of_a_file_is_one_of_the_page() -> None:
    """A picture looks alike in both: no class is known to the file alone, but for trees, which no page draws."""
    css = (REPO / "site/docs/assets/charts.css").read_text(encoding="utf-8")
    for name in set(re.findall(r"\.(kb-p-[a-z0-9-]+)", style.FILE_STYLE)) - {
        "kb-p-leaf",
        "kb-p-box",
        "kb-p-edge",
    }:
        assert f".{name}" in css, name


# --- charts


def test_a_file_holds_every_panel_as_the_page_does() -> None:
    """The same elements at the same places: what the page shows is what the paper gets."""
    panels = [
        panel(words(5, 6, f"at {at}", "kb-p-head"), mark("dot", element("circle", cx=at, cy=2, r=3)))
        for at in range(3)
    ]
    made = chart(*panels, keys=(Key("K", key_sign(element("circle", r=1))),))
    root, page = parse(as_file(made)), parse(figure(made, "a.md"))
    boxes = [each for each in root.findall(f"{SVG}svg") if each.get("class") is None]
    shown = [each for each in page.iter("svg") if each.get("class") == "kb-p-panel"]
    assert len(boxes) == len(shown) == 3
    for one, other in zip(boxes, shown, strict=True):
        assert one.get("viewBox") == other.get("viewBox")
        mine = [(each.tag.removeprefix(SVG), each.get("cx"), each.get("x"), each.text) for each in one.iter()]
        theirs = [(each.tag, each.get("cx"), each.get("x"), each.text) for each in other.iter()]
        assert mine[1:] == theirs[3:]  # in the page it has a title and a description of its own
    assert [each.text for each in root.findall(f"{SVG}text")] == ["K"]


def test_panels_of_a_file_do_not_overlap() -> None:
    """Two in a row, rows below each other, all within the picture."""
    root = parse(as_file(chart(*[panel(height=90.0 + at) for at in range(5)])))
    boxes = [
        [float(each.get(name, "")) for name in ("x", "y", "width", "height")]
        for each in root.findall(f"{SVG}svg")
    ]
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    width, height = map(float, root.get("viewBox", "").split()[2:])
    assert all(x + w <= width and y + h <= height for x, y, w, h in boxes)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_inert_in_page_and_file(text: str) -> None:
    """Titles of papers and names of models may hold anything."""
    body = (words(0, 0, text, "s"), mark(text, element("rect"), page="papers/a.md"))
    made = chart(
        panel(*body, title=text, said=text),
        title=text, note=text, table=Table((text,), ((text,),)), keys=(Key(text, key_sign()),),
    )  # fmt: skip
    parse(as_file(made))
    html = figure(made, "a.md")
    assert "\n\n" not in html
    assert not re.search(r"<(script|img|b|em|strong|h1)\b", html)
    assert not set("`*_[]~$|\\") & set(html)


def test_a_chart_without_panels_is_a_picture() -> None:
    """Nothing to show is no error."""
    root = parse(as_file(chart(table=Table(("a",), ()))))
    assert root.get("role") == "img"
    assert "<table>" not in figure(chart(table=Table(("a",), ())), "a.md")


def test_every_chart_of_a_page_has_its_figures_beside_it() -> None:
    """A table, and both files, for who cannot see it or wants to count on."""
    html = figure(chart(panel()), "results/bits.md")
    assert '<td>x</td><td class="kb-p-n">1.5</td>' in html
    assert 'href="../figures/c.svg" download' in html
    assert 'href="../figures/c.csv" download' in html


def test_a_panel_says_what_it_is() -> None:
    """It has a name and a description, and each mark has its own."""
    root = parse(figure(chart(panel(mark("point", element("circle")))), "a.md"))
    (svg,) = [each for each in root.iter("svg") if each.get("class") == "kb-p-panel"]
    named = {each.get("id"): each.text for each in svg}
    assert named[svg.get("aria-labelledby")] == "P"
    assert named[svg.get("aria-describedby")] == "S"
    (point,) = [each for each in svg.iter("g") if each.get("role") == "img"]
    assert point.findtext("title") == "point"


def test_figures_for_spreadsheets_are_read_back() -> None:
    """Numbers as numbers, texts with commas whole, nothing that a spreadsheet would run."""
    table = Table(("name", "n"), (("a, b", 1.25), ("=1+1", None), ("-x", -3.0)))
    assert list(csv.reader(io.StringIO(table.csv()))) == [
        ["name", "n"], ["a, b", "1.25"], ["'=1+1", ""], ["'-x", "-3"],
    ]  # fmt: skip


def test_boxes_of_a_tree_do_not_overlap_and_lead_to_their_pages() -> None:
    """Each node has its box, right of its parent's."""
    root = Node(
        "all",
        (Node("a " * 40, (Node("b", page="b.md", said="B: 3 papers"), Node("c"))), Node("d", leaf=True)),
    )
    made = tree_panel(root, "T")
    svg = parse(as_file(chart(made), lambda page: page))
    boxes = [
        [float(each.get(n, "")) for n in ("x", "y", "width", "height")]
        for each in svg.iter(f"{SVG}rect")
        if each.get("class")
    ]
    assert len(boxes) == 5
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    assert all(x + w <= made.width and y + h <= made.height for x, y, w, h in boxes)
    (link,) = svg.iter(f"{SVG}a")
    assert (link.get("href"), link.findtext(f"{SVG}title")) == ("b.md", "B: 3 papers")


def test_numbers_are_short() -> None:
    """Two digits behind the point are finer than any screen."""
    assert number(1 / 3) == "0.33"


def test_no_file_asks_for_anything_outside() -> None:
    """A picture needs no font, no style and no script from elsewhere."""
    text = as_file(chart(panel(mark("x", element("circle"), page="papers/a.md"))))
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in text
    assert Path(REPO / "site/docs/assets/charts.js").is_file()
