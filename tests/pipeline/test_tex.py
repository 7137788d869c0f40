"""A log of LaTeX is read whole, and LaTeX that is absent or stops is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import DataError, KbError
from kb.pipeline.tex import TexLog, compile_tex, parse_log
from tests.latex import needs_latex

LOG = r"""This is pdfTeX
Package natbib Warning: Citation `ann2025study' on page 1 undefined on input line 5.
Package natbib Warning: Citation `ann2025study' on page 2 undefined on input line 9.
LaTeX Warning: Reference `tab:x' on page 1 undefined on input line 7.
Overfull \hbox (0.5pt too wide) in paragraph at lines 1--2
kb> tables/claims
Overfull \hbox (12.34567pt too wide) in paragraph at lines 5--6
Overfull \hbox (3.0pt too wide) detected at line 8
kb<
Overfull \hbox (7.0pt too wide) in alignment at lines 9--9
Overfull \vbox (7.0pt too high) has occurred
Missing character: There is no 中 (U+4E2D) in font Latin Modern Roman!
Missing character: There is no x in font cmr10!
! Undefined control sequence.
"""


def test_everything_that_a_log_complains_of_is_found_once_and_with_its_place() -> None:
    assert parse_log(LOG) == TexLog(
        citations=("ann2025study",),
        references=("tab:x",),
        too_wide=(
            "text: 0.5 pt in paragraph at lines 1--2",
            "tables/claims: 12.3 pt in paragraph at lines 5--6",
            "tables/claims: 3.0 pt detected at line 8",
            "text: 7.0 pt in alignment at lines 9--9",
        ),
        missing=("中", "x"),
        errors=("Undefined control sequence.",),
    )
    assert not parse_log(LOG).clean
    assert parse_log("Underfull \\hbox (badness 10000) in paragraph at lines 1--2\n").clean


def test_without_latex_the_packages_are_named(tmp_path: Path) -> None:
    with pytest.raises(KbError, match=r"pdflatex is not installed .*apt-get install texlive-latex-extra"):
        compile_tex(tmp_path, "pdflatex", path=str(tmp_path))
    with pytest.raises(KbError, match=r"xelatex is not installed .*texlive-xetex"):
        compile_tex(tmp_path, "xelatex", path=str(tmp_path))


@needs_latex
@pytest.mark.slow
def test_an_error_of_latex_is_one_line_and_a_document_can_neither_run_commands_nor_write_elsewhere(
    tmp_path: Path,
) -> None:
    document = tmp_path / "survey.tex"
    document.write_text(r"\documentclass{article}\begin{document}\nonsense\end{document}")
    with pytest.raises(DataError, match=r"survey\.tex: LaTeX stops: Undefined control sequence"):
        compile_tex(tmp_path, "pdflatex")
    document.write_text(
        r"\documentclass{article}\begin{document}\immediate\write18{touch " + str(tmp_path / "run") + "}x"
        r"\newwrite\out\immediate\openout\out=" + str(tmp_path / "written") + r"\end{document}"
    )
    with pytest.raises(DataError, match="LaTeX stops"):
        compile_tex(tmp_path, "pdflatex")
    assert [path.name for path in tmp_path.iterdir()] == ["survey.tex"]
