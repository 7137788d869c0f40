"""The table of all papers in a real browser."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bibtexparser  # type: ignore[import-untyped]
import pytest

from kb.export.csv_table import read_cell
from tests.browser.conftest import DESKTOP, Visit
from tests.library import HOSTILE

PAGE = "survey/table.html"


def table(visit: Visit, query: str = "") -> Any:
    """The page once its rows are there."""
    page = visit.open(PAGE + query)
    page.locator("#kb-table-app[data-ready]").wait_for(timeout=10_000)
    return page


def keys(page: Any) -> list[str]:
    """The papers that are shown, in their order."""
    return [
        str(href).rsplit("/", 1)[-1].removesuffix(".html")
        for href in page.eval_on_selector_all(
            "#kb-table td.kb-c-title a", "all => all.map(e => e.getAttribute('href'))"
        )
    ]


def told(page: Any) -> str:
    return str(page.locator("#kb-status").inner_text())


def download(page: Any, action: str) -> str:
    with page.expect_download() as started:
        page.locator(f"[data-action='{action}']").click()
    return Path(started.value.path()).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def papers(site: Path) -> list[dict[str, Any]]:
    """The data of the page, each paper by names of columns; what is left out at the end is None."""
    data = json.loads((site / "survey/papers.json").read_text(encoding="utf-8"))
    columns, branches = data["columns"], [branch[0] for branch in data["branches"]]
    found = []
    for cells in data["papers"]:
        paper = dict(zip(columns, cells + [None] * (len(columns) - len(cells)), strict=True))
        for name in ("confirmed", "proposed"):
            paper[name] = [branches[at] for at in paper[name] or []]
        found.append(paper)
    return found


def below(labels: list[str], branch: str) -> bool:
    return any(label == branch or label.startswith(f"{branch}/") for label in labels)


FILTERS: dict[str, Any] = {
    "direction=smaller": lambda p: below(p["confirmed"] + p["proposed"], "smaller"),
    "direction=smaller&sure=1": lambda p: below(p["confirmed"], "smaller"),
    "branch=smaller/quantization": lambda p: below(p["confirmed"] + p["proposed"], "smaller/quantization"),
    "stage=test-time": lambda p: below(p["confirmed"] + p["proposed"], "test-time"),
    "from=2024&to=2024": lambda p: p["published"].startswith("2024"),
    "to=2023": lambda p: p["published"][:4] == "2023",
    "venue=ICML": lambda p: p["venue"] == "ICML 2025",
    "venue=-": lambda p: not p["venue"],
    "code=1": lambda p: bool(p["code"]),
    "review=written": lambda p: p["review"] in {"done", "draft"},
    "review=done": lambda p: p["review"] == "done",
    "review=-": lambda p: p["review"] not in {"done", "draft"},
    "verdict=untested": lambda p: "untested" in (p["verdicts"] or {}),
    "find=dvorak": lambda p: any("Dvořák" in name for name in p["authors"]),
    "find=SURVEY+%22efficient+reasoning%22": lambda p: p["title"] == "Efficient Reasoning Models: A Survey",
}


@pytest.mark.parametrize("query", FILTERS)
def test_an_address_with_a_filter_shows_the_papers_that_pass_it(
    visit: Visit, papers: list[dict[str, Any]], query: str
) -> None:
    """Each filter, given in the address, leaves exactly the papers for which it holds, and the status says how many."""
    wanted = {paper["key"] for paper in papers if FILTERS[query](paper)}
    assert 0 < len(wanted) < len(papers)
    page = table(visit, f"?{query}&rows=500")
    assert set(keys(page)) == wanted
    assert told(page) == f"{len(wanted)} of {len(papers)} papers"


def test_a_view_that_was_clicked_together_can_be_shared(visit: Visit, browser: Any) -> None:
    """Filters, words, order and columns stand in the address; it shows the same rows to somebody else."""
    page = table(visit)
    assert urlsplit(page.url).query == ""
    page.locator("select[name='direction']").select_option("shorter")
    page.locator("input[name='code']").check()
    page.locator("#kb-sort").select_option("title-")
    page.locator(".kb-t-chooser summary").click()
    page.locator("#kb-columns input[value='authors']").check()
    page.locator("#kb-columns input[value='venue']").uncheck()
    page.locator("#kb-find").fill("a")
    page.wait_for_url("**find=a**")
    query = parse_qs(urlsplit(page.url).query)
    assert query["direction"] == ["shorter"]
    assert (query["code"], query["find"]) == (["1"], ["a"])
    assert query["sort"][0].startswith("title-")
    shown = keys(page)
    assert shown
    context = browser.new_context(viewport=DESKTOP)
    other = context.new_page()
    other.goto(page.url)
    other.locator("#kb-table-app[data-ready]").wait_for()
    assert keys(other) == shown
    assert other.locator("select[name='direction']").input_value() == "shorter"
    heads = other.locator("#kb-table th .dt-column-title").all_inner_texts()
    assert "Authors" in heads
    assert "Venue" not in heads
    assert other.url == page.url
    other.locator(".kb-t-form button[type='reset']").click()
    other.wait_for_url("**/table.html")
    assert told(other) == "30 papers"
    context.close()


def test_two_headings_sort_within_each_other(visit: Visit, papers: list[dict[str, Any]]) -> None:
    """A click sorts by one column; a second one with Shift held sorts within equal ones. The address says both."""
    page = table(visit, "?rows=500")
    page.locator("th[data-column='venue'] .dt-column-order").click()
    page.locator("th[data-column='published'] .dt-column-order").click(modifiers=["Shift"])
    # The table sorts in a timer of its own after the click; rows and address change together.
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("sort") == ["venue,published-"])
    dated = {paper["key"]: (paper["series"] or "~", paper["published"]) for paper in papers}
    shown = [dated[key] for key in keys(page)]
    assert [venue for venue, _ in shown] == sorted(venue for venue, _ in shown)
    for venue in {venue for venue, _ in shown}:
        dates = [date for each, date in shown if each == venue]
        assert dates == sorted(dates, reverse=True)
    assert page.locator("#kb-sort").input_value() == "venue"
    assert page.locator("#kb-then").input_value() == "published-"
    assert page.locator("th[data-column='venue']").get_attribute("aria-sort") == "ascending"


def test_long_tables_have_pages(visit: Visit) -> None:
    """Twenty-five rows at once if so chosen; the second page has the rest."""
    page = table(visit)
    page.locator("select[name='rows']").select_option("25")
    first = keys(page)
    page.locator(".dt-paging-button", has_text="2").click()
    assert (len(first), len(keys(page))) == (25, 5)
    assert not set(first) & set(keys(page))


def test_the_table_can_be_used_with_the_keyboard_alone(visit: Visit) -> None:
    """Tab reaches the headings; Enter sorts, Shift and Enter sort within; filters and the chooser answer to keys."""
    page = table(visit)
    page.locator("#kb-find").focus()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.closest('th')?.dataset.column ?? document.activeElement.name ?? ''"
            )
        )
        if reached[-1] == "venue" and page.evaluate("!!document.activeElement.closest('th')"):
            break
    assert {"direction", "branch", "stage", "from", "to", "review", "verdict", "code", "title"} <= set(
        reached
    )
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=venue")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Enter")
    page.wait_for_url("**sort=venue,**")
    assert parse_qs(urlsplit(page.url).query)["sort"] == ["venue,direction"]
    page.locator(".kb-t-chooser summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert "Authors" in page.locator("#kb-table th .dt-column-title").all_inner_texts()


def test_the_view_is_exported_as_csv(visit: Visit, papers: list[dict[str, Any]]) -> None:
    """The file holds the filtered papers in their order and the columns shown; hostile titles come back, none is a formula."""
    page = table(visit, "?find=bold&cols=title,published,authors&sort=title&rows=25")
    text = download(page, "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["Key", "Title", "Authors", "Published"]
    assert [row["Key"] for row in rows] == keys(page)
    titles = {paper["key"]: paper["title"] for paper in papers}
    assert {row["Key"]: read_cell(row["Title"]) for row in rows} == {key: titles[key] for key in keys(page)}
    every = list(csv.reader(io.StringIO(download(table(visit), "csv"))))
    assert len(every) == len(papers) + 1  # all of them, not only the page that is shown
    assert not [cell for row in every for cell in row if cell[:1] in {"=", "+", "-", "@", "\t"}]


def test_a_cell_that_a_spreadsheet_would_compute_gets_an_apostrophe(visit: Visit) -> None:
    """The script's cells are those of `kb export csv`: formulas of every kind become text, and can be read back."""
    page = table(visit)
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "a;=1", "'quoted", "＝1", 'say "hi", twice', "a\nb", "plain"]
    text = page.evaluate(
        "cells => window.kbSurvey.csv([{}], cells.map((text, at) => ({title: String(at), text: () => text})))",
        cells,
    )
    (_, row) = list(csv.reader(io.StringIO(text, newline="")))
    assert [read_cell(cell) for cell in row] == cells
    assert row[0] == "'=1+1"
    assert row[5] == "a;'=1"


