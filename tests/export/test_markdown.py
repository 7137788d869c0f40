"""Whatever stands in a record shows as it is in Markdown, and makes nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import markdown  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kb.export.markdown import address, escape_markdown, image, link
from kb.ids import is_safe_url
from kb.render.escape import visible
from tests.export.strange import LINES, TITLES

_COMMONMARK = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_PLACES = {
    "{}": {"p"},
    "- {}": {"ul", "li", "p"},
    "### 1. {}": {"h3"},
    "| a | b |\n|---|---|\n| {} | x |": {"table", "thead", "tbody", "tr", "th", "td"},
    "[{}](https://example.org)": {"p", "a"},
    "- **{}**: x": {"ul", "li", "strong", "p"},
}


class Reader(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(text: str) -> list[Reader]:
    """As CommonMark and as Python-Markdown with the extensions of our own site read it."""
    extensions = ["admonition", "attr_list", "def_list", "fenced_code", "footnotes", "md_in_html", "tables"]
    return [Reader(_COMMONMARK.render(text)), Reader(markdown.markdown(text, extensions=extensions))]


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_shows_as_it_is(title: str, place: str) -> None:
    """Two readers show the title and make nothing of it, in a paragraph, list, heading, table cell and link."""
    for page in pages(place.replace("{}", escape_markdown(title))):
        assert visible(title) in " ".join(page.text.split())
        assert page.tags <= _PLACES[place]


@given(LINES | st.text(alphabet="\\`*_[]<>&|$~{}^@#:!+-=.1) ab", min_size=1, max_size=14))
@example("1. a")
@example("1986. A year")
@example(": a\n    b")
@example("a\u2028# b")
def test_any_text_shows_as_it_is(text: str) -> None:
    """The same for any text at all, at the start of a block."""
    shown = visible(text)
    for page in pages(escape_markdown(text)):
        assert page.text.strip() == shown
        assert page.tags <= {"p"}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a_(b)_*c*|d?x=1&copy=2&lt;#{e}$f$~g~^h[i]",
        "https://example.org/ünï?q=中",
        "http://example.org/%28",
    ],
)
def test_an_address_leads_where_it_led(url: str) -> None:
    """Nothing in an address ends its link or its table cell; what is encoded means the same to a server."""
    for page in pages(f"| a |\n|---|\n| {link('x|y', url)} {image('z', url)} |"):
        found = [
            href.replace("%C3%BC", "ü").replace("%C3%AF", "ï").replace("%E4%B8%AD", "中")
            for href in page.links
        ]
        assert found == [address(url).replace("&amp;", "&")] * 2
        assert page.tags == {"table", "thead", "tbody", "tr", "th", "td", "a", "img"}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x y", "data:text/html,x", ""])
def test_what_is_no_web_address_is_no_link(url: str) -> None:
    """Only http and https are linked."""
    assert not is_safe_url(url)
    assert link("words", url) == "words"
