"""`kb survey`: the skeleton of a survey paper in LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from kb.pipeline.survey import SurveyReport


@click.command(
    epilog=examples(
        "kb survey",
        "kb survey --pdf",
        "kb survey --branch smaller/quantization --out ~/quantization-survey",
        "kb survey && cd build/survey && latexmk survey.tex",
    )
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="The folder.  [default: build/survey]"
)
@click.option(
    "--branch",
    "branches",
    multiple=True,
    metavar="BRANCH",
    help="Only this branch and what is below it; may be repeated.",
)
@click.option("--pdf", is_flag=True, help="Compile it as well (needs LaTeX).")
@click.option("--force", is_flag=True, help="Make files anew that you have edited.")
@json_option
@click.pass_obj
def survey(
    state: Any, out: Path | None, branches: tuple[str, ...], pdf: bool, force: bool, as_json: bool
) -> int:
    """Write a survey paper to start from: LaTeX, tables, tree figures and bibliography, made from the records.

    survey.tex has an introduction and a section a branch, every sentence of it from a record, every citation in
    references.bib. Tables: papers, reviews, reported results (best of a column in bold, spreads), claims with verdicts. The
    taxonomy is a forest figure, with an SVG twin for HTML.

    A second run changes nothing. A file that you have edited stays as it is; --force makes it anew. It is made for pdfLaTeX,
    as arXiv wants, and for XeLaTeX where a title needs other scripts. Exit code 7: the PDF has faults that the log names.
    """
    from kb.cli_output import SyncProgress, say, say_json
    from kb.pipeline.survey import survey as run

    with SyncProgress(quiet=as_json) as progress:
        report = run(state.config(), out=out, branches=branches, pdf=pdf, force=force, progress=progress)
    if as_json:
        say_json(_plain(report))
    else:
        for line in _lines(report):
            say(line)
    return EXIT_OK if report.log is None or report.log.clean else EXIT_PARTIAL


def _plain(report: SurveyReport) -> dict[str, Any]:
    log = report.log
    return {
        "folder": str(report.folder),
        "engine": report.pack.engine,
        "papers": report.pack.papers,
        "tables": report.pack.tables,
        "claims": report.pack.claims,
        "files": len(report.pack.files),
        "written": report.written,
        "removed": report.removed,
        "edited": list(report.edited),
        "pdf": str(report.pdf) if report.pdf else None,
        "log": vars(log) if log else None,
    }


def _lines(report: SurveyReport) -> list[str]:
    from kb.cli_output import count

    pack = report.pack
    lines = [
        f"{report.folder}: {count(pack.papers, 'paper')}, {count(pack.tables, 'table')}, {count(pack.claims, 'claim')}; "
        f"{count(report.written, 'file')} written" + (f", {report.removed} removed" if report.removed else "")
    ]
    if pack.engine != "pdflatex":
        lines.append(f"some texts need fonts that pdfLaTeX does not have: compile it with {pack.engine}")
    lines += [
        f"{path}: you have edited it, and a newer version is there: kb survey --force"
        for path in report.edited
    ]
    if report.pdf:
        lines.append(f"{report.pdf}: written")
    if log := report.log:
        lines += [f"undefined citation: {name}" for name in log.citations]
        lines += [f"undefined reference: {name}" for name in log.references]
        lines += [f"too wide: {said}" for said in log.too_wide]
        if log.missing:
            lines.append(f"characters without a glyph: {' '.join(log.missing)}")
    return lines
