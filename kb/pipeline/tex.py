"""LaTeX, run as often as it needs, and what its log says: undefined citations and references, lines that are too wide."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kb.errors import DataError, KbError

PACKAGES = "texlive-latex-extra texlive-pictures texlive-latex-recommended lmodern"
UNICODE_PACKAGES = (
    f"{PACKAGES} texlive-xetex texlive-fonts-recommended fonts-freefont-otf fonts-wqy-microhei fonts-symbola"
)
_OWN = (".aux", ".bbl", ".out")
_SOURCES = f".{os.pathsep}../source{os.pathsep}"  # the empty end: then where LaTeX itself is
_MOST_RUNS = 6
_TIMEOUT_S = 300
_AGAIN = re.compile(r"Rerun to get|Table widths have changed|Rerun LaTeX|Label\(s\) may have changed")
_CITATION = re.compile(r"Citation [`']([^']+)' .*undefined")
_REFERENCE = re.compile(r"Reference [`']([^']+)' .*undefined")
_WIDE = re.compile(r"^(?:kb> (.+)|(kb<)|Overfull \\hbox \(([0-9.]+)pt too wide\) (.*))$", re.MULTILINE)
_MISSING = re.compile(r"Missing character: There is no (.+?) (?:\([^)]*\) )?in font")
_ERROR = re.compile(r"^(?:! (.+)|(?:[^\n:]+):(\d+): (.+))$", re.MULTILINE)


@dataclass(frozen=True)
class TexLog:
    """What a log complains of.

    Attributes:
        citations, references: names that lead nowhere.
        too_wide: what sticks out of its line, and by how much: "tables/claims: 3.2 pt in paragraph at lines 5--6".
        missing: characters that a font does not have.
        errors: what stopped or would stop a run.
    """

    citations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    too_wide: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not (self.citations or self.references or self.too_wide or self.missing or self.errors)


@dataclass(frozen=True)
class Compiled:
    """A document: its PDF, the bibliography as BibTeX made it (arXiv wants it), and what the log complains of."""

    pdf: bytes
    bbl: str
    log: TexLog
    runs: int


def parse_log(text: str) -> TexLog:
    """What a log of LaTeX complains of, each once, in its order. Lines must not be wrapped (max_print_line)."""

    def every(pattern: re.Pattern[str], group: int = 1) -> tuple[str, ...]:
        return tuple(dict.fromkeys(match.group(group) for match in pattern.finditer(text)))

    errors = tuple(dict.fromkeys(match.group(1) or match.group(3) for match in _ERROR.finditer(text)))
    return TexLog(every(_CITATION), every(_REFERENCE), _too_wide(text), every(_MISSING), errors)


def _too_wide(text: str) -> tuple[str, ...]:
    """Each line that is too wide, with the table or figure that it is in (what \\kbopen said last)."""
    found, place = [], "text"
    for match in _WIDE.finditer(text):
        opened, closed, points, where = match.groups()
        if opened or closed:
            place = opened or "text"
        else:
            found.append(f"{place}: {float(points):.1f} pt {where}")
    return tuple(dict.fromkeys(found))


def compile_tex(folder: Path, engine: str, *, name: str = "survey", path: str | None = None) -> Compiled:
    """Run `engine` and BibTeX on the document `name` of `folder`, elsewhere: nothing is left behind in it.

    Args:
        path: where to look for the programs, if not on PATH.

    Raises:
        KbError: a program is not installed, or takes too long.
        DataError: LaTeX stops at an error.
    """
    programs = {tool: _program(tool, engine, path) for tool in (engine, "bibtex")}
    with tempfile.TemporaryDirectory(prefix="kb-tex-") as made:
        work = Path(made) / "work"
        work.mkdir()
        # By a name without a space or colon, which would mean something in a list of folders.
        (work.parent / "source").symlink_to(folder.resolve(), target_is_directory=True)
        for suffix in _OWN:  # what an author's own run left in the folder is not read
            (work / f"{name}{suffix}").write_text("\\relax\n" if suffix == ".aux" else "", encoding="utf-8")
        latex = [
            programs[engine],
            "-interaction=nonstopmode",
            "-halt-on-error",
            "-no-shell-escape",
            f"{name}.tex",
        ]
        log = ""
        for run in range(1, _MOST_RUNS + 1):
            log = _run(latex, work, folder / f"{name}.tex")
            if run == 1:
                _run([programs["bibtex"], name], work, None)
            elif run > 2 and not _AGAIN.search(log):
                break
        pdf = work / f"{name}.pdf"
        if not pdf.is_file():
            raise DataError("LaTeX made no PDF", file=folder / f"{name}.tex")
        bbl = work / f"{name}.bbl"
        text = bbl.read_text(encoding="utf-8", errors="replace") if bbl.is_file() else ""
        return Compiled(pdf.read_bytes(), text, parse_log(log), run)


def _program(tool: str, engine: str, path: str | None) -> str:
    found = shutil.which(tool, path=path)
    if found is None:
        packages = PACKAGES if engine == "pdflatex" else UNICODE_PACKAGES
        raise KbError(f"{tool} is not installed", fix=f"on Debian: apt-get install {packages}")
    return found


def _run(command: list[str], work: Path, document: Path | None) -> str:
    """One run; returns its log. Where `document` is given, an error of LaTeX is raised."""
    try:
        done = subprocess.run(
            command, cwd=work, env=_environment(os.environ), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise KbError(f"{Path(command[0]).name} took longer than {_TIMEOUT_S} s", file=document) from None
    except OSError as error:
        raise KbError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    log = (work / f"{Path(command[-1]).stem}.log") if document else None
    text = log.read_text(encoding="utf-8", errors="replace") if log and log.is_file() else ""
    if document and done.returncode:
        said = parse_log(text).errors or (
            done.stdout.decode("utf-8", "replace").strip()[-200:] or "no reason given",
        )
        raise DataError(
            f"LaTeX stops: {said[0]}", file=document, fix=f"run {Path(command[0]).name} there to see where"
        )
    return text


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Whole lines in the log, the same bytes whenever it runs, and no file outside read or written."""
    return {
        **environ,
        "max_print_line": "100000",
        "error_line": "254",
        "half_error_line": "238",
        "SOURCE_DATE_EPOCH": environ.get("SOURCE_DATE_EPOCH", "0"),
        "FORCE_SOURCE_DATE": "1",
        "openout_any": "p",
        "TEXINPUTS": _SOURCES,
        "BIBINPUTS": _SOURCES,
        "LC_ALL": "C.UTF-8",
    }
