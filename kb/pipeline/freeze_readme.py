"""The README of an archive, for whoever finds it when nobody is left to ask."""

from __future__ import annotations

from kb import __version__
from kb.export.deposit import Deposit
from kb.pipeline.archive import MANIFEST

SITE, BASE, BIBLIOGRAPHY, PROGRAM = "site", "base", "bibliography", "program"
"""The folders of an archive."""


def readme(deposit: Deposit, *, papers: int, reviews: int, program: str, changed: int = 0) -> str:
    """What is in an archive of this state of a survey, and how to build it again.

    Args:
        program: what pip installs kb from, such as a path in the archive.
        changed: files that differed from the commit.
    """
    state = (
        f"commit `{deposit.commit}`"
        if not changed
        else (f"a working tree after commit `{deposit.commit}`, in which {changed} files differed from it")
    )
    packed = (
        f"| `{PROGRAM}/` | kb {__version__} itself, as a wheel |\n" if program.startswith(PROGRAM) else ""
    )
    home = f"\nThe survey lived at <{deposit.repository}>.\n" if deposit.repository else ""
    return f"""# {deposit.title}, frozen on {deposit.date}

{papers:,} papers, {reviews:,} of them with a review. Everything here was made from {state} by kb {__version__}.
{home}
## Read it

Open `{SITE}/index.html` in a browser. No server and no network is needed.

## What is inside

| | |
|---|---|
| `{SITE}/` | the site as it was, with the same data as JSON under `{SITE}/api/v1/` |
| `{BIBLIOGRAPHY}/` | the papers as BibTeX, BibLaTeX, CSL-JSON, RIS, CSV and as an awesome list; keys are those of the records |
| `{BASE}/papers/` | one record a paper (YAML); `_decisions.yaml`: what people decided; `_sources/`: who named what |
| `{BASE}/taxonomy.yaml` | the branches into which papers are sorted |
| `{BASE}/results/`, `{BASE}/runs/` | figures that papers report, what was measured, and verdicts on claims, where there are any |
| `{BASE}/` | everything else that git kept: settings, templates, hand-written pages, JSON Schemas |
| `CITATION.cff`, `.zenodo.json` | how to cite this, and what a deposit says of it |
{packed}| `constraints.txt` | the versions of all that kb {__version__} stood on |
| `{MANIFEST}` | SHA-256 of every file |

Abstracts and other people's texts are not in it, nor is the history of the repository: the page "What changed" is as it
was that day, and a site that is built again knows only the dates of reviews.

## Check it

    sha256sum -c {MANIFEST}

or, of the archive as a whole, `kb freeze --verify ARCHIVE`.

## Build the site again

With Python 3.11 or newer and a package index:

    python3 -m venv venv
    venv/bin/pip install -c constraints.txt {program}
    venv/bin/kb --root {BASE} build      # then open {BASE}/build/site/index.html

The records are plain YAML and the pages plain Markdown: `venv/bin/kb --root {BASE} build` leaves an MkDocs project in
`{BASE}/build/.stage`, from which `mkdocs build` alone makes the same site.
"""
