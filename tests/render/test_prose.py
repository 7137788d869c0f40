"""References in prose become links; everything else stays text."""

from __future__ import annotations

from kb.render.prose import Span, Target, parse_prose, resolve_markdown

_PAGES = {"a2020b": Target("papers/a2020b.md", "A (2020)"), "branch:smaller": Target("b.md", "Smaller")}


def test_paragraphs_and_references_are_told_apart() -> None:
    """Blank lines part paragraphs; a known reference is a link with its own words or chosen ones."""
    unknown: list[str] = []
    prose = parse_prose("See [[a2020b]].\n\n[[branch:smaller|less]]", _PAGES.get, unknown.append)
    assert prose == (
        (Span("See "), Span("A (2020)", "papers/a2020b.md"), Span(".")),
        (Span("less", "b.md"),),
    )
    assert unknown == []


def test_an_unknown_reference_stays_visible_and_is_reported() -> None:
    """Nothing disappears from a review because a key was misspelt."""
    unknown: list[str] = []
    prose = parse_prose("See [[nobody]] there", _PAGES.get, unknown.append)
    assert "".join(span.text for span in prose[0]) == "See [[nobody]] there"
    assert unknown == ["nobody"]


def test_a_handwritten_page_keeps_its_code() -> None:
    """References in code spans and fences are examples; elsewhere they are links, and unknown ones have a line."""
    unknown: list[tuple[str, int]] = []
    text = "[[a2020b]] `[[a2020b]]`\n\n```\n[[x]]\n```\n[[y]]\n"
    made = resolve_markdown(
        text,
        lambda key, words: f"<{words or key}>" if key in _PAGES else None,
        lambda key, line: unknown.append((key, line)),
    )
    assert made == "<a2020b> `[[a2020b]]`\n\n```\n[[x]]\n```\n[[y]]\n"
    assert unknown == [("y", 6)]
