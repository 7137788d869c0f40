"""Tests that compile need a LaTeX: they skip with the reason where there is none, unless KB_REQUIRE_TEX=1."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PROGRAMS = ("pdflatex", "xelatex", "bibtex", "pdftotext", "kpsewhich")
_FILES = ("forest.sty", "environ.sty", "lmodern.sty", "pzdr.tfm")


def _missing() -> str:
    """What is not installed of it."""
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    if not absent:
        found = subprocess.run(["kpsewhich", *_FILES], capture_output=True, text=True, check=False).stdout
        absent = [name for name in _FILES if name not in found]
    return ", ".join(absent)


def _skipping() -> str:
    """Why tests are skipped; empty if they are not."""
    return "" if os.environ.get("KB_REQUIRE_TEX") == "1" else _missing()


needs_latex = pytest.mark.skipif(
    bool(_skipping()), reason=f"no LaTeX to compile with: {_skipping()} (.ci/ensure-tex)"
)


def text_of(pdf: bytes, folder: Path) -> str:
    """The text of a PDF as pdftotext reads it."""
    path = folder / "read.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf-8")
