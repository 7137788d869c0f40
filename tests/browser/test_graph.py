"""The map and the graph of papers in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.screenshots import until
from tests.browser.conftest import Visit
from tests.library import HOSTILE


@pytest.fixture(scope="session")
def papers(site: Path) -> list[dict[str, Any]]:
    data = json.loads((site / "graph/papers.json").read_text(encoding="utf-8"))
    return [dict(zip(data["columns"], cells, strict=True)) for cells in data["papers"]]


@pytest.fixture(scope="session")
def similar(site: Path) -> list[list[float]]:
    edges: list[list[float]] = json.loads((site / "graph/edges.json").read_text(encoding="utf-8"))["similar"]
    return edges


def open_map(visit: Visit, query: str = "") -> Any:
    page = visit.open(f"map.html{query}")
    page.locator("#kb-map-app[data-ready]").wait_for(timeout=10_000)
    return page


def open_graph(visit: Visit, query: str = "") -> Any:
    page = visit.open(f"graph.html{query}")
    page.locator("#kb-graph-app[data-ready]").wait_for(timeout=10_000)
    return page


def asked(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def wait_for_address(page: Any, **wanted: str) -> None:
    """Until the address says this; a search is applied a little after the last key."""
    until(
        page,
        "wanted => { const q = new URLSearchParams(location.search);"
        " return Object.entries(wanted).every(([name, text]) => q.get(name) === text); }",
        arg=wanted,
    )


def zoom_of(page: Any) -> float:
    return float(page.eval_on_selector("#kb-map", "svg => 210 / svg.viewBox.baseVal.width"))


# The map


def test_the_map_works_without_a_script(browser: Any, base: str, papers: list[dict[str, Any]]) -> None:
    """Every dot is a link with the paper's title; nothing that needs the script is shown."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}/map.html")
    dots = page.locator("#kb-map a")
    assert dots.count() == len(papers)
    titles = {text.strip() for text in page.locator("#kb-map a title").all_text_contents()}
    assert titles == {" ".join(paper["title"].split()) for paper in papers}
    assert page.locator("#kb-map-app form").is_hidden()
    assert page.locator("noscript p").is_visible()
    page.locator(f"#kb-map a[href='papers/{papers[0]['key']}.html']").click(force=True)
    assert page.locator("#paper").count() == 1
    context.close()


def test_a_dots_name_shows_under_the_pointer_and_a_click_leads_there(
    visit: Visit, papers: list[dict[str, Any]]
) -> None:
    """Hovering says title, authors and year in a line that has its place already; a click opens the paper's page."""
    page = open_map(visit)
    paper = next(each for each in papers if each["key"] == "feng2025efficient")
    before = page.locator(".kb-map-frame").bounding_box()
    dot = page.locator("#kb-map a[href='papers/feng2025efficient.html']")
    dot.hover(force=True)
    page.locator("#kb-map-said", has_text=paper["title"]).wait_for()
    assert page.locator(".kb-map-frame").bounding_box() == before
    dot.click(force=True)
    page.wait_for_url("**/papers/feng2025efficient.html")


def test_filters_dim_dots_and_shorten_the_list(
    visit: Visit, papers: list[dict[str, Any]], site: Path
) -> None:
    """A direction leaves its papers: in the picture, in the list, in the count, in the address."""
    page = open_map(visit)
    data = json.loads((site / "graph/papers.json").read_text(encoding="utf-8"))
    ids = [id for id, _ in data["branches"]]
    wanted = [p for p in papers if any(ids[at].split("/")[0] == "smaller" for at in p["branches"])]
    page.select_option("#kb-map-app [name=direction]", "smaller")
    wait_for_address(page, direction="smaller")
    assert page.locator("#kb-map a:not(.kb-off)").count() == len(wanted)
    assert page.locator("#kb-map-list a").count() == len(wanted)
    assert f"{len(wanted)} of {len(papers)}" in page.locator("#kb-map-said").inner_text()
    shared = open_map(visit, "?direction=smaller")
    assert shared.locator("#kb-map a:not(.kb-off)").count() == len(wanted)
    shared.locator("#kb-map-app [type=reset]").click()
    until(shared, "!location.search")
    assert shared.locator("#kb-map a.kb-off").count() == 0


