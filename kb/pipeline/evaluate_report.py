"""What `kb eval report` does: fills the blocks of a page from committed runs, and draws its pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kb.errors import DataError, KbError, UsageError
from kb.harness.plots import draw
from kb.harness.report import Page, has_blocks, render_page
from kb.harness.runs import Run, write_file
from kb.pipeline.evaluate import Place, load_grid, whole_runs
from kb.records.files import read_utf8


@dataclass(frozen=True)
class Reported:
    """How a page came out.

    Attributes:
        current: it was as its runs say, before anything was written.
        written: files that were written, the page last.
        blocks: it holds a block; without one there is nothing to fill.
    """

    page: Path
    current: bool
    written: tuple[Path, ...] = ()
    blocks: bool = True


def report(where: Place, pages: Sequence[Path], *, check: bool = False) -> list[Reported]:
    """Make the blocks of the pages anew; all are read before the first is written. Of several, some may have none.

    Args:
        check: write nothing. Pictures have only to be there: other versions of matplotlib draw other bytes.

    Raises:
        UsageError: no such page, or it is outside the knowledge base.
        DataError: a marker, a spec or a run is wrong, or runs are missing.
        UpstreamError: matplotlib is not installed.
    """
    runs_of = cache(lambda spec: _runs(where, spec))
    texts: dict[Path, str] = {}
    for path in pages:
        if not path.is_file():
            raise UsageError("there is no such page", file=path)
        texts[path] = read_utf8(path)
    some = any(map(has_blocks, texts.values()))  # if none has: an error, which says what a block is
    made = {
        path: render_page(old, runs_of, file=_name(where, path))
        for path, old in texts.items()
        if has_blocks(old) or not some
    }
    done = _checked if check else _written
    return [
        done(path, old, made[path]) if path in made else Reported(path, current=True, blocks=False)
        for path, old in texts.items()
    ]


def _checked(path: Path, old: str, new: Page) -> Reported:
    whole = all((path.parent / picture.file).is_file() for picture in new.pictures)
    return Reported(path, current=whole and old == new.text)


def _written(path: Path, old: str, new: Page) -> Reported:
    written = []
    for picture in new.pictures:  # before the page, so that a page which is current has them
        content = draw(picture.cells, [picture.plot], ["svg"])[f"{picture.plot}.svg"].decode()
        beside = path.parent / picture.file
        if not beside.is_file() or beside.read_bytes() != content.encode():
            write_file(beside, content)
            written.append(beside)
    if old != new.text:
        write_file(path, new.text)
        written.append(path)
    return Reported(path, current=not written, written=tuple(written))


def _name(where: Place, path: Path) -> str:
    root = where.root or Path()
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise UsageError(
            "is outside the knowledge base", file=path, fix="kb --root DIR names another"
        ) from None


def _runs(where: Place, spec: str) -> list[Run]:
    """Every run of a grid.

    Raises:
        DataError: there is no such spec, or not all of its runs are complete.
    """
    path = (where.root or Path()) / spec
    if not path.is_file():
        raise DataError("a page names a spec that is not there", file=spec)
    try:
        cells = load_grid(path, where.parts)
    except KbError as error:
        error.file = spec if error.file == str(path) else error.file
        raise
    found = whole_runs(where, cells)
    if found and len(found) < len(cells):
        missing = [cell.run_id for cell in cells if cell.run_id not in {run.id for run in found}]
        raise DataError(
            f"{len(missing)} of {len(cells)} runs are missing, such as {missing[0]}",
            file=spec,
            fix=f"kb eval sweep {spec}",
        )
    return found
