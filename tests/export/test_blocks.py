"""Between the markers kb writes; outside of them no byte changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.export.blocks import fill_block

START, END = "<!-- kb export readme -->", "<!-- /kb export readme -->"


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.sampled_from(["\n", "\r\n"]),
    st.text(alphabet="ab \n", max_size=9),
)
def test_what_stands_outside_is_never_touched(before: str, after: str, newline: str, content: str) -> None:
    """Whatever is before and after stays to the byte, line ends included, and a second run changes nothing."""
    before = before.replace("~~~", "").replace("```", "")
    text = f"{before}{newline}{newline}{START}{newline}old{newline}{END}{newline}{after}"
    filled = fill_block(text, "readme", content, file="R.md")
    head, tail = f"{before}{newline}{newline}{START}{newline}", f"{END}{newline}{after}"
    assert filled.startswith(head)
    assert filled.endswith(tail)
    middle = filled[len(head) : len(filled) - len(tail)]
    assert middle.replace("\r\n", "\n").strip("\n") == content.strip("\n")
    assert middle.count("\n") == middle.count(newline)
    assert fill_block(filled, "readme", content, file="R.md") == filled


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# Title\n", None, "has no markers"),
        ("", None, "has no markers"),
        (f"a {START}\n\n{END} b\n", None, "has no markers"),  # not on lines of their own
        (f"```\n{START}\n{END}\n```\n", None, "has no markers"),  # an example
        (f"x\n\n{START}\n", 3, "this marker has no end marker"),
        (f"x\n{END}\n", 2, "this marker has no start marker"),
        (f"{END}\n{START}\n", 1, "the end marker stands before the start marker"),
        (f"{START}\n{START}\n{END}\n", 2, "the start marker stands twice, first in line 1"),
        (f"{START}\n{END}\n\n{END}\n", 4, "the end marker stands twice, first in line 2"),
        (f"{START}\n{END}\n{START}\n{END}\n", 3, "the start marker stands twice, first in line 1"),
        (f"{START}\n<!-- /kb export awesome -->\n", 1, "this marker has no end marker"),
    ],
)
def test_markers_that_are_no_pair_are_refused(text: str, line: int | None, message: str) -> None:
    """One clear line: what is wrong, in which line, and how to mend it."""
    with pytest.raises(DataError) as caught:
        fill_block(text, "readme", "new", file="R.md")
    assert caught.value.message.startswith(message)
    assert (caught.value.file, caught.value.line) == ("R.md", line)
    assert caught.value.fix


def test_an_example_in_a_code_block_is_no_marker() -> None:
    """A README may explain the markers and hold them."""
    example = f"```\n{START}\n{END}\n```\n"
    filled = fill_block(f"{example}\n{START}\n{END}\n{example}", "readme", "new", file="R.md")
    assert filled == f"{example}\n{START}\n\nnew\n\n{END}\n{example}"
    assert fill_block(f"<!--kb  export readme-->\n {END}", "readme", "x", file="R.md").endswith(f"\n\n {END}")
