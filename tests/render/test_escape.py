"""What leaves kb.render.escape is shown as it was written, whatever it was."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import markdown
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kb.render.escape import (
    SafeText,
    escape_attribute,
    escape_code,
    escape_text,
    front_matter_text,
    json_text,
    visible,
)
from tests.library import HOSTILE

# Every extension that ships with Python-Markdown or Material and reads inline text, not only those the site uses.
EXTENSIONS = (
    "abbr admonition attr_list def_list fenced_code footnotes md_in_html tables toc smarty sane_lists wikilinks "
    "pymdownx.arithmatex pymdownx.betterem pymdownx.caret pymdownx.critic pymdownx.emoji pymdownx.inlinehilite "
    "pymdownx.keys pymdownx.magiclink pymdownx.mark pymdownx.smartsymbols pymdownx.snippets pymdownx.tasklist "
    "pymdownx.tilde"
).split()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(source: str, extensions: list[str]) -> tuple[list[str], str]:
    reader = _Reader()
    reader.feed(markdown.markdown(source, extensions=extensions))
    reader.close()
    return reader.tags, " ".join(reader.text.split())


def plain(text: str) -> str:
    """Quotes and dashes that `smarty` would have bent, straight again: nothing may have been bent."""
    return visible(text)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("prefix", ["", "# ", "- ", "> ", "x "])
def test_hostile_text_is_shown_as_it_is_by_every_extension(text: str, prefix: str) -> None:
    """Wherever it stands, hostile text gives no element beyond the one that the template asked for."""
    tags, seen = shown(f"{prefix}{escape_text(text)}", EXTENSIONS)
    allowed = {"": ["p"], "# ": ["h1"], "- ": ["ul", "li"], "> ": ["blockquote", "p"], "x ": ["p"]}[prefix]
    assert tags == allowed
    assert seen.removeprefix("x ") == plain(text)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_one_paragraph_that_reads_the_same(text: str) -> None:
    """Markdown with the site's extensions gives back exactly the visible text."""
    source = escape_text(text)
    if not source:
        return
    tags, seen = shown(f"x {source}", ["attr_list", "tables", "def_list", "md_in_html", "fenced_code", "toc"])
    assert tags == ["p"]
    assert seen == f"x {visible(text)}"


@given(st.text(alphabet="-=_*#>+.1: |`~[]()!<&\\$\t\n", max_size=12))
def test_punctuation_alone_starts_no_block(text: str) -> None:
    """Lists, rules, headings, tables and fences do not begin with a record's text."""
    if source := escape_text(text):
        tags, seen = shown(source, ["attr_list", "tables", "def_list", "admonition", "fenced_code"])
        assert (tags, seen) == (["p"], visible(text))


def test_ordinary_titles_stay_readable_in_the_source() -> None:
    """A common title needs no entities: pages can be searched and compared as text."""
    for title in (
        "Quantization Hurts Reasoning? An Empirical Study",
        "Don't Think: Long-CoT, 4-bit at 3.5 GB.",
    ):
        assert escape_text(title) == title


@given(st.text(max_size=60))
def test_an_attribute_never_ends_early(text: str) -> None:
    """An attribute's value comes back whole from an HTML parser."""
    value = escape_attribute(text)
    assert not re.search(r"[\"'<>`\s=]", value.replace(" ", ""))
    assert html.unescape(value).split() == visible(text).split()


@given(st.text(max_size=60))
def test_a_front_matter_title_is_one_yaml_string_without_markup(text: str) -> None:
    """Material puts it between tags as it is: it must hold no tag, and show the text."""
    value = yaml.safe_load(front_matter_text(text))
    assert "<" not in value
    assert html.unescape(value) == visible(text)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_json_closes_no_script_element(value: object) -> None:
    """JSON comes back equal, and no text in it can end the element around it."""
    text = json_text(value)
    assert json.loads(text) == value
    assert "<" not in text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=60))
def test_code_keeps_its_lines(text: str) -> None:
    """A code block shows its text line by line and holds no markup."""
    code = escape_code(text)
    assert "<" not in code
    assert "`" not in code
    assert html.unescape(code).count("\n") <= text.count("\n")


def test_controls_and_direction_overrides_are_dropped() -> None:
    """Python-Markdown's place-holders and right-to-left tricks do not survive."""
    assert visible("a\x02klzzwxh:0000\x03b\u202ec\ufeff \x85 d") == "aklzzwxh:0000bc d"
    assert isinstance(escape_text("x"), SafeText)
