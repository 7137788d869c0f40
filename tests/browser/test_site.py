"""The built site in a real browser."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.screenshots import kinds
from tests.browser.conftest import DESKTOP, Visit
from tests.library import HOSTILE

KINDS = "index survey table taxonomy themes directions needs-work about paper-reviewed paper-bare year branch".split()


def hostile_pages(site: Path) -> list[tuple[str, str]]:
    """(page, title) of each record with a hostile title."""
    found = []
    for number, text in enumerate(HOSTILE, start=2):
        (path,) = (site / "papers").glob(f"*-{number}.html")
        found.append((f"papers/{path.name}", f"{text} {number}"))
    return found


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_title_is_text_in_the_page_and_in_the_tab(visit: Visit, site: Path, number: int) -> None:
    """Markup, templates, Markdown and math of a title are shown as typed; no script of it ran."""
    path, title = hostile_pages(site)[number]
    page = visit.open(path)
    heading = page.locator("article h1")
    assert heading.evaluate("e => e.firstChild.textContent").strip() == title
    assert page.title() == f"{title} - A test survey"
    assert page.locator(".kb-note p").first.inner_text() == HOSTILE[number]
    assert page.locator("article img, article script, article a[href^='javascript:']").count() == 0
    assert page.locator("article em, article strong").count() == 0


def test_hostile_waiting_works_are_text(visit: Visit) -> None:
    """What sources say of works that nobody looked at yet is harmless as well."""
    page = visit.open("needs-work.html")
    assert page.locator("a[href^='javascript:']").count() == 0
    assert page.locator("article script, article img").count() == 0
    assert HOSTILE[0] in page.locator("article").inner_text()


def test_dark_mode_can_be_chosen_and_stays(visit: Visit) -> None:
    """The button changes the colours, and the next page keeps the choice."""
    page = visit.open("index.html")
    scheme = "document.body.getAttribute('data-md-color-scheme')"
    assert page.evaluate(scheme) == "default"
    page.locator("form[data-md-component='palette'] label:not([hidden])").click()
    assert page.evaluate(scheme) == "slate"
    visit.open("survey.html")
    assert page.evaluate(scheme) == "slate"


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_scrolls_sideways_on_a_phone(phone: Visit, site: Path, kind: str) -> None:
    """360 pixels are enough for every kind of page, hostile titles included."""
    page = phone.open(kinds(site)[kind])
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_hostile_title_scrolls_sideways_on_a_phone(phone: Visit, site: Path, number: int) -> None:
    """Long words without spaces are broken."""
    page = phone.open(hostile_pages(site)[number][0])
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


@pytest.mark.parametrize("kind", KINDS)
def test_pages_have_what_a_screen_reader_needs(visit: Visit, site: Path, kind: str) -> None:
    """One main heading, a language, headings without gaps, words in every link, an alternative for each picture."""
    page = visit.open(kinds(site)[kind])
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("main").count() == 1
    levels = page.evaluate(
        "[...document.querySelectorAll('article :is(h1,h2,h3,h4)')].map(e => +e.tagName[1])"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels))
    empty = page.evaluate(
        "[...document.querySelectorAll('article a')].filter(a => !a.textContent.trim() && !a.title && !a.ariaLabel).length"
    )
    assert empty == 0
    ids = page.evaluate("[...document.querySelectorAll('article [id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["index", "paper-reviewed", "survey", "table", "branch"])
def test_text_stands_out_from_its_background(
    browser: Any, base: str, site: Path, kind: str, scheme: str
) -> None:
    """Links, states and labels reach a contrast of 4.5 to 1 (WCAG 2.1, 1.4.3) in both palettes."""
    context = browser.new_context(color_scheme=scheme, viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{base}/{kinds(site)[kind]}")
    weak = page.evaluate(_CONTRAST)
    context.close()
    assert weak == []


_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = c => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1);
                      const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { const layers = [];
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); layers.push(c); if (c[3] === 1) break; }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]); };
  const weak = [];
  for (const e of document.querySelectorAll('article :is(p, a, span, small, td, th, li, h1, h2, h3, dt, dd):not(.headerlink)')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const below = ground(e), text = over(rgba(getComputedStyle(e).color), below);
    const [a, b] = [light(text), light(below)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(e.tagName + '.' + e.className + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2));
  }
  return [...new Set(weak)];
}"""


def test_a_merged_key_leads_to_its_record(visit: Visit) -> None:
    """Opening the old address ends on the page of the record that stayed."""
    page = visit.open("papers/old2020name.html")
    page.wait_for_url("**/papers/feng2025efficient.html")
    assert "Efficient Reasoning Models" in page.locator("h1").inner_text()


def test_every_link_within_the_site_leads_to_a_page(site: Path) -> None:
    """No link on any page is broken: its file is there."""
    missing = set()
    for path in site.rglob("*.html"):
        for href in re.findall(r'<a [^>]*?href="([^"]+)"', path.read_text(encoding="utf-8")):
            parts = urlsplit(unescape(href))
            if parts.path and not parts.scheme and not parts.netloc and path.name != "404.html":
                target = (path.parent / parts.path).resolve()
                if not (target.is_file() or (target / "index.html").is_file()):
                    missing.add((path.name, href))
    assert missing == set()
