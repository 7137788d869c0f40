"""The search box of the header, with both engines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.screenshots import kinds, until
from tests.browser.conftest import PHONE, Visit
from tests.library import HOSTILE

ENGINES = ("visit", "pagefind_visit")
HITS = ".md-search-result__item"


@pytest.fixture(params=ENGINES)
def seen(request: pytest.FixtureRequest) -> Visit:
    """A window on the site with Material's search, and on that with Pagefind's."""
    found: Visit = request.getfixturevalue(request.param)
    return found


def search(page: Any, words: str) -> Any:
    """The hits, once they are there."""
    page.locator("#kb-search").fill(words)
    until(page, "/page|Nothing/.test(document.querySelector('[data-kb-search] [role=status]').textContent)")
    return page.locator(HITS)


def test_search_finds_a_paper_and_leads_to_it(seen: Visit) -> None:
    """Words of a title give the paper first, and Enter opens it; the words are marked there."""
    page = seen.open("index.html")
    hits = search(page, "quantization hurts reasoning")
    assert "Quantization Hurts Reasoning" in hits.first.inner_text()
    page.locator("#kb-search").press("Enter")
    page.wait_for_url("**/papers/liu2025quantization.html?h=*")
    assert page.evaluate("CSS.highlights.get('kb-found').size") > 2


def test_search_works_below_the_top(seen: Visit) -> None:
    """From a page in a folder the addresses lead to the same pages, and the number of hits is told."""
    page = seen.open("branches/smaller/quantization.html")
    hits = search(page, "quantization hurts reasoning")
    assert (
        page.locator("[data-kb-search] [role=status]").inner_text() in {"1 page", f"{hits.count()} pages"}
        or hits.count() == 10
    )
    hits.first.locator("a").first.click()
    page.wait_for_url("**/papers/liu2025quantization.html?h=*")
    assert not page.locator(".md-search__output").is_visible()


def test_what_is_no_text_is_not_searched(visit: Visit) -> None:
    """BibTeX and other listings marked as such are not in the index: their words are found nowhere.

    Pagefind looks for similar words where there are none; what it reads is held by tests/pipeline/test_search.py.
    """
    page = visit.open("index.html")
    assert search(page, "archiveprefix eprint").count() == 0


@pytest.mark.parametrize("words", ["window pwned", "onerror", "not bold", "backslash", "pipe"])
def test_hostile_titles_are_text_in_search_results(seen: Visit, words: str) -> None:
    """Both indexes hold titles as HTML: nothing of one may come alive in the list, and it is shown as typed."""
    page = seen.open("index.html")
    hits = search(page, words)
    assert hits.count() > 0
    assert page.locator("[data-kb-search] :is(script, img, em, strong, iframe)").count() == 0
    assert page.locator("[data-kb-search] a[href^='javascript:']").count() == 0
    shown = " ".join(hits.all_inner_texts())
    assert any(title[:20] in shown for title in HOSTILE)


def test_nothing_of_the_search_is_fetched_before_it_is_wanted(seen: Visit) -> None:
    """A page costs no index; the first touch of the box brings it."""
    wanted: list[str] = []
    seen.page.on("request", lambda request: wanted.append(request.url))
    page = seen.open("index.html")
    page.wait_for_load_state("networkidle")
    index = re.compile(r"search_index|search-engines|workers/search|/pagefind/")
    assert [url for url in wanted if index.search(url)] == []
    search(page, "reasoning")
    assert [url for url in wanted if index.search(url)] != []


def test_the_box_is_reached_and_left_by_the_keyboard(seen: Visit) -> None:
    """/ and Ctrl+K go to it, arrows walk through the hits, Escape closes; what is closed cannot be reached by Tab."""
    page = seen.open("index.html")
    page.keyboard.press("/")
    box = page.locator("#kb-search")
    focused = "document.activeElement.id || document.activeElement.classList[0]"
    assert page.evaluate(focused) == "kb-search"
    assert box.input_value() == ""
    search(page, "reasoning")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "md-search-result__link"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == "kb-search"
    page.keyboard.press("Escape")
    assert not page.locator(".md-search__output").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-kb-search]')") is None
    page.keyboard.press("Control+k")
    assert page.evaluate(focused) == "kb-search"


def test_single_keys_can_be_turned_off(visit: Visit) -> None:
    """WCAG 2.1.4: who turns them off keeps Ctrl+K, on the next page as well."""
    page = visit.open("index.html")
    page.keyboard.press("Control+k")
    page.locator(".kb-s-keys input").uncheck()
    page.goto(f"{visit.base}/about.html")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "kb-search"
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.id") == "kb-search"


def test_a_slash_in_a_field_is_a_slash(visit: Visit) -> None:
    """The shortcut takes nothing away from somebody who writes."""
    page = visit.open("survey/table.html")
    field = page.locator("#kb-find")
    field.press("/")
    assert field.input_value() == "/"


def test_more_results_follow_ten(seen: Visit) -> None:
    """The rest of a long list comes when it is asked for, and the focus goes to the first of it."""
    page = seen.open("index.html")
    hits = search(page, "reasoning")
    assert hits.count() == 10
    page.locator(".kb-s-more").click()
    until(page, f"document.querySelectorAll('{HITS}').length > 10")
    assert (
        page.evaluate(
            f"[...document.querySelectorAll('{HITS}')].findIndex(e => e.contains(document.activeElement))"
        )
        == 10
    )


def test_a_word_that_is_nowhere_is_said_to_be_nowhere(seen: Visit) -> None:
    """No result is told as such, and a cleared box is empty again."""
    page = seen.open("index.html")
    search(page, "zzzzzz")
    status = page.locator("[data-kb-search] [role=status]")
    assert status.inner_text().startswith("Nothing found")
    page.locator("[data-kb-search] [type=reset]").click()
    until(page, "document.querySelector('[data-kb-search] [role=status]').textContent === 'Type to search.'")


def test_an_address_can_ask(seen: Visit) -> None:
    """?q= opens the search with its words."""
    page = seen.open("index.html?q=quantization+hurts")
    page.locator(HITS).first.wait_for()
    assert "Quantization Hurts" in page.locator(HITS).first.inner_text()


def test_a_phone_can_search(browser: Any, base: str, pagefind_base: str) -> None:
    """The icon opens the box over the whole page, and a hit leads on."""
    for where in (base, pagefind_base):
        context = browser.new_context(viewport=PHONE)
        page = context.new_page()
        page.goto(f"{where}/index.html")
        page.locator("header label[for=__search].md-header__button").click()
        search(page, "quantization hurts").first.locator("a").first.click()
        page.wait_for_url("**/papers/liu2025quantization.html?h=*")
        context.close()


def test_pagefind_reads_the_pages_that_are_to_be_found(pagefind_site: Path) -> None:
    """One piece of the index for each page but those that ask to be left out, and nothing that the site does not use."""
    pages = [path for path in pagefind_site.rglob("*.html") if b"data-pagefind-body" in path.read_bytes()]
    fragments = list((pagefind_site / "pagefind/fragment").iterdir())
    assert len(pages) == len(fragments) > 30
    assert pagefind_site / "survey/table.html" not in pages
    assert pagefind_site / "404.html" not in pages
    assert not (pagefind_site / "search").exists()
    assert not list(pagefind_site.glob("pagefind/*ui*"))


@pytest.fixture
def disk(browser: Any) -> Iterator[Any]:
    """A window that reads files; nothing may break in it, and nothing is asked of a host."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
    yield page
    context.close()
    assert wrong == []


