"""Pictures in a real browser: what marks say by hover and by keyboard, filters, dark mode, a phone, no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.test_site import _CONTRAST

PAGES = [
    "index.html", "taxonomy.html", "pictures.html", "progress.html", "results/bits.html", "results/memory.html",
    "results/index.html", "branches/smaller.html",
]  # fmt: skip
TIP = ".kb-p-tip:not([hidden])"


def marks(page: Any, name: str) -> Any:
    return page.locator(f"#kb-p-{name} .kb-p-m:not(.kb-p-off)")


def test_a_mark_says_what_it_is_when_pointed_at(visit: Visit) -> None:
    """The words stand beside it, stay while the pointer is on them, go with Escape, and are not shown twice."""
    page = visit.open("results/bits.html")
    mark = page.locator("#kb-p-drop-bits .kb-p-means .kb-p-m").first
    said = mark.get_attribute("aria-label")
    assert said.startswith("Mean, 3B to 10B, 4 bits: −10.00 points")
    assert mark.locator("title").count() == 0
    mark.hover()
    tip = page.locator(TIP)
    tip.wait_for()
    assert tip.inner_text() == said
    tip.hover()
    page.wait_for_timeout(300)
    assert tip.count() == 1
    page.keyboard.press("Escape")
    page.locator(TIP).wait_for(state="detached")


def test_marks_are_reached_by_keyboard(visit: Visit) -> None:
    """A picture is one stop of the Tab key; arrows go from mark to mark, and Enter follows the link."""
    page = visit.open("index.html")
    panel = page.locator("#kb-p-timeline .kb-p-panel").first
    assert panel.locator('.kb-p-m[tabindex="0"]').count() == 1
    first = panel.locator(".kb-p-m").nth(0)
    first.focus()
    page.locator(TIP).wait_for()
    assert page.locator(TIP).inner_text() == first.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    second = panel.locator(".kb-p-m").nth(1)
    assert second.evaluate("each => each === document.activeElement")
    assert page.locator(TIP).inner_text() == second.get_attribute("aria-label")
    page.keyboard.press("End")
    assert panel.locator(".kb-p-m").last.evaluate("each => each === document.activeElement")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**/survey/table.html?direction=*")
    page.locator("#kb-table tbody tr").first.wait_for()


def test_the_words_stay_within_the_window(phone: Visit) -> None:
    """Also of a mark at the edge of a phone."""
    page = phone.open("index.html")
    for mark in (
        marks(page, "timeline").first,
        page.locator("#kb-p-timeline .kb-p-panel").first.locator(".kb-p-m").last,
    ):
        mark.hover()
        page.locator(TIP).wait_for()
        box = page.locator(TIP).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_finger_reads_before_it_follows(browser: Any, base: str) -> None:
    """The first touch of a mark shows its words, the second leads to its page; a touch beside it puts them away."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{base}/index.html")
    mark = marks(page, "timeline").first
    mark.tap()
    page.locator(TIP).wait_for()
    assert page.url.endswith("/index.html")
    page.locator("#kb-p-timeline figcaption").tap(position={"x": 5, "y": 5})
    page.locator(TIP).wait_for(state="detached")
    mark.tap()
    page.locator(TIP).wait_for()
    mark.tap()
    page.wait_for_url("**/survey/table.html?direction=*")
    context.close()


def test_a_filter_leaves_a_part_and_is_in_the_address(visit: Visit) -> None:
    """The page says how many are left, hides means of all, and another window shows the same."""
    page = visit.open("results/bits.html")
    every = marks(page, "drop-bits").count()
    means = page.locator("#kb-p-drop-bits .kb-p-means:not(.kb-p-off)")
    assert means.count() == 2
    options = page.locator("select[name=benchmark] option")
    assert options.count() == 3
    page.select_option("select[name=benchmark]", "AIME")
    page.locator(".kb-p-status", has_text="differences").wait_for()
    left = marks(page, "drop-bits").count()
    assert 0 < left < every
    assert means.count() == 0
    assert page.url.endswith("?benchmark=AIME")
    page.reload()
    page.locator(".kb-p-status", has_text="differences").wait_for()
    assert marks(page, "drop-bits").count() == left
    assert page.locator("select[name=benchmark]").input_value() == "AIME"
    page.locator(".kb-p-filters button[type=reset]").click()
    page.wait_for_url("**/results/bits.html")
    assert marks(page, "drop-bits").count() == every


def test_a_key_switches_its_marks_off(visit: Visit) -> None:
    """And on again; a button that says whether it is pressed."""
    page = visit.open("results/bits.html")
    key = page.locator("#kb-p-drop-bits .kb-p-keys button").first
    assert key.get_attribute("aria-pressed") == "true"
    key.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**?without=m0")
    assert key.get_attribute("aria-pressed") == "false"
    assert page.locator("#kb-p-drop-bits a.kb-p-m:not(.kb-p-off)").count() == 0
    page.keyboard.press("Enter")
    page.wait_for_url("**/results/bits.html")
    assert page.locator("#kb-p-drop-bits a.kb-p-m:not(.kb-p-off)").count() > 0