def test_the_view_is_exported_as_bibtex(visit: Visit, site: Path) -> None:
    """The file holds an entry of each filtered paper, as on its page, in the order of the view; another library reads it."""
    page = table(visit, "?direction=smaller&sort=title")
    shown = keys(page)
    text = download(page, "bibtex")
    entries = json.loads((site / "survey/bibtex.json").read_text(encoding="utf-8"))
    assert text == "\n".join(entries[key] for key in shown)
    parser = bibtexparser.bparser.BibTexParser(common_strings=True, ignore_nonstandard_types=False)
    assert [entry["ID"] for entry in parser.parse(text).entries] == shown


def test_hostile_titles_are_text_in_the_table(visit: Visit) -> None:
    """Markup in a title is shown as typed, also by search, order and every column; nothing of it becomes an element."""
    names = "title,authors,venue,code,review,summary,focus,contribution,limitations,key"
    for word in ("", "&find=bold", "&find=pwned"):
        page = table(visit, f"?rows=500&sort=summary,title-&cols={names}{word}")
        titles = page.locator("#kb-table td.kb-c-title a").all_inner_texts()
        assert titles
        if not word:
            spaced = [" ".join(title.split()) for title in titles]
            for number, text in enumerate(HOSTILE, start=2):
                assert " ".join(f"{text} {number}".split()) in spaced
        assert page.locator("#kb-table :is(img, script, b, em, a[href^='javascript:'])").count() == 0


