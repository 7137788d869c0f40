"""How a paper is cited: what its page shows to people and tells to programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kb.records.models import Paper


@dataclass(frozen=True)
class Citation:
    """One paper's.

    Attributes:
        plain: a line to copy into a text.
        tags: Highwire Press `citation_*` tags, which reference managers and Google Scholar read; names may repeat.
        json_ld: the same as schema.org has it; a data block, which no content-security policy takes for a script.
    """

    plain: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    json_ld: Mapping[str, Any] = field(default_factory=dict)


Cite = Callable[[Paper], Citation]


def uncited(paper: Paper) -> Citation:
    """For a site that says nothing of how to cite."""
    return Citation()