def test_a_family_of_models_is_switched_off_with_its_line(visit: Visit) -> None:
    """On the page of memory, which has keys and no form; another window shows the same."""
    page = visit.open("results/memory.html")
    lines = page.locator("#kb-p-memory g:not(.kb-p-off) > .kb-p-thread")
    every, drawn = marks(page, "memory").count(), lines.count()
    page.locator("#kb-p-memory .kb-p-keys button").first.click()
    page.wait_for_url("**?without=m0")
    assert 0 < marks(page, "memory").count() < every
    assert lines.count() < drawn
    page.reload()
    page.locator("#kb-p-memory button[aria-pressed='false']").wait_for()
    assert 0 < marks(page, "memory").count() < every


def test_an_address_asks_for_nothing_that_is_not_there(visit: Visit) -> None:
    """What anybody may write into it is ignored unless the page itself offers it."""
    page = visit.open("results/bits.html?benchmark=%3Cimg%20src%3Dx%3E&without=%22%5D,x&size=9")
    page.locator("#kb-p-drop-bits .kb-p-keys button").first.wait_for()
    assert marks(page, "drop-bits").count() > 0
    assert page.locator(".kb-p-status").inner_text() == ""
    assert page.locator("article img").count() == 0


def test_the_tree_folds_and_leads(visit: Visit) -> None:
    """All at once, one by one, by keyboard; each branch is a link."""
    page = visit.open("taxonomy.html")
    tree = page.locator(".kb-tree").first
    tree.get_by_role("button", name="Fold all", exact=True).click()
    assert tree.locator("details[open]").count() == 0
    summary = tree.locator("summary").first
    summary.focus()
    page.keyboard.press("ArrowRight")
    assert tree.locator("details[open]").count() == 1
    page.keyboard.press("ArrowRight")
    child = tree.locator("li li > a").first
    assert child.evaluate("each => each === document.activeElement")
    page.keyboard.press("ArrowLeft")
    assert summary.evaluate("each => each === document.activeElement")
    page.keyboard.press("ArrowLeft")
    assert tree.locator("details[open]").count() == 0
    page.keyboard.press("ArrowDown")
    assert tree.locator("summary").nth(1).evaluate("each => each === document.activeElement")
    tree.get_by_role("button", name="Unfold all").click()
    child.click()
    page.wait_for_url("**/branches/shorter/*.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_pictures_can_be_read_in_both_palettes(browser: Any, base: str, path: str, scheme: str) -> None:
    """Words reach 4.5 to 1 beside them, and no mark has the colour of its ground."""
    context = browser.new_context(color_scheme=scheme, viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{base}/{path}")
    weak = page.evaluate(_CONTRAST)
    letters = page.evaluate(
        "[...new Set([...document.querySelectorAll('.kb-p-panel text')].map(e => getComputedStyle(e).fill))]"
    )
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()
    assert weak == []
    assert ground not in letters


@pytest.mark.parametrize("path", PAGES)
def test_no_page_of_pictures_scrolls_sideways_on_a_phone(phone: Visit, path: str) -> None:
    """360 pixels are enough; a wide tree scrolls in a frame of its own."""
    page = phone.open(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_letters_on_a_phone_are_large_enough(phone: Visit) -> None:
    """A panel is drawn for that width: its letters keep about their size."""
    page = phone.open("results/bits.html")
    size = page.evaluate(
        "(() => { const p = document.querySelector('.kb-p-panel');"
        " return parseFloat(getComputedStyle(p.querySelector('text')).fontSize) * p.getBoundingClientRect().width / 360; })()"
    )
    assert size >= 8.5


@pytest.mark.parametrize("path", PAGES)
def test_pictures_stand_without_a_script(browser: Any, base: str, path: str) -> None:
    """Marks, names and tables are in the page itself; filters that could do nothing are not shown."""
    context = browser.new_context(java_script_enabled=False, viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{base}/{path}")
    for panel in page.locator(".kb-p-panel").all():
        assert panel.bounding_box()["height"] > 50
    for form in page.locator(".kb-p-filters").all():
        assert not form.is_visible()
    for mark in page.locator(".kb-p-m").all():
        assert mark.locator("> title").count() == 1
    if path == "taxonomy.html":
        page.locator(".kb-tree summary").first.click(position={"x": 300, "y": 5})
        assert not page.locator(".kb-tree details").first.evaluate("each => each.open")
    context.close()


def test_pictures_work_from_disk(browser: Any, site: Path) -> None:
    """The site can be read without a server: scripts of pictures run there, too."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto((site / "results/bits.html").as_uri())
    page.locator("#kb-p-drop-bits .kb-p-means .kb-p-m").first.hover()
    page.locator(TIP).wait_for()
    context.close()


def test_nothing_moves_when_the_script_comes(visit: Visit) -> None:
    """Pictures have their size from the start (cumulative layout shift below 0.02)."""
    page = visit.page
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shift += e.value; })"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    for path in PAGES:
        visit.open(path)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(200)
        assert page.evaluate("window.shift") < 0.02, path