def test_the_map_is_searched_as_people_type(visit: Visit) -> None:
    """No heed of case; all words; what nobody offers in an address is not taken."""
    page = open_map(visit, "?find=EFFICIENT%20survey&direction=%3Cscript%3E")
    assert page.locator("#kb-map-list a").all_inner_texts() == ["Efficient Reasoning Models: A Survey"]
    assert page.locator("#kb-map-app [name=direction]").input_value() == ""


def test_the_map_zooms_and_is_dragged(visit: Visit) -> None:
    """Buttons zoom; a drag then moves the map and follows no link; the page's wheel still scrolls the page."""
    page = open_map(visit)
    page.locator("#kb-map-app [data-action=in]").click()
    page.locator("#kb-map-app [data-action=in]").click()
    assert zoom_of(page) > 2
    box = page.locator("#kb-map").bounding_box()
    assert box is not None
    before = page.eval_on_selector("#kb-map", "svg => svg.viewBox.baseVal.x")
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 180, steps=4)
    page.mouse.up()
    assert page.eval_on_selector("#kb-map", "svg => svg.viewBox.baseVal.x") > before
    assert "map.html" in page.url
    zoomed = zoom_of(page)
    page.mouse.wheel(0, 300)
    until(page, "window.scrollY > 0")
    assert zoom_of(page) == zoomed
    page.locator("#kb-map-app [type=reset]").click()
    assert zoom_of(page) == pytest.approx(1)


def test_the_list_is_for_the_keyboard(visit: Visit, papers: list[dict[str, Any]]) -> None:
    """Dots are no stops of the tab key; a paper of the list that has the focus is marked on the map."""
    page = open_map(visit)
    assert page.locator("#kb-map a:not([tabindex='-1'])").count() == 0
    first = page.locator("#kb-map-list a").first
    first.focus()
    assert page.locator("#kb-map .kb-chosen").count() == 1
    chosen = page.locator("#kb-map .kb-chosen").get_attribute("href")
    assert chosen == first.get_attribute("href")


def test_a_link_to_one_paper_shows_it_closer(visit: Visit) -> None:
    """As the paper's page has it."""
    page = open_map(visit, "?paper=feng2025efficient")
    assert page.locator("#kb-map .kb-chosen").get_attribute("href") == "papers/feng2025efficient.html"
    assert zoom_of(page) > 2
    assert "Efficient Reasoning Models" in page.locator("#kb-map-said").inner_text()


# The graph


def shown_edges(page: Any) -> int:
    return int(page.evaluate("window.kbGraph.cy.edges(':visible').not('.off').length"))


def test_the_graph_draws_every_paper_and_edge(
    visit: Visit, papers: list[dict[str, Any]], similar: list[list[float]]
) -> None:
    """Nodes lie as on the map; the line above says how many there are."""
    page = open_graph(visit)
    assert page.evaluate("window.kbGraph.cy.nodes().length") == len(papers)
    assert shown_edges(page) == len(similar)
    assert f"{len(papers)} papers, {len(similar)} edges" in page.locator("#kb-graph-said").inner_text()
    places = page.evaluate("window.kbGraph.cy.nodes().map(n => [n.position('x') / 6, n.position('y') / 6])")
    assert places[3] == pytest.approx([papers[3]["x"], papers[3]["y"]])
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('#kb-graph-canvas canvas')].some(c => "
        "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean))"
    )
    assert drawn


def test_a_search_that_finds_one_paper_chooses_it(
    visit: Visit, papers: list[dict[str, Any]], similar: list[list[float]]
) -> None:
    """Its neighbours are marked in the picture and listed with links; the address says so, and brings it back."""
    at = next(at for at, paper in enumerate(papers) if paper["key"] == "feng2025efficient")
    around = {int(b if a == at else a) for a, b, _ in similar if at in {a, b}}
    page = open_graph(visit)
    page.fill("#kb-graph-app [name=find]", "efficient models survey")
    wait_for_address(page, paper="feng2025efficient")
    assert page.locator("#kb-graph-of h2").inner_text() == "Efficient Reasoning Models: A Survey"
    links = page.locator("#kb-graph-of ul a").evaluate_all("all => all.map(e => e.getAttribute('href'))")
    assert set(links) == {f"papers/{papers[other]['key']}.html" for other in around}
    assert page.evaluate("window.kbGraph.cy.nodes('.of').length") == len(around) + (1 if around else 0)
    again = open_graph(visit, "?paper=feng2025efficient")
    assert again.locator("#kb-graph-of h2").inner_text() == "Efficient Reasoning Models: A Survey"


