"""Citing a paper and following the survey, in a real browser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urljoin

import feedparser
import jsonschema  # type: ignore[import-untyped]
import pytest

from kb.render.api import schemas
from scripts.screenshots import until
from tests.browser.conftest import Visit
from tests.library import HOSTILE

PAPER = "papers/feng2025efficient.html"


@pytest.mark.parametrize(("which", "start"), [(0, ""), (1, "@")])
def test_one_click_copies_the_citation(visit: Visit, which: int, start: str) -> None:
    """The buttons beside the plain citation and the BibTeX put all of it, and nothing else, on the clipboard."""
    page = visit.open(PAPER)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=visit.base)
    block = page.locator(".kb-bibtex").nth(which)
    block.locator("button").click()
    until(page, "async () => (await navigator.clipboard.readText()) !== ''")
    copied = page.evaluate("navigator.clipboard.readText()").strip()
    assert copied == block.locator("code").text_content().strip()
    assert copied.startswith(start)
    assert len(copied) > 20


def test_the_tags_say_what_the_page_says(visit: Visit) -> None:
    """What Zotero's connector reads is in the document that the browser made, title and authors as they are shown."""
    page = visit.open(PAPER)
    tags = page.eval_on_selector_all(
        "head > meta[name^=citation_]", "all => all.map(m => [m.name, m.content])"
    )
    names = [name for name, _ in tags]
    title = page.locator("h1").inner_text().removesuffix("#").strip()
    assert dict(tags)["citation_title"] == title
    assert names.count("citation_author") >= 1
    data = json.loads(page.locator("script[type='application/ld+json']").text_content())
    assert data["name"] == title


def test_a_hostile_title_stays_a_title(visit: Visit) -> None:
    """A title that is markup comes out of tag and data as text; nothing ran (the fixture looks)."""
    index = json.loads(visit.open("api/v1/papers.json").locator("pre").text_content())
    found = [paper for paper in index["papers"] if any(text in paper["title"] for text in HOSTILE)]
    assert found
    for paper in found:
        page = visit.open(paper["page"])
        assert page.locator("meta[name=citation_title]").get_attribute("content") == paper["title"]
        data = json.loads(page.locator("script[type='application/ld+json']").text_content())
        assert data["headline"] == paper["title"]


def test_structured_data_passes_a_policy_without_inline_script(visit: Visit) -> None:
    """A content-security policy that forbids inline script does not object to the data block."""

    def answer(route: Any) -> None:
        data = '<script type="application/ld+json">{"name": "x"}</script>'
        body = f"<!doctype html><title>t</title>{data}<script>window.ran = 1</script>"
        policy = {
            "content-security-policy": "default-src 'none'; script-src 'self'",
            "content-type": "text/html",
        }
        route.fulfill(body=body, headers=policy)

    visit.page.route("**/policy.html", answer)
    page = visit.open("policy.html")
    assert page.evaluate("window.ran") is None
    assert len([said for said in visit.errors if "inline script" in said]) == 1  # of the one that is a script
    assert json.loads(page.locator("script").first.text_content()) == {"name": "x"}
    visit.errors.clear()


def test_feeds_that_pages_name_can_be_read(visit: Visit) -> None:
    """The three feeds that the head of a branch's page names are there, and they are Atom."""
    page = visit.open("branches/smaller.html")
    links = page.eval_on_selector_all(
        "head > link[type='application/atom+xml']", "all => all.map(l => l.getAttribute('href'))"
    )
    assert len(links) == 3
    for link in links:
        answer = page.request.get(urljoin(page.url, link))
        assert answer.ok
        found = feedparser.parse(answer.body())
        assert not found.bozo
        assert found.version == "atom10"


def test_a_paper_leads_to_its_data(visit: Visit) -> None:
    """The link on the page gives JSON that is what the schema says."""
    page = visit.open(PAPER)
    link = page.get_by_role("link", name="This paper as data").get_attribute("href")
    data = page.request.get(urljoin(page.url, link)).json()
    jsonschema.Draft7Validator(schemas()["paper"]).validate(data)
    assert data["key"] == "feng2025efficient"


@pytest.mark.parametrize("key", ["feng2025efficient", "liu2025quantization"])
def test_the_page_reads_on_a_phone(phone: Visit, key: str) -> None:
    """Nothing sticks out at 360 pixels; the summary stands above the facts; both citations are copied with one tap."""
    page = phone.open(f"papers/{key}.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    edit = page.locator(".kb-facts a", has_text="Edit the record")
    assert edit.get_attribute("href").endswith(f"/edit/main/papers/{key}.yaml")
    summary = page.locator(".kb-summary-line")
    if summary.count():
        assert summary.first.bounding_box()["y"] < page.locator(".kb-facts").bounding_box()["y"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=phone.base)
    for number in range(page.locator(".kb-bibtex").count()):
        block = page.locator(".kb-bibtex").nth(number)
        block.locator("button").click()
        text = block.locator("code").text_content().strip()
        until(page, "async (text) => (await navigator.clipboard.readText()).trim() === text", arg=text)
    assert page.locator(".kb-bibtex").count() == 2
