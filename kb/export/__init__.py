"""Records in other people's formats: one format a file, `list[Paper] -> str`.

To add one: a file with such a function, a line in `EXPORTS`, a line in `kb.cli_export.FORMATS`, a test that reads it back
with somebody else's library.
The two Markdown exports (`readme`, `awesome`) need more than the records and are called by the pipeline by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kb.export.biblatex import render_biblatex
from kb.export.bibtex import render_bibtex
from kb.export.csl_json import render_csl_json
from kb.export.csv_table import render_csv
from kb.export.ris import render_ris
from kb.records.models import Paper

EXPORTS: Mapping[str, Callable[[Sequence[Paper]], str]] = {
    "bibtex": render_bibtex,
    "biblatex": render_biblatex,
    "csl-json": render_csl_json,
    "csv": render_csv,
    "ris": render_ris,
}
