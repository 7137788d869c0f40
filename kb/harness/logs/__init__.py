"""Runs made elsewhere, as evidence with their settings.

Each format is one module with `matches(path)` and `parse(path)`; a line in LOG_FORMATS makes it known. A setting that a
log does not state stays absent and is named in `ImportedRun.unknown`: no default is made up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kb.errors import UsageError
from kb.harness.logs import inspect_log, lighteval, lm_eval
from kb.harness.logs.imported import ImportedRun, load_json


@dataclass(frozen=True)
class LogFormat:
    """One kind of log: what it is called, what to give, whether a path is one, and how it is read."""

    title: str
    give: str
    matches: Callable[[Path], bool]
    parse: Callable[[Path], list[ImportedRun]]


LOG_FORMATS: dict[str, LogFormat] = {
    "lm-eval": LogFormat(
        "lm-evaluation-harness",
        "results_*.json or its folder, from a run with --log_samples",
        lm_eval.matches,
        lm_eval.parse,
    ),
    "lighteval": LogFormat(
        "lighteval",
        "results_*.json, from a run with --save-details",
        lighteval.matches,
        lighteval.parse,
    ),
    "inspect": LogFormat("inspect_ai", "a log: .eval or .json", inspect_log.matches, inspect_log.parse),
}


def detect(path: Path) -> str:
    """The name in LOG_FORMATS of the format that this file or folder has.

    Raises:
        UsageError: there is no such file, or no format knows it.
        DataError: a JSON file is damaged.
    """
    if not path.exists():
        raise UsageError(f"there is no {path.name}")
    if path.suffix == ".json" and path.is_file():
        load_json(path)  # a damaged log is said to be damaged, not unknown
    for name, log in LOG_FORMATS.items():
        if log.matches(path):
            return name
    known = "; ".join(f"{log.title}: {log.give}" for log in LOG_FORMATS.values())
    raise UsageError(f"{path.name} is no log that kb knows", fix=known)


def parse_log(path: Path) -> list[ImportedRun]:
    """The runs in a log of any known format.

    Raises:
        UsageError: no known format, or a library to read it is missing.
        DataError: the log is damaged, incomplete or unfinished.
    """
    return LOG_FORMATS[detect(path)].parse(path)