def test_neighbours_can_be_walked_by_keyboard(visit: Visit) -> None:
    """Each neighbour has a button with a name of its own that shows it, with the focus on what came."""
    page = open_graph(visit, "?paper=feng2025efficient")
    go = page.locator("#kb-graph-of .kb-graph-go").first
    label = go.get_attribute("aria-label")
    go.focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'kb-graph-of'")
    assert label is not None
    assert page.locator("#kb-graph-of h2").inner_text() in label


def test_kinds_of_edges_are_chosen(visit: Visit) -> None:
    """Without the likes no edge of likeness is drawn, and the address remembers it."""
    page = open_graph(visit)
    page.locator("[name=edges][value=similar]").uncheck()
    until(page, "location.search.includes('edges=')")
    assert page.evaluate("window.kbGraph.cy.edges(\"[kind='similar']\").filter(':visible').length") == 0
    again = open_graph(visit, f"?edges={asked(page)['edges'][0]}")
    assert not again.locator("[name=edges][value=similar]").is_checked()


def test_a_wheel_scrolls_the_page_and_zooms_with_a_key(visit: Visit) -> None:
    """Nobody is caught in the picture on the way down."""
    page = open_graph(visit)
    box = page.locator("#kb-graph-canvas").bounding_box()
    assert box is not None
    zoom = "window.kbGraph.cy.zoom()"
    before = page.evaluate(zoom)
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.wheel(0, 200)
    until(page, "() => window.scrollY > 0")
    assert page.evaluate(zoom) == before
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Shift")
    until(page, f"() => {zoom} > {before}")


def test_the_graph_follows_the_dark_mode(visit: Visit) -> None:
    """Colours of nodes are those of the page's scheme."""
    page = open_graph(visit)
    colour = "window.kbGraph.cy.nodes('[main=0]').style('background-color')"
    before = page.evaluate(colour)
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    until(page, f"{colour} !== '{before}'")


def test_hostile_titles_are_inert(visit: Visit) -> None:
    """On the map, in its list, in the graph's list: text, and nothing runs (the fixture looks)."""
    page = open_map(visit, "?find=window.pwned")
    assert page.locator("#kb-map-list a").count() == sum("window.pwned" in text for text in HOSTILE)
    assert page.locator("#kb-map-list :is(script, img)").count() == 0
    page = open_graph(visit, "?find=not%20bold")
    page.locator("#kb-graph-of h2").wait_for()
    assert "**not bold**" in page.locator("#kb-graph-of h2").inner_text()


@pytest.mark.parametrize("name", ["map", "graph"])
def test_a_phone_shows_it_whole(phone: Visit, name: str) -> None:
    """Nothing is wider than a phone of 360 pixels."""
    page = open_map(phone) if name == "map" else open_graph(phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("name", ["map", "graph"])
def test_both_work_from_disk(browser: Any, site: Path, name: str) -> None:
    """Opened as a file, where a browser fetches nothing, the pages are as they are on a server."""
    context = browser.new_context()
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri() + "?find=efficient%20models%20survey")
    page.locator(f"#kb-{name}-app[data-ready]").wait_for(timeout=10_000)
    place = "#kb-map-list a" if name == "map" else "#kb-graph-of h2 a"
    assert page.locator(place).all_inner_texts() == ["Efficient Reasoning Models: A Survey"]
    context.close()


@pytest.mark.parametrize("name", ["map", "graph"])
def test_what_cannot_be_loaded_is_said(visit: Visit, name: str) -> None:
    """A data file of another format: a sentence with a way on, and no broken page."""
    visit.page.route("**/graph/papers.json", lambda route: route.fulfill(json={"format": 99}))
    page = visit.open(f"{name}.html")
    page.locator(f"#kb-{name}-said", has_text="could not be loaded").wait_for()
    assert page.locator(f"#kb-{name}-said a").get_attribute("href") == "taxonomy.html"
