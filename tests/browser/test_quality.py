"""Every kind of page: its policy, what it asks for, what it weighs, and that it keeps still."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree, html

from scripts.screenshots import kinds
from tests.browser.conftest import DESKTOP, PHONE, Visit

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
WITH_WASM = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
MOVING_ON = "default-src 'none'; base-uri 'none'; form-action 'none'"


def policies(site: Path) -> set[str]:
    """The policies of all pages; each must be the first element of the page's head."""
    found = set()
    for path in site.rglob("*.html"):
        head = re.match(
            r'\s*<!doctype html>\s*<html[^>]*>\s*<head>\s*<meta http-equiv="Content-Security-Policy" content="([^"]*)">',
            path.read_text(encoding="utf-8"),
        )
        assert head, f"{path} begins without a policy"
        found.add(head[1])
    return found


def test_every_page_forbids_inline_scripts_and_other_hosts(site: Path) -> None:
    """The policy stands before all that it is to bind; pages that send the reader on load nothing at all."""
    assert policies(site) == {POLICY, MOVING_ON}


def test_only_pagefind_may_run_webassembly(pagefind_site: Path) -> None:
    """With Pagefind's search the policy has one word more."""
    assert policies(pagefind_site) == {WITH_WASM, MOVING_ON}


def test_no_page_holds_an_inline_script_style_or_handler(site: Path) -> None:
    """They would not run: whatever a page does comes from files. Data blocks are no scripts."""
    found: set[tuple[str, str, str | None]] = set()
    for path in site.rglob("*.html"):
        for element in html.fromstring(path.read_bytes()).iter(etree.Element):
            tag = str(element.tag)
            if tag == "style" or (tag == "script" and not element.get("src")):
                found.add((path.name, tag, element.get("type")))
            names = [str(name) for name in element.attrib]
            found |= {(path.name, tag, name) for name in names if name == "style" or name.startswith("on")}
    data = ("application/json", "application/ld+json")
    assert {each for each in found if each[2] not in data} == set()
    assert any(each[2] in data for each in found)


_WATCH = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput)
    window.shifts.push([shift.value, shift.sources.map(s => s.node?.nodeName + '.' + (s.node?.className ?? ''))]);
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_page_keeps_still_and_to_itself(
    browser: Any, base: str, site: Path, scheme: str, viewport: dict[str, int]
) -> None:
    """No layout shift (0.1 is what Core Web Vitals call good), no word in the console, no request to another host."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(_WATCH)
    wrong: list[str] = []
    now = [""]
    page.on(
        "console", lambda m: wrong.append(f"{now[0]}: {m.text}") if m.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: wrong.append(f"{now[0]}: {error}"))
    page.on("request", lambda r: None if urlsplit(r.url).hostname == "127.0.0.1" else wrong.append(r.url))
    moved: dict[str, Any] = {}
    for name, path in (kinds(site) | {"404": "404.html"}).items():
        now[0] = name
        page.goto(f"{base}/{path}", wait_until="networkidle")
        shifts = page.evaluate("window.shifts")
        if sum(value for value, _ in shifts) > 0.01:
            moved[name] = shifts
    context.close()
    assert wrong == []
    assert moved == {}


# Bytes of all that a page fetches, uncompressed.
BUDGETS = {"index": 450_000, "paper-reviewed": 450_000, "branch": 450_000, "survey": 450_000}
TABLE = 500_000


def fetched(seen: Visit, path: str) -> dict[str, int]:
    """Sizes of a page and of all that it fetched, by address."""
    sizes: dict[str, int] = {}
    seen.page.on("response", lambda r: sizes.update({urlsplit(r.url).path: len(r.body())}))
    seen.open(path).wait_for_load_state("networkidle")
    return sizes


@pytest.mark.parametrize("kind", BUDGETS)
def test_pages_are_light(visit: Visit, site: Path, kind: str) -> None:
    """A page and all that it fetches stay below a budget: no search index, no library that it does not use."""
    sizes = fetched(visit, kinds(site)[kind])
    assert sum(sizes.values()) < BUDGETS[kind], sizes


def test_the_table_of_papers_is_light_before_its_rows(visit: Visit) -> None:
    """All that its page fetches but the papers themselves."""
    sizes = fetched(visit, "survey/table.html")
    assert sizes.pop("/survey/papers.json") > 0
    assert sum(sizes.values()) < TABLE, sizes


def test_a_chosen_scheme_is_there_before_anything_is_shown(browser: Any, base: str) -> None:
    """A reader of dark pages sees no light flash: the scheme is set before the rest of the page is read."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.route("**/bundle.*.js", lambda route: route.abort())
    page.goto(f"{base}/index.html")
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    context.close()
