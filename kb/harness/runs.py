"""Runs on disk: `runs/<id>/` holds manifest.json and samples.jsonl, one line a completion. Small, diffable, committed.

While a run is under way lines are appended in the order in which completions end, and reach the disk a batch at a
time; whatever kills the process costs the batch at most. At the end the lines are sorted and the manifest is written
last, so that a manifest which says "complete" has all of its results.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from filelock import FileLock, Timeout

from kb.errors import DataError, KbError, LockError, RunStopped, UsageError
from kb.harness.manifest import COMPLETE, IMPORTED, RUNNING, dump_manifest, first_difference
from kb.harness.results import SampleResult

MANIFEST, SAMPLES, LOCK = "manifest.json", "samples.jsonl", ".lock"
Key = tuple[str, int]
"""A completion's name in its run: the sample's id and k."""


@dataclass(frozen=True)
class Run:
    """A run as it lies on disk. `samples` is empty where only the manifest was asked for."""

    manifest: Mapping[str, Any]
    samples: tuple[SampleResult, ...] = ()

    @property
    def id(self) -> str:
        return str(self.manifest["id"])

    @property
    def state(self) -> str:
        return str(self.manifest["state"])

    @property
    def spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.manifest["spec"]
        return spec

    def by_key(self) -> dict[Key, SampleResult]:
        return {(sample.id, sample.k): sample for sample in self.samples}


def load_run(folder: Path) -> Run:
    """A run with its results, finished or not.

    Raises:
        UsageError: there is no run.
        DataError: a file is broken, or samples.jsonl is not the one that the manifest was written for.
    """
    manifest = load_manifest(folder)
    path = folder / SAMPLES
    text = _read(path) if path.exists() else ""
    samples = parse_samples(text, path)
    said = (manifest.get("results") or {}).get("hash")
    if manifest["state"] != RUNNING and said is not None and said != _hash(text):
        raise DataError(
            "is not the file that manifest.json was written for",
            file=path,
            fix="take both from one commit, or run it again: kb eval reproduce",
        )
    return Run(manifest, tuple(samples))


def load_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"no run here: {folder.name}", fix="kb eval list shows the runs")
    try:
        data = json.loads(_read(path), parse_constant=_no_constant)
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", file=path) from None
    if (
        not isinstance(data, dict)
        or data.get("state") not in (RUNNING, COMPLETE, IMPORTED)
        or "spec" not in data
    ):
        raise DataError("is not the manifest of a run", file=path)
    return data


def list_runs(folder: Path) -> tuple[list[Run], list[KbError]]:
    """Every run below `folder` by its id, without results, and what could not be read."""
    found, problems = [], []
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            found.append(Run(load_manifest(path.parent)))
        except KbError as error:
            problems.append(error)
    return found, problems


def parse_samples(text: str, path: Path) -> list[SampleResult]:
    """The results in a samples.jsonl. A last line without its end was cut off, and does not count."""
    results, seen = [], set()
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            data = json.loads(line, parse_constant=_no_constant)
        except ValueError as error:
            raise DataError(f"is not JSON: {error}", file=path, line=number) from None
        if not isinstance(data, dict):
            raise DataError("is no result", file=path, line=number)
        result = SampleResult.from_data(data, file=str(path), line=number)
        if (key := (result.id, result.k)) in seen:
            raise DataError(f"{result.id}, completion {result.k}, stands here twice", file=path, line=number)
        seen.add(key)
        results.append(result)
    return results


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=path) from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class RunWriter:
    """The one writer of a run's folder: makes it, or goes on where a killed run stopped.

    Attributes:
        done: what is on disk already.

    Raises:
        UsageError: the run is complete, or it was begun with other settings.
        LockError: another process is writing it.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = dict(manifest)
        self.done: dict[Key, SampleResult] = {}
        self._stream: IO[bytes] | None = None
        self._fresh = False
        _make(folder)
        self._lock = FileLock(folder / LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise LockError("another process is writing this run", file=folder) from None
        try:
            self._begin()
        except BaseException:
            self._release()
            raise

    def _begin(self) -> None:
        samples = self.folder / SAMPLES
        if (self.folder / MANIFEST).exists():
            old = load_manifest(self.folder)
            _may_go_on(old, self.manifest, self.folder)
            # Settings are the old ones; what the old half found out is added to, not lost.
            found = ("measured", "engine", "quantization")
            self.manifest |= {name: old[name] for name in found if old.get(name)}
            text = _read(samples) if samples.exists() else ""
            self.done = {(result.id, result.k): result for result in parse_samples(text, samples)}
            whole = text.rfind("\n") + 1
            if whole < len(text):
                write_file(samples, text[:whole])
        else:
            self._fresh = True
            self.update({})
        self._stream = samples.open("ab")

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change the manifest and write it."""
        self.manifest |= changes
        write_file(self.folder / MANIFEST, dump_manifest(self.manifest))

    def append(self, results: Sequence[SampleResult]) -> None:
        """Add results; they are on the disk when this returns.

        Raises:
            RunStopped: the disk takes no more.
        """
        if self._stream is None or not results:
            return
        try:
            self._stream.write("".join(f"{result.to_line()}\n" for result in results).encode())
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise RunStopped(
                f"cannot be written: {error.strerror or error}",
                file=self.folder / SAMPLES,
                fix="make room; the same command goes on from what was kept",
            ) from error
        self.done |= {(result.id, result.k): result for result in results}

    def complete(self, order: Sequence[Key], changes: Mapping[str, Any], state: str = COMPLETE) -> Run:
        """Sort the results as the task does, write them and, last of all, the manifest."""
        results = tuple(self.done[key] for key in order)
        text = "".join(f"{result.to_line()}\n" for result in results)
        self.close_stream()
        write_file(self.folder / SAMPLES, text)
        unscored = sum(result.score is None for result in results)
        counts = {"count": len(results), "unscored": unscored, "hash": _hash(text)}
        self.update({**changes, "results": counts, "state": state})
        return Run(self.manifest, results)

    def close_stream(self) -> None:
        if self._stream is not None:
            with suppress(OSError):  # a full disk: said when it was written to
                self._stream.close()
            self._stream = None

    def _release(self) -> None:
        self.close_stream()
        (self.folder / LOCK).unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close_stream()
        if self._fresh and not self.done and any(error):
            for name in (SAMPLES, MANIFEST):  # nothing was begun, so nothing is left that looks like it
                (self.folder / name).unlink(missing_ok=True)
        self._release()
        with suppress(OSError):
            self.folder.rmdir()  # if it is empty


def _may_go_on(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> None:
    if old["state"] != RUNNING:
        raise UsageError(
            "is complete and is not overwritten",
            file=folder,
            fix="kb eval show prints it, kb eval reproduce runs it again beside it",
        )
    if found := first_difference(old, new):
        name, before, now = found
        raise UsageError(
            f"was begun with {before!r}, not {now!r}",
            file=folder,
            field=name,
            fix="give this one a name of its own (name: ...), or delete the folder to start afresh",
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KbError(f"cannot be made: {error.strerror or error}", file=folder) from error


def write_file(path: Path, text: str) -> None:
    """Written beside it, flushed to the disk, then renamed over it."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=path) from error


def write_run(folder: Path, manifest: Mapping[str, Any], samples: Sequence[SampleResult]) -> Run:
    """A whole run at once: one that was made elsewhere.

    Raises:
        UsageError: there is a run of that name.
    """
    with RunWriter(folder, {**manifest, "state": RUNNING}) as writer:
        writer.append([result for result in samples if (result.id, result.k) not in writer.done])
        order = [(result.id, result.k) for result in samples]
        return writer.complete(order, {}, str(manifest["state"]))
