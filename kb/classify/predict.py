"""What the classifier says of one paper."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Near:
    """A labelled paper that reads alike."""

    title: str
    arxiv_id: str | None
    branch: str | None
    similarity: float
    key: str | None = None

    def __str__(self) -> str:
        name = f"{self.title} ({self.key or self.arxiv_id})" if self.key or self.arxiv_id else self.title
        return f"like {name}, {self.branch}" if self.branch else f"like {name}"


@dataclass(frozen=True)
class FacetPrediction:
    """One facet of one paper.

    Attributes:
        branch: the likeliest branch; for `direction` a top branch, its sub-branches are in `branches`.
        abstained: too unsure to propose anything; `reason` says why.
        top: likeliest first.
        branches: sub-branches of any direction, likeliest first.
        proposed: what to write into a record, with its probability; empty where it abstained.
    """

    facet: str
    branch: str | None
    probability: float
    abstained: bool
    evidence: tuple[str, ...] = ()
    top: tuple[tuple[str, float], ...] = ()
    branches: tuple[tuple[str, float], ...] = ()
    proposed: tuple[tuple[str, float], ...] = ()
    reason: str | None = None

    def to_data(self) -> dict[str, Any]:
        """As `kb classify predict --json` prints it."""
        data: dict[str, Any] = {
            "branch": self.branch,
            "probability": round(self.probability, 4),
            "abstained": self.abstained,
            "evidence": list(self.evidence),
            "top": [[name, round(p, 4)] for name, p in self.top],
        }
        if self.branches:
            data["branches"] = [[name, round(p, 4)] for name, p in self.branches]
        if self.reason:
            data["reason"] = self.reason
        return data


@dataclass(frozen=True)
class Prediction:
    """Every facet of one paper, and how likely it belongs in the survey at all."""

    id: str | None
    facets: Mapping[str, FacetPrediction] = field(default_factory=dict)
    relevance: float = 0.0
    near: tuple[Near, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """As `kb classify predict --json` prints it."""
        facets = {name: facet.to_data() for name, facet in self.facets.items()}
        return {"id": self.id, **facets, "relevance": round(self.relevance, 4)}


def dump_prediction(prediction: Prediction) -> str:
    """As text from which `parse_prediction` makes the same again, digit for digit."""
    facets = [list(vars(facet).values()) for facet in prediction.facets.values()]
    near = [list(vars(each).values()) for each in prediction.near]
    return json.dumps([prediction.id, facets, prediction.relevance, near], separators=(",", ":"))


def parse_prediction(text: str) -> Prediction:
    """What `dump_prediction` wrote.

    Raises:
        ValueError, TypeError: something else did.
    """
    identifier, facets, relevance, near = json.loads(text)
    found = [FacetPrediction(*map(_frozen, facet)) for facet in facets]
    return Prediction(
        identifier, {facet.facet: facet for facet in found}, relevance, tuple(Near(*each) for each in near)
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
