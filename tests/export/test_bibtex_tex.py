"""A bibliography as an author uses it: the smallest document that cites all of it, set by LaTeX."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import DataError
from kb.export.bibtex import render_bibtex
from kb.pipeline.tex import compile_tex
from kb.records.models import Paper
from tests.export.strange import TITLES, paper
from tests.latex import needs_latex, text_of

DOCUMENT = r"""\documentclass{article}
%s
\begin{document}
\nocite{*}
\bibliographystyle{plain}
\bibliography{refs}
\end{document}
"""
PDFLATEX = r"\usepackage[T1]{fontenc}\usepackage{lmodern}\usepackage{textcomp,amssymb}"
XELATEX = r"\usepackage{fontspec}\setmainfont{FreeSerif}\usepackage{amssymb}"
CYRILLIC = "Кириллица и ѓ"


def titled(titles: list[str]) -> list[Paper]:
    return [
        Paper.from_data(f"a20{number + 10}b", {**paper(title).to_data(), "title": title})
        for number, title in enumerate(titles)
    ]


def document(folder: Path, packages: str, titles: list[str]) -> Path:
    (folder / "refs.bib").write_text(render_bibtex(titled(titles)), encoding="utf-8")
    (folder / "doc.tex").write_text(DOCUMENT % packages, encoding="utf-8")
    return folder


def test_letters_that_latex_has_no_command_for_stay_letters() -> None:
    r"""No command that T1 does not know (\CYRK, \'\cyrg) is written: the letter means itself to every engine and reader."""
    text = render_bibtex([paper(CYRILLIC), paper("𝒜 and ∀ but √2")])
    assert "cyr" not in text.lower()
    assert CYRILLIC in text
    assert "𝒜" in text
    assert r"\ensuremath{\forall}" in text


@needs_latex
@pytest.mark.slow
def test_pdflatex_sets_what_its_fonts_have(tmp_path: Path) -> None:
    """Every hostile title in Latin and Greek letters and mathematical signs, without an error or a missing character."""
    titles = [
        title
        for title in TITLES
        if title.isascii() or set(title) <= set("Naïve Łukaszs façdÆrø–“”‘’—…'ñœϕ≤∞τ²")
    ]
    titles += ["ϕ-Decoding ≤ ∞ τ²", "Naïve Łukasz's façade: Ærø – “curly” ‘quotes’ — and…"]
    made = compile_tex(document(tmp_path, PDFLATEX, titles), "pdflatex", name="doc")
    assert made.log.errors == ()
    assert made.log.missing == ()
    text = " ".join(text_of(made.pdf, tmp_path).split())
    assert "aïve Łukasz" in text
    assert r"\write18{id}" in text


@needs_latex
@pytest.mark.slow
def test_cyrillic_is_set_by_xelatex_and_named_by_pdflatex(tmp_path: Path) -> None:
    """XeLaTeX with a font that has the letters sets them; pdfLaTeX with T1 alone stops and names the letter, no command."""
    folder = document(tmp_path, XELATEX, [CYRILLIC])
    made = compile_tex(folder, "xelatex", name="doc")
    assert made.log.errors == ()
    assert "ириллица" in text_of(made.pdf, tmp_path)
    (tmp_path / "doc.tex").write_text(DOCUMENT % PDFLATEX, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        compile_tex(folder, "pdflatex", name="doc")
    assert "U+041A" in str(caught.value)
    assert "CYR" not in str(caught.value)
