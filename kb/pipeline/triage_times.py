"""How long answers take in `kb triage`: kept in .kb/triage_times.jsonl, on this machine, where kb.toml allows it."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress

from kb.config import Config
from kb.errors import DataError
from kb.records.files import read_regular

SHORTEST_S, LONGEST_S = 0.3, 600.0
"""What is shorter was piped in, and what is longer was a break: neither is counted."""
KEPT = 200
"""Answers of a kind that count: a person grows faster."""


def keep_time(config: Config, kind: str, seconds: float) -> None:
    """Remember how long an answer took, if kb.toml says keep_times = true. A disk that is full costs nothing but the time."""
    if not config.settings.triage.keep_times or not SHORTEST_S <= seconds <= LONGEST_S:
        return
    path = config.state_dir / "triage_times.jsonl"
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"kind": kind, "seconds": round(seconds, 1)}) + "\n")


def load_times(config: Config) -> dict[str, list[float]]:
    """Seconds by kind of question, the last `KEPT` of each; none where kb.toml does not say keep_times."""
    if not config.settings.triage.keep_times:
        return {}
    found: dict[str, list[float]] = defaultdict(list)
    try:
        lines = read_regular(config.state_dir / "triage_times.jsonl").decode("utf-8", "replace").split("\n")
    except DataError:  # none yet
        return {}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            seconds = float(row["seconds"])
            if SHORTEST_S <= seconds <= LONGEST_S:
                found[str(row["kind"])].append(seconds)
    return {kind: each[-KEPT:] for kind, each in found.items()}
