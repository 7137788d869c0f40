"""`kb survey`: the folder of a survey paper, made from the records. What a person has edited there is not made again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from kb.config import Config
from kb.errors import DataError, KbError, UsageError
from kb.export.latex_survey import ClaimLine, Given, SurveyPack, render_survey
from kb.pipeline.claims import Judged, judge_all
from kb.pipeline.stage import read_templates
from kb.pipeline.store import open_store
from kb.pipeline.tex import TexLog, compile_tex
from kb.records.files import read_if_there, write_all, write_atomic
from kb.records.taxonomy import Taxonomy

MANIFEST = ".kb-survey.json"
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class SurveyReport:
    """What a run did. `edited` are files that a person changed, and of which there is a newer version now."""

    folder: Path
    pack: SurveyPack
    written: int
    removed: int
    edited: tuple[str, ...]
    pdf: Path | None = None
    log: TexLog | None = None


def survey(
    config: Config,
    *,
    out: Path | None = None,
    branches: tuple[str, ...] = (),
    pdf: bool = False,
    force: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> SurveyReport:
    """Write the survey's folder; a second run changes nothing.

    Args:
        out: where [default: build/survey].
        branches: only what stands in these branches or below them.
        pdf: compile it as well.
        force: write files anew that a person has edited.

    Raises:
        UsageError: a branch is unknown.
        DataError: a record, a row of results or a template is wrong; LaTeX stops at an error.
        KbError: the folder cannot be written; LaTeX is not installed.
    """
    store = open_store(config)
    _known(store.taxonomy, branches)
    judged = judge_all(
        config, papers=store.library, progress=lambda done, total: progress("claims", done, total)
    )
    pack = render_survey(
        Given(
            title=config.settings.site.title,
            authors=config.settings.site.citation_authors,
            papers=dict(store.library),
            taxonomy=store.taxonomy,
            results=store.results,
            claims=tuple(map(_claim_line, judged)),
            templates=read_templates(config.root),
            branches=branches,
        )
    )
    folder = out or config.build_dir / "survey"
    written, removed, edited = write_pack(folder, pack.files, force=force)
    report = SurveyReport(folder, pack, written, removed, edited)
    if not pdf:
        return report
    progress(pack.engine, 0, None)
    done = compile_tex(folder, pack.engine)
    target = folder / "survey.pdf"
    _write_bytes(target, done.pdf)
    write_atomic(folder / "survey.bbl", done.bbl)
    return SurveyReport(folder, pack, written, removed, edited, target, done.log)


def write_pack(
    folder: Path, files: Mapping[str, str], *, force: bool = False
) -> tuple[int, int, tuple[str, ...]]:
    """Write `files`, but none that differs from what was written last: a person has edited it.

    Returns:
        How many files were written and removed, and the edited ones of which there is a newer version.

    Raises:
        KbError: the folder cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise KbError("is no folder", file=folder, fix="choose another one with --out")
    before = _manifest(folder)
    new: dict[str, str] = {}
    edited: list[str] = []
    record = {path: _hash(text) for path, text in files.items()}
    for path, text in files.items():
        now = _hash_of(folder / path)
        if now is None or now == before.get(path) or force or now == record[path]:
            new[path] = text
        else:
            if record[path] != before.get(path):
                edited.append(path)
            record[path] = before.get(path, "")
    removed = 0
    for path in sorted(set(before) - set(files)):
        if _hash_of(folder / path) == before[path]:
            (folder / path).unlink()
            removed += 1
    written = write_all((folder / path, text) for path, text in new.items())
    write_atomic(folder / MANIFEST, json.dumps(dict(sorted(record.items())), indent=0) + "\n")
    return written, removed, tuple(edited)


def _claim_line(one: Judged) -> ClaimLine:
    verdict, claim = one.verdict, one.claim
    return ClaimLine(verdict.paper, claim.statement, claim.place or "", verdict.state.value, verdict.why)


def _known(taxonomy: Taxonomy, branches: tuple[str, ...]) -> None:
    for branch in branches:
        if branch not in taxonomy.branches:
            near = get_close_matches(branch, taxonomy.branches, n=1, cutoff=0.0)
            raise UsageError(
                f"there is no branch {branch!r}", fix=f"such as {near[0]}" if near else "see taxonomy.yaml"
            )


def _manifest(folder: Path) -> dict[str, str]:
    """What was written last, by path; nothing where the list is gone or broken: then every file counts as edited."""
    with suppress(ValueError, DataError):
        found = json.loads(read_if_there(folder / MANIFEST) or "{}")
        if isinstance(found, dict):
            inside = {
                path: said for path, said in found.items() if ".." not in path and not path.startswith("/")
            }
            return {path: str(said) for path, said in inside.items()}
    return {}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KbError(f"cannot be read: {error.strerror}", file=path) from error


def _write_bytes(path: Path, data: bytes) -> None:
    """Make `path` hold `data` in one step; untouched where it does already."""
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_bytes(data)
        os.replace(beside, path)  # noqa: PTH105
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror}", file=path) from error
