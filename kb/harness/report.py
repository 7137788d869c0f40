"""Pages about runs: tables and pictures between markers in a Markdown file, made from committed runs.

    <!-- kb eval report experiments/bits.yaml: accuracy first-error -->
    (made by kb eval report)
    <!-- /kb eval report -->

The words around the markers are a person's. Cells that differ in model or seed alone are pooled: an item then has one
completion from each model, and intervals are over items. The accuracy of each model stands beside, so that the spread
between models is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from kb.errors import DataError
from kb.harness.metrics import Summary, summary
from kb.harness.plots import Cell, cell_of, has_data, label_of
from kb.harness.results import SampleResult
from kb.harness.runs import Run
from kb.harness.spec import canonical, is_full_data

_MARK = re.compile(r"<!--[ \t]*(?P<end>/?)kb eval report\b(?P<wants>.*?)-->")
_WANTS = re.compile(r"(?P<spec>[^\s:]+):(?P<sections>(?:[ \t]+[a-z-]+)+)")
_FORM = "<!-- kb eval report SPEC: SECTION ... --> and <!-- /kb eval report --> on lines of their own"


@dataclass(frozen=True)
class Pooled:
    """Runs of one variant on several models, as one: each item has the completions of every model."""

    manifest: Mapping[str, Any]
    samples: tuple[SampleResult, ...]


@dataclass(frozen=True)
class Variant:
    """What was done to the models: a row of the tables.

    Attributes:
        runs: one a model and seed, in the order in which every variant of the spec has them.
    """

    label: str
    runs: tuple[Run, ...]

    @cached_property
    def pooled(self) -> Pooled:
        """All runs together, under the settings of the first."""
        width = 1 + max((result.k for run in self.runs for result in run.samples), default=0)
        samples = (
            replace(result, k=place * width + result.k)
            for place, run in enumerate(self.runs)
            for result in run.samples
        )
        return Pooled(self.runs[0].manifest, tuple(samples))

    @cached_property
    def summary(self) -> Summary:
        return summary(self.pooled)

    @cached_property
    def cell(self) -> Cell:
        """The variant in a picture."""
        return cell_of(self.pooled, self.summary, self.label)

    @property
    def is_full(self) -> bool:
        """Whether the models run as they are."""
        return is_full_data(self.runs[0].spec)


def variants(runs: Sequence[Run], spec: str = "") -> list[Variant]:
    """Runs of a grid by what was done to the model, in the order in which they first come.

    Raises:
        DataError: the runs are of several tasks, or a variant lacks a model or seed that another has.
    """
    if len({canonical(run.spec["task"]) for run in runs}) > 1:
        raise DataError("has several tasks, which no table holds at once", file=spec, fix="a spec for each")
    found: dict[str, dict[str, Run]] = {}
    for run in runs:
        done = canonical([run.spec["quantizer"], run.spec.get("kv")])
        found.setdefault(done, {})[canonical([run.spec["model"], run.spec["seed"]])] = run
    places = list(dict.fromkeys(place for rows in found.values() for place in rows))
    for rows in found.values():
        if len(rows) < len(places):
            raise DataError(
                f"{label_of(next(iter(rows.values())).manifest)} lacks a model or seed that others have",
                file=spec,
                fix=f"kb eval sweep {spec}",
            )
    ordered = [tuple(rows[place] for place in places) for rows in found.values()]
    return [Variant(label, rows) for label, rows in zip(_labels(ordered), ordered, strict=True)]


def _labels(rows: Sequence[Sequence[Run]]) -> list[str]:
    """In few words, and where two variants would read the same, with the options in which they differ."""
    labels = [label_of(row[0].manifest) for row in rows]
    options = [{**row[0].spec["quantizer"], "kv": row[0].spec.get("kv")} for row in rows]
    made = []
    for label, mine in zip(labels, options, strict=True):
        others = [theirs for other, theirs in zip(labels, options, strict=True) if other == label]
        names = [name for name in mine if any(theirs.get(name) != mine[name] for theirs in others)]
        made.append(", ".join([label, *(f"{name} {mine[name]}" for name in names)]))
    return made


# Pages

RunsOf = Callable[[str], Sequence[Run]]


@dataclass(frozen=True)
class Picture:
    """A picture that a page shows.

    Attributes:
        file: its name, beside the page.
        plot: which one, of `kb.harness.plots.PLOTS`.
    """

    file: str
    plot: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Page:
    """A page made anew."""

    text: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class _Block:
    """What stands from `start` to `end` of a page between two markers."""

    spec: str
    sections: tuple[str, ...]
    line: int
    start: int
    end: int


def render_page(text: str, runs_of: RunsOf, *, file: str) -> Page:
    """The page with every block made anew from its runs. Nothing outside the markers changes.

    Args:
        runs_of: the runs of a spec, by the path that stands in the marker.
        file: the page, as messages and the block itself name it.

    Raises:
        DataError: no block, one that is not closed or cannot be read, a section that is not in SECTIONS, a spec
            without runs.
    """
    from kb.harness.report_sections import PICTURES, SECTIONS

    pieces, pictures, done = [], dict[str, Picture](), 0
    for block in _blocks(text, file):
        for name in block.sections:
            if name not in SECTIONS:
                known = ", ".join(SECTIONS)
                raise DataError(
                    f"no section {name!r}", file=file, line=block.line, fix=f"sections are: {known}"
                )
        runs = runs_of(block.spec)
        if not runs:
            raise DataError("has no runs", file=block.spec, fix=f"kb eval sweep {block.spec}")
        rows = variants(runs, block.spec)
        body = []
        for name in block.sections:
            body.append(SECTIONS[name](rows).strip())
            for plot, alt in PICTURES.get(name, {}).items():
                if (picture := _picture(plot, rows, file, block.spec)) is not None:
                    body.append(f"![{alt}]({picture.file})")
                    pictures[picture.file] = picture
        how = f"Made by `kb eval sweep {block.spec}` and `kb eval report {file}`."
        pieces += [text[done : block.start], "\n", "\n\n".join([*body, how]), "\n\n"]
        done = block.end
    if not done:
        raise DataError("holds no block to fill", file=file, fix=f"add {_FORM}")
    return Page("".join([*pieces, text[done:]]), tuple(pictures.values()))


def has_blocks(text: str) -> bool:
    """Whether a page holds a marker at all."""
    return _MARK.search(text) is not None


def _blocks(text: str, file: str) -> Iterator[_Block]:
    wants: re.Match[str] | None = None
    line = start = 0
    for mark in _MARK.finditer(text):
        if mark["end"]:
            if wants is None:
                raise DataError("this marker ends nothing", file=file, line=_line(text, mark), fix=_FORM)
            yield _Block(wants["spec"], tuple(wants["sections"].split()), line, start, mark.start())
            wants = None
            continue
        if wants is not None:
            break
        line, start = _line(text, mark), mark.end() + text.startswith("\n", mark.end())
        wants = _WANTS.fullmatch(mark["wants"].strip())
        if wants is None:
            raise DataError("this marker cannot be read", file=file, line=line, fix=_FORM)
    if wants is not None:
        raise DataError("this block is not closed", file=file, line=line, fix="add <!-- /kb eval report -->")


def _line(text: str, mark: re.Match[str]) -> int:
    return text.count("\n", 0, mark.start()) + 1


def _picture(plot: str, rows: Sequence[Variant], file: str, spec: str) -> Picture | None:
    """None where it would show nothing."""
    cells = tuple(row.cell for row in rows)
    if not has_data(plot, cells):
        return None
    page, grid = PurePosixPath(file).stem, PurePosixPath(spec).stem
    return Picture("-".join([page, *([grid] if grid != page else []), f"{plot}.svg"]), plot, cells)
