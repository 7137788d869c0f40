"""Whatever stands in a record, its LaTeX is inert, holds nothing that an engine does not know, and says the same."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kb.export.latex_env import link, prose, sentence
from kb.export.latex_text import asks_for_unicode_engine, latex_text, set_scripts, visible
from tests.export.strange import LINES, TITLES, read_latex

_WRAPPED = re.compile(
    r"\\kbtext\{(cjk|rtl|symbol|other)\}\{([^{}]+)\}\{(U\+[0-9A-F]{4,6}(?: U\+[0-9A-F]{4,6})*)\}"
)
_ACCENT = re.compile(r"\\([`'^~=.\"uHvdckbr])\{([A-Za-z])\}")
_MARKS = dict(
    zip(
        "`'^~=u.\"rHvdckb",
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327\u0328\u0331",
        strict=True,
    )
)
_MATH = re.compile(r"\\ensuremath\{(?:\\mathrm\{([A-Z])\}|([-*'])('?)|(\\surd))\}")
NAMES = {"liu2025quantization": "Liu et al."}


def said(tex: str) -> str:
    """What the engines set, apart from where lines may end."""
    tex = tex.replace(r"\kbbreak{}", "").replace(r"\-{}", "")
    tex = _WRAPPED.sub(lambda match: match.group(2), tex)
    tex = _ACCENT.sub(lambda match: match.group(2) + _MARKS[match.group(1)], tex)
    tex = _MATH.sub(lambda match: "√" if match.group(4) else "".join(filter(None, match.groups()[:3])), tex)
    return read_latex(tex.replace(r"{\textendash}", "–").replace(r"{\textemdash}", "—"))


def plain(text: str) -> str:
    """`text` in the form in which it can be compared: what looks the same is the same."""
    looks = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ‒―−∗′″", [*"ABEZHIKMNOPTX–—-*'", "''"], strict=True))
    text = "".join(looks.get(char, char) for char in visible(text))
    return unicodedata.normalize("NFKC", text)


@given(LINES)
@example("x̂ + ŷ̃ q̇́ a̲bc")
@example("ΑΒΓ αβγ ≤ ∑ ∞ → ℝ 𝒜 𝕓 ½ ™ № € − ′ ″ √ ♯ Ж")
@example("كيف تفكر: دراسة (می‌شود) שלום, עולם")
@example("中文 한국어 日本語 🤔💡 👩‍🔬")
@example("MMMMMMMMMMMMMMMMMMM-WWWWWWWWWWW/XXXXXXXX " + "a" * 60)
@example("--- -- ''x'' ,, `` ?` !` << >>")
def test_what_is_set_is_what_was_written(text: str) -> None:
    assert unicodedata.normalize("NFKC", said(latex_text(text))) == plain(text)


@given(st.one_of(LINES, st.sampled_from(TITLES), st.text(max_size=30)))
def test_every_character_is_one_that_an_engine_knows_or_is_wrapped_with_its_code_points(text: str) -> None:
    tex = latex_text(text)
    for match in _WRAPPED.finditer(tex):
        shown = [f"U+{ord(char):04X}" for char in match.group(2) if char != " "]
        assert shown == match.group(3).split(" ")
    rest = _WRAPPED.sub("", tex)
    assert "kbtext" not in rest.replace("kbtext", "", text.count("kbtext"))
    assert set_scripts(rest) == rest


@given(st.one_of(LINES, st.text(max_size=40)))
def test_braces_are_balanced_and_nothing_ends_the_line(text: str) -> None:
    tex = latex_text(text)
    bare = re.sub(r"\\[{}\\]", "", tex)
    depth = 0
    for brace in re.findall("[{}]", bare):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert "\n" not in tex
    assert "\n\n" not in tex
    assert not re.search(r"(?<!\\)[%&#]", tex)


@pytest.mark.parametrize(
    "text", ["Plain Words", "Naïve Łukasz – “curly”", "ϕ-Decoding ≤ ∞ τ² ⟨x⟩", "R$^3$", "x̂", "Α and √2"]
)
def test_what_pdflatex_can_set_asks_for_no_other_engine(text: str) -> None:
    assert not asks_for_unicode_engine(latex_text(text))


@pytest.mark.parametrize("text", ["中", "Кириллица", "שלום", "🤔", "ไทย", "𝒜"])
def test_what_pdflatex_cannot_set_asks_for_another_engine(text: str) -> None:
    assert asks_for_unicode_engine(latex_text(text))


def test_a_phrase_that_runs_from_right_to_left_stays_whole() -> None:
    assert latex_text("On כל מקום: שם today").count(r"\kbtext{rtl}") == 1
    assert r"\kbtext{rtl}{כל מקום: שם}" in latex_text("On כל מקום: שם today")


def test_long_words_can_be_broken_and_ordinary_ones_are_left_alone() -> None:
    assert latex_text("Reinforcement learning, hyperparameters and 41.8 on MATH500") == (
        "Reinforcement learning, hyperparameters and 41.8 on MATH500"
    )
    for word in ("W" * 20, "x" * 40, "https://example.org/a?b=c", "AIME2024AIME2025"):
        pieces = latex_text(word).replace(r"\-{}", r"\kbbreak{}").split(r"\kbbreak{}")
        assert max(map(len, pieces)) < 15
        assert len(pieces) > 1


def test_references_become_citations_only_where_there_is_something_to_cite() -> None:
    text = "See [[liu2025quantization]] & [[liu2025quantization|them]], [[nobody]]."
    assert prose(text, NAMES) == (
        r"See Liu et al.~\citep{liu2025quantization} \& them~\citep{liu2025quantization}, nobody."
    )


def test_a_cell_that_is_used_as_a_sentence_ends_as_one() -> None:
    assert sentence("Surveys the field", NAMES) == "Surveys the field."
    assert sentence("Is it? Yes!", NAMES) == "Is it? Yes!"
    assert sentence(None, NAMES) == ""


def test_a_link_that_a_page_may_not_have_is_only_its_words() -> None:
    assert (
        link("https://example.org/a_b?c=1%20#d", "code")
        == r"\href{https://example.org/a\_b?c=1\%20\#d}{code}"
    )
    for url in (
        "javascript:alert(1)",
        "https://example.org/}\\input{x}",
        "https://exa mple.org",
        "file:///etc/passwd",
    ):
        assert link(url, "code") == "code"
