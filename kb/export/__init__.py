"""Records in other people's formats: one format a file, `list[Paper] -> str`.

To add one: a file with such a function, a line in `EXPORTS`, a test that reads it back with somebody else's library.
The two Markdown exports (`readme`, `awesome`) need more than the records and are called by the pipeline by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kb.export.biblatex import render_biblatex
from kb.export.bibtex import render_bibtex
from kb.export.csl_json import render_csl_json
from kb.export.csv_table import render_csv
from kb.export.ris import render_ris
from kb.records.models import Paper


@dataclass(frozen=True)
class Export:
    """A format: how it is made, the usual ending of its files, and one line about it for `kb export --help`."""

    render: Callable[[Sequence[Paper]], str]
    suffix: str
    about: str


EXPORTS: Mapping[str, Export] = {
    "bibtex": Export(render_bibtex, ".bib", "BibTeX, as classic styles and pdfLaTeX read it."),
    "biblatex": Export(render_biblatex, ".bib", "BibLaTeX for biber: full dates, eprint types, Unicode."),
    "csl-json": Export(render_csl_json, ".json", "CSL-JSON, for Pandoc, Zotero, Quarto and citeproc."),
    "ris": Export(render_ris, ".ris", "RIS, for EndNote, Mendeley and Zotero."),
    "csv": Export(render_csv, ".csv", "A table of all facts, a row a paper, for spreadsheets."),
}
