"""`kb fmt`: records in their canonical form."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from kb.config import Config
from kb.errors import DataError, LockError, UsageError
from kb.pipeline.store import locked
from kb.records.canonical import canonical_record
from kb.records.files import decode_utf8, read_regular, write_all
from kb.records.library import parse_record, record_files


@dataclass(frozen=True)
class Formatted:
    """What `fmt` found. `wrong` are records that cannot be read; they stay as they are."""

    changed: tuple[str, ...]
    same: int
    wrong: tuple[DataError, ...]


def fmt(config: Config, files: Sequence[Path] = (), *, write: bool = True) -> Formatted:
    """Put the records in `files`, or all, into their canonical form; meaning and comments stay.

    Raises:
        UsageError: one of `files` is no record of this knowledge base.
        LockError: another kb is writing, or a person saved a record in the meantime; nothing of it is lost.
    """
    with locked(config) if write else nullcontext():
        return _fmt(config, files, write=write)


def _fmt(config: Config, files: Sequence[Path], *, write: bool) -> Formatted:
    before: dict[Path, bytes] = {}
    after: dict[Path, str] = {}
    wrong: list[DataError] = []
    named = dict.fromkeys(_record(config, each) for each in files)
    for path in named or record_files(config.papers_dir)[0]:
        name = f"{config.papers_dir.name}/{path.name}"
        try:
            before[path] = read_regular(path)
            text = decode_utf8(before[path], Path(name))
            parse_record(path.stem, text, file=name)
            if (formed := canonical_record(text, file=name)) != text:
                after[path] = formed
        except DataError as error:
            wrong += [error, *error.others]

    def unchanged(path: Path) -> None:
        if read_regular(path) != before[path]:
            raise LockError("was edited in the meantime", file=path, fix="run the command again")

    if write:
        write_all(sorted(after.items()), unchanged)
    changed = tuple(f"{config.papers_dir.name}/{path.name}" for path in sorted(after))
    return Formatted(changed, len(before) - len(after), tuple(wrong))


def _record(config: Config, path: Path) -> Path:
    """The record that a person named by its file, from wherever the command was started."""
    folder = config.papers_dir.resolve()
    found = next((each for each in (path, config.root / path) if each.exists()), path).resolve()
    if found.parent != folder or found.suffix != ".yaml" or found.name.startswith(("_", ".")):
        raise UsageError(f"{path} is no record", fix="records are papers/<key>.yaml")
    return folder / found.name
