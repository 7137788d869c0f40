"""How relevant each waiting work is, as `kb classify apply` left it: a cache, since a sync makes the queue anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from kb.config import Config
from kb.records.files import write_atomic


def _path(config: Config) -> Path:
    return config.state_dir / "cache" / "relevance.json"


def write_relevance(config: Config, relevance: Mapping[str, float]) -> None:
    """Keep relevance by candidate id."""
    path = _path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(relevance, indent=1, sort_keys=True) + "\n")


def load_relevance(config: Config) -> dict[str, float]:
    """Relevance by candidate id, between 0 and 1; empty if it was never worked out or cannot be read."""
    try:
        found = json.loads(_path(config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
