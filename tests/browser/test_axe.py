"""Accessibility of every kind of page, by axe-core's rules for WCAG 2.2 AA, and by the keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.screenshots import kinds
from tests.browser.conftest import DESKTOP, PHONE, Visit

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# No rules of WCAG: the theme makes each button that copies a landmark without a name; Markdown's tables may have a blank corner.
NOT_OURS = ("landmark-unique", "empty-table-header")


# A link that the navigation has scrolled half out of sight counts as too small: here all of it is in sight.
TALL = {"width": DESKTOP["width"], "height": 2000}


def violations(page: Any, axe: str) -> dict[str, list[str]]:
    """What axe finds wrong: the places, by rule."""
    page.evaluate(axe)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})",
        list(RULES),
    )
    return {
        each["id"]: [
            f"{node['target']} {node['html'][:120]} {node['failureSummary']}" for node in each["nodes"][:4]
        ]
        for each in found["violations"]
        if each["id"] not in NOT_OURS
    }


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, from the package axe-playwright-python."""
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__path__[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("viewport", [TALL, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Any, base: str, site: Path, axe: str, scheme: str, viewport: dict[str, int]
) -> None:
    """Every kind of page, in both schemes, on both sizes of screen."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    wrong = {}
    for name, path in (kinds(site) | {"404": "404.html"}).items():
        page.goto(f"{base}/{path}", wait_until="networkidle")
        if found := violations(page, axe):
            wrong[name] = found
    context.close()
    assert wrong == {}


@pytest.mark.slow
def test_axe_finds_nothing_in_an_open_search(browser: Any, base: str, axe: str) -> None:
    """The list of hits, on both sizes of screen."""
    for viewport in (DESKTOP, PHONE):
        context = browser.new_context(viewport=viewport, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{base}/index.html?q=reasoning")
        page.locator(".md-search-result__item").first.wait_for()
        page.wait_for_timeout(500)  # the box has opened
        assert violations(page, axe) == {}
        context.close()


def test_axe_is_awake(browser: Any, axe: str) -> None:
    """A page with a picture that has no alternative is found wrong: the check can fail."""
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src=x></main>")
    assert "image-alt" in violations(page, axe)
    page.close()


_STOP = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const ring = s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0;
  // The theme's choice of colours is an unseen radio button before the label that shows where it is.
  const shown = e.matches('.md-option') ? e.nextElementSibling.getBoundingClientRect() : box;
  const marked = ring(style) || (e.matches('.md-option') && ring(getComputedStyle(e.nextElementSibling)))
    || e.matches('.md-search__input, .md-skip');
  e.dataset.stop ??= ++window.stops;
  return {stop: e.dataset.stop, what: e.outerHTML.slice(0, 100), seen: shown.width > 0 && shown.height > 0, marked: Boolean(marked)};
}"""


@pytest.mark.parametrize("kind", ["index", "table", "paper-reviewed"])
def test_the_keyboard_reaches_controls_and_shows_where_it_is(visit: Visit, site: Path, kind: str) -> None:
    """Tab goes through the page without a trap; each stop is visible and marked, and no control is passed over."""
    page = visit.open(kinds(site)[kind])
    page.wait_for_load_state("networkidle")
    page.evaluate("window.stops = 0")
    hidden, unmarked, last = [], [], ""
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(_STOP)
        if stop is None or (stop["stop"] == "1" and last not in {"", "1"}):
            break
        assert stop["stop"] != last, f"trapped at {stop['what']}"
        last = stop["stop"]
        hidden += [] if stop["seen"] else [stop["what"]]
        unmarked += [] if stop["marked"] else [stop["what"]]
    assert hidden == []
    assert unmarked == []
    passed = page.evaluate(
        "[...document.querySelectorAll('article :is(a[href], button, input, select, summary)')]"
        ".filter(e => e.checkVisibility() && !e.disabled && !('stop' in e.dataset) && e.tabIndex >= 0).map(e => e.outerHTML.slice(0, 90))"
    )
    assert passed == []


def test_the_skip_link_leads_past_the_header(visit: Visit) -> None:
    """The first stop on a page skips to its content, and the next stop is there."""
    page = visit.open("survey.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList[0]") == "md-skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article') !== null")
