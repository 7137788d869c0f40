"""papers/_map.jsonl: where each paper lies on the map, and which papers are most like it. `kb graph update` writes it.

The first line names the model whose embeddings it was made from; then one line a paper, so that a change of one paper is
a change of few lines. It is committed because a clone has no abstracts, and a build neither downloads nor loads a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.errors import DataError
from kb.records.files import read_if_there

FILE = "_map.jsonl"
FORMAT = 1
NEAR = 8
"""Papers that a line names as the most like its own."""
_FIX = "this file is made by kb graph update; restore it from git"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MapLine(_Line):
    """A paper's place.

    Attributes:
        paper: its key.
        x, y: its place, between -100 and 100 along the longer side; no unit.
        placed: layout, where the projection put it; neighbours, where it came later and lies among those like it.
        read: what was embedded: the title with the abstract, or the title alone.
        text: digest of that text.
        near: keys of the papers most like it, the most alike first, with their likeness: 0 is an average pair of papers,
            1 one that is as close as one pair in a thousand.
    """

    paper: str
    x: float
    y: float
    placed: Literal["layout", "neighbours"]
    read: Literal["abstract", "title"]
    text: str
    near: tuple[tuple[str, float], ...] = ()


class _Head(_Line):
    format: Literal[1]
    model: str


@dataclass(frozen=True)
class PaperMap:
    """All lines by key. `model` is empty where there is no map yet."""

    model: str = ""
    lines: Mapping[str, MapLine] = field(default_factory=dict)


def load_map(papers_dir: Path) -> PaperMap:
    """The map in papers/; one without lines if there is no such file.

    Raises:
        DataError: a line is not what `kb graph update` writes, or a paper has two.
    """
    path = papers_dir / FILE
    first, *rest = read_if_there(path).split("\n")
    if not first:
        return PaperMap()
    number, lines = 1, {}
    try:
        head = _Head.model_validate_json(first)
        for number, text in enumerate(rest, start=2):
            if text:
                line = MapLine.model_validate_json(text)
                if line.paper in lines:
                    raise DataError(f"{line.paper} has two lines", file=path, line=number, fix=_FIX)
                lines[line.paper] = line
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or None
        raise DataError(wrong["msg"], file=path, line=number, field=where, fix=_FIX) from None
    return PaperMap(head.model, lines)


def render_map(found: PaperMap) -> str:
    """The text of the file: papers by key."""
    rows = [{"format": FORMAT, "model": found.model}]
    rows += [found.lines[key].model_dump(mode="json") for key in sorted(found.lines)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