@pytest.mark.parametrize("name", ["site", "pagefind_site"])
def test_search_from_disk(disk: Any, name: str, request: pytest.FixtureRequest) -> None:
    """Without a server papers are found by title and author, branches by name, and the box says what it knows."""
    site: Path = request.getfixturevalue(name)
    disk.goto((site / "index.html").as_uri())
    disk.locator("#kb-search").focus()
    assert "from disk" in disk.locator("[data-kb-search] [role=status]").inner_text()
    hits = search(disk, "quantization hurts")
    hits.first.locator("a").first.click()
    disk.wait_for_url("**/papers/liu2025quantization.html?h=*")
    hits = search(disk, "onerror")
    assert HOSTILE[1][:20] in hits.first.inner_text()
    assert disk.evaluate("window.pwned") is None


def test_the_site_can_be_read_from_disk(disk: Any, site: Path) -> None:
    """Opening index.html as a file shows the page with its style, and links lead to pages."""
    disk.goto((site / "index.html").as_uri())
    disk.locator("article a", has_text="Shorter").first.click()
    disk.wait_for_url("**/branches/shorter.html")
    assert disk.locator("h1").evaluate("e => e.firstChild.textContent").strip() == "Shorter"


def test_the_table_of_papers_works_from_disk(disk: Any, site: Path) -> None:
    """Rows, filters and both downloads are there without a server."""
    disk.goto((site / "survey/table.html").as_uri())
    disk.wait_for_selector("#kb-table-app[data-ready]", state="attached")
    disk.locator("#kb-find").fill("quantization hurts")
    until(disk, "document.getElementById('kb-status').textContent.startsWith('1 of')")
    with disk.expect_download() as download:
        disk.locator("[data-action=bibtex]").click()
    assert "liu2025quantization" in Path(download.value.path()).read_text(encoding="utf-8")


def test_no_kind_of_page_breaks_on_disk(disk: Any, site: Path) -> None:
    """Every kind of page is shown without a word in the console, and nothing is asked of a host."""
    for path in kinds(site).values():
        disk.goto((site / path).as_uri())
        disk.wait_for_load_state("networkidle")
        assert disk.locator("h1").first.is_visible()