ATTACK = "%22%3E%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D5%3E"


def test_a_hostile_address_is_inert(visit: Visit) -> None:
    """What the page does not offer is not taken from an address, and words to search for are only words."""
    names = (
        "direction branch stage scope venue review verdict from to rows code sure sort cols __proto__".split()
    )
    page = table(visit, "?" + "&".join(f"{name}={ATTACK}" for name in names))
    assert told(page) == "30 papers"
    assert urlsplit(page.url).query == ""
    page = table(
        visit, f"?find={ATTACK}&sort=__proto__,constructor-,title&cols=title,toString&x=javascript:alert(1)"
    )
    assert told(page) == "0 of 30 papers"
    assert parse_qs(urlsplit(page.url).query).keys() == {"find", "sort", "cols"}
    assert page.locator("article img").count() == 0
    page = table(visit, "?find=" + "a" * 5000)
    assert len(page.locator("#kb-find").input_value()) == 200


def test_the_table_fits_a_phone(phone: Visit) -> None:
    """At 360 pixels papers are blocks, nothing scrolls sideways, and the filters open by a touch."""
    page = table(phone, "?cols=title,authors,published,venue,direction,branch,stage,review,claims,summary")
    page.wait_for_load_state("networkidle")
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) <= 0
    inside = "(e => e.scrollWidth - e.clientWidth)(document.querySelector('.kb-t-scroll'))"
    assert page.evaluate(inside) <= 0
    assert not page.locator("select[name='direction']").is_visible()
    page.locator("#kb-more").check()
    page.locator("select[name='direction']").select_option("faster")
    page.locator("#kb-then").select_option("title-")
    assert "of 30 papers" in told(page)
    page.locator(".kb-t-chooser summary").click()
    assert page.evaluate(sideways) <= 0


@pytest.mark.parametrize("viewport", [DESKTOP, {"width": 360, "height": 740}])
def test_nothing_moves_while_the_table_loads(browser: Any, base: str, viewport: dict[str, int]) -> None:
    """The layout shift of the page is nothing, and stays below 0.01 where a font is slow."""
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(e => { window.moved += e.value; }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(f"{base}/{PAGE}")
    page.locator("#kb-table-app[data-ready]").wait_for()
    page.wait_for_load_state("networkidle")
    moved = page.evaluate("window.moved")
    context.close()
    assert moved < 0.01


def test_the_page_is_light_before_its_rows(site: Path) -> None:
    """HTML, styles and scripts of the page weigh less than 500 kB together, uncompressed."""
    text = (site / PAGE).read_text(encoding="utf-8")
    head = [part.split('"')[0] for part in text.replace('src="', 'href="').split('href="')[1:]]
    loaded = {(site / "survey" / path).resolve() for path in head if path.endswith((".js", ".css"))}
    assert any(path.name == "dataTables.min.js" for path in loaded)
    assert any(path.name.startswith("bundle.") for path in loaded)
    assert len(text.encode()) + sum(path.stat().st_size for path in loaded) < 500_000


def test_the_page_has_no_script_of_its_own_inside(site: Path) -> None:
    """The article loads its scripts from files: none is written into it, nor a handler into an attribute."""
    text = (site / PAGE).read_text(encoding="utf-8")
    article = text.split("<article", 1)[1].split("</article>", 1)[0]
    assert article.count("<script") == article.count('<script src="../assets/') == 5
    assert " on" not in "".join(
        part.split(">")[0] for part in article.split("<")[1:] if " on" in part.split(">")[0]
    )
    assert "style=" not in article


def test_without_javascript_the_page_leads_to_plain_tables(browser: Any, base: str) -> None:
    """A note with links to the branches and the years stands in place of the table."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}/{PAGE}")
    assert page.locator("article noscript a").count() == 2 or page.locator("article .kb-note a").count() == 2
    assert not page.locator("form.kb-t-form").is_visible()
    page.locator("article .kb-note a").first.click()
    page.wait_for_url("**/taxonomy.html")
    context.close()


def test_papers_that_cannot_be_loaded_are_said_to_stand_elsewhere(visit: Visit) -> None:
    """The page says so and links to the branches."""
    visit.page.route("**/survey/papers.json", lambda route: route.fulfill(body="no JSON"))
    page = visit.open(PAGE)
    page.locator("#kb-status a").click()
    page.wait_for_url("**/taxonomy.html")
