"""Text for GitHub: what strangers wrote shows as they wrote it, links nothing and calls nobody."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from kb.export.github import (
    Code,
    Link,
    Section,
    as_markdown,
    as_text,
    code,
    for_github,
    for_title,
    line_as_markdown,
    quoted,
    shortened,
)
from kb.render.escape import visible

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "@octocat look at #12 and org/repo#3",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "` `` ``` ~~~ code",
    "| a | b |\n|---|---|",
    "# heading",
    "&#64;octocat &lt;b&gt;",
    "https://github.com/o/r/issues/1 www.evil.example",
    "::set-output name=a::b",
    "${{ secrets.GITHUB_TOKEN }} $(id) `id`",
    "\u202egnp.exe\u2066",
    "1. one\n2. two",
    "---",
    "\\<b>\\",
]


def flat(tokens: list[Token]) -> list[Token]:
    """Every token, the inner ones too."""
    return [
        inner
        for token in tokens
        for inner in ((token, *flat(token.children)) if token.children else (token,))
    ]


def shown(markdown: str) -> tuple[str, set[str]]:
    """The text that a reader sees, and the kinds of elements around it."""
    tokens = flat(GFM.parse(markdown))
    text = "".join(each.content for each in tokens if each.type in {"text", "code_inline", "text_special"})
    return text, {each.type for each in tokens} - {
        "inline",
        "text",
        "text_special",
        "paragraph_open",
        "paragraph_close",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_shows_as_it_was_written(text: str) -> None:
    """No element comes of it; only the character of no width is added."""
    seen, elements = shown(for_github(text))
    assert elements == set()
    assert seen.replace("\u200b", "") == visible(text)


@given(st.text())
def test_any_text_shows_as_it_was_written(text: str) -> None:
    """Of any characters, within the length."""
    seen, elements = shown(f"x{for_github(text)}x")
    assert elements == set()
    assert seen.replace("\u200b", "") == f"x{shortened(text, 300)}x".replace("\u200b", "")


def test_nobody_is_called_and_nothing_is_linked() -> None:
    """GitHub looks for @name and #12 in the text that a reader sees: a character of no width stands in between."""
    seen, _ = shown(for_github("@octocat, o/r#12, mail a@b.example"))
    assert not re.search(r"@\w|#\d", seen)


@given(st.text(min_size=1))
def test_code_is_one_span_of_code(text: str) -> None:
    """However many backticks are in it."""
    seen, elements = shown(code(text))
    told = shortened(text, 300)
    if told:
        assert elements == {"code_inline"}
        assert seen.strip() == told.strip()


@given(st.text(alphabet="`~\n abc#@<-", max_size=200))
def test_a_quotation_is_one_block_of_code(text: str) -> None:
    """Nothing in it ends it."""
    tokens = GFM.parse(quoted(text))
    assert [token.type for token in tokens] == ["fence"]


def test_a_title_skips_no_workflow_and_closes_no_issue() -> None:
    """It becomes a commit message: GitHub acts on some words there."""
    title = for_title(
        "Fixes #1, closes GH-2, resolves https://github.com/o/r/issues/3 @octocat [skip ci] [no ci]"
    )
    assert not re.search(r"#\d|GH-\d|https://|@\w|\[|\]", title)
    assert for_title("Shorter Chains: by Early Exit") == "Shorter Chains: by Early Exit"


def test_a_quotation_is_cut() -> None:
    assert len(quoted("x" * 100_000)) < 2_100


def test_a_link_leads_where_we_say_or_nowhere() -> None:
    """Only web addresses are linked to, whatever the words."""
    assert line_as_markdown((Link("A [b] @c", "https://kb.example/a(b).html"),)).endswith(
        "](https://kb.example/a%28b%29.html)"
    )
    assert shown(line_as_markdown((Link("words", "javascript:x"),))) == ("words", set())


def test_parts_of_a_line_keep_the_space_between_them() -> None:
    assert (
        line_as_markdown(("a ", Code("b"), " c ", Link("d", "https://e.example")))
        == "a `b` c [d](https://e.example)"
    )


@given(st.lists(st.text(max_size=50), min_size=1, max_size=4))
def test_parts_of_a_line_are_text_wherever_they_stand(parts: list[str]) -> None:
    """Between code and at the start, whatever they begin with."""
    line = [each for part in parts for each in (part, Code("c"))]
    _, elements = shown(f"- {line_as_markdown(tuple(line))}")
    assert elements <= {
        "bullet_list_open",
        "bullet_list_close",
        "list_item_open",
        "list_item_close",
        "code_inline",
    }


@given(st.lists(st.text(max_size=400), max_size=200), st.integers(200, 3_000))
def test_sections_never_grow_longer_than_asked(lines: list[str], most: int) -> None:
    """And what is left out is said."""
    sections = [Section("One", [("short",)]), Section("Two", [(line,) for line in lines], most=500)]
    text = as_markdown(sections, most=most)
    assert len(text) <= most + 80
    assert "### Two" in text or "kb shows all of it" in text or not lines


def test_long_lists_say_how_many_more_there_are() -> None:
    """In Markdown and on a terminal."""
    section = Section("Papers", [(str(number),) for number in range(12)], most=10)
    assert "- and 2 more" in as_markdown([section])
    assert as_text([section]).splitlines()[-1] == "  and 2 more"
