"""Labelled papers, from the rows of the files that `kb classify train --data` names.

Nobody labelled these papers for kb: the labels are headings under which curated lists filed them. `Example.labels`
keeps each list's own word, so that lists that disagree can be counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kb.classify.text import Document
from kb.records.taxonomy import Taxonomy
from kb.text import normal_title

DIRECTIONS = ("shorter", "smaller", "faster")
SCOPES = ("core", "adjacent", "background", "out")

# Headings of two lists that no alias of taxonomy.yaml speaks of.
_HEADINGS = {
    "section i rl with length reward design": "shorter/rl",
    "section ii sft with variable length cot data": "shorter/sft",
    "section iii compressing reasoning steps into fewer latent representation": "shorter/latent",
    "section iv dynamic reasoning paradigm during inference": "faster",
    "section v prompt guided efficient reasoning": "shorter/prompt",
    "section vi prompts attribute driven reasoning routing": "shorter/prompt",
    "section vii reasoning abilities via efficient training data and model compression": "smaller",
    "section viii evaluation and benchmark": "background",
    "long to short chain of thought": "shorter",
    "latent chain of thought": "shorter/latent",
    "small large reasoning model collaboration": "faster/collaboration",
    "speculative decoding for cot efficiency": "faster/speculative",
    "reasoning step decomposition": "faster/decomposition",
    "small reasoning models cot distillation": "smaller/distillation",
    "long context reasoning efficiency": "faster",
    "network pruning": "smaller/pruning",
    "pruning and sparsity": "smaller/pruning",
    "multimodal reasoning efficiency": "adjacent",
    "background papers multimodal reasoning": "adjacent",
    "benchmarks": "background",
    "benchmarks and datasets": "background",
    "metric": "background",
}


def facets_asked(taxonomy: Taxonomy) -> dict[str, str]:
    """The facet that each of the classifier's questions (direction, stage, scope) is about, in this taxonomy.

    A taxonomy with a facet called `direction` has them by name. In another field the first facet is the survey's own way
    of sorting, and so its direction; the next one takes the place of the stage.
    """
    ids = [facet.id for facet in taxonomy.facets]
    if "direction" in ids:
        return {name: name for name in ("direction", "stage", "scope") if name in ids}
    found = {"direction": ids[0]}
    others = [name for name in ids[1:] if name != "scope"]
    if others:
        found["stage"] = others[0]
    return found | ({"scope": "scope"} if "scope" in ids[1:] else {})


class Part(StrEnum):
    """Which file a paper comes from, and so what its label is worth."""

    GOLD = "gold"
    INSCOPE = "inscope"
    SILVER = "silver"
    BACKGROUND = "background"
    RECORD = "record"
    TAXONOMY = "taxonomy"
    PERSON = "person"


@dataclass(frozen=True)
class Example:
    """A paper with what is known of it.

    Attributes:
        direction: the primary direction, if it has one.
        branches: sub-branches of `direction` that its headings speak of, and branches of other facets.
        votes: (list, direction) for every list that files it under a direction.
        tier: how sure the label is; a background paper's stratum.
        source: the list that the primary direction comes from.
    """

    document: Document
    part: Part
    arxiv_id: str | None = None
    direction: str | None = None
    branches: tuple[str, ...] = ()
    scope: str | None = None
    stage: str | None = None
    votes: tuple[tuple[str, str], ...] = ()
    tier: str | None = None
    conflict: bool = False
    date: str | None = None
    source: str | None = None
    weight: float = 1.0

    @property
    def relevant(self) -> bool | None:
        """Whether it belongs in the survey; None where that is not known."""
        if self.part in {Part.GOLD, Part.INSCOPE}:
            return True
        return False if self.part is Part.BACKGROUND else None


def branches_of(heading: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """The branches that a heading path "A > B" speaks of."""
    path = tuple(part.strip() for part in heading.split(">"))
    for part in reversed(path):
        if (known := _HEADINGS.get(normal_title(part))) and known in taxonomy.branches:
            return (known,)
    return taxonomy.branches_for(path)


@dataclass
class RawRows:
    """The rows of the data files, as parsed JSON."""

    gold: list[Mapping[str, Any]] = field(default_factory=list)
    inscope: list[Mapping[str, Any]] = field(default_factory=list)
    silver: list[Mapping[str, Any]] = field(default_factory=list)
    background: list[Mapping[str, Any]] = field(default_factory=list)
    metadata: list[Mapping[str, Any]] = field(default_factory=list)


def examples(rows: RawRows, taxonomy: Taxonomy) -> list[Example]:
    """Every labelled paper of the data files, once, in the order of the files."""
    by_id = {row["arxiv_id"]: row for row in (*rows.background, *rows.metadata) if row.get("arxiv_id")}
    by_title = {normal_title(row["title"]): row for row in (*rows.background, *rows.metadata)}
    found: list[Example] = []
    for part, items in (
        (Part.GOLD, rows.gold),
        (Part.INSCOPE, rows.inscope),
        (Part.SILVER, rows.silver),
    ):
        for row in items:
            meta = by_id.get(row.get("arxiv_id") or "") or by_title.get(normal_title(row["title"])) or {}
            found.append(_labelled(row, meta, part, taxonomy))
    found += [
        Example(
            document=Document(row["title"], row.get("abstract") or ""),
            part=Part.BACKGROUND,
            arxiv_id=row.get("arxiv_id"),
            scope="out",
            tier=row.get("stratum"),
            date=row.get("announced"),
        )
        for row in rows.background
    ]
    return found


def _labelled(row: Mapping[str, Any], meta: Mapping[str, Any], part: Part, taxonomy: Taxonomy) -> Example:
    said = row.get("labels") or [row]
    branches = sorted({b for item in said for b in branches_of(item.get("subcategory") or "", taxonomy)})
    direction = row.get("direction")
    subs = tuple(b for b in branches if direction and b.startswith(f"{direction}/"))
    scope: str | None
    if part is Part.GOLD:
        scope = "core"
    elif part is Part.SILVER:
        scope = "adjacent"
    else:
        scope = next((b for b in ("adjacent", "background") if b in branches), None)
    votes = {(item["source_list"], item["direction"]): None for item in said if item.get("direction")}
    return Example(
        document=Document(row["title"], meta.get("abstract") or ""),
        part=part,
        arxiv_id=row.get("arxiv_id"),
        direction=direction if direction in DIRECTIONS else None,
        branches=subs,
        scope=scope,
        votes=tuple(votes),
        tier=row.get("label_tier"),
        conflict=bool(row.get("conflict")),
        date=meta.get("announced"),
        source=row.get("source_list"),
    )


def of_taxonomy(taxonomy: Taxonomy) -> list[Example]:
    """Each branch's own description, as a paper in that branch: what keeps a branch with few papers from being mute."""
    found = []
    asked = {facet: question for question, facet in facets_asked(taxonomy).items()}
    for placed in taxonomy.branches.values():
        question = asked.get(placed.facet)
        if question not in {"direction", "stage"}:
            continue
        text = " ".join((placed.branch.description, *(f"{alias}." for alias in placed.branch.aliases)))
        top = placed.id.split("/", 1)[0]
        found.append(
            Example(
                document=Document(placed.title, text),
                part=Part.TAXONOMY,
                direction=top if question == "direction" else None,
                branches=(placed.id,) if question == "direction" and placed.depth else (),
                stage=top if question == "stage" else None,
                weight=0.3,
            )
        )
    return found


def count(items: Iterable[Example]) -> dict[str, int]:
    """How many examples each part has."""
    found: dict[str, int] = {}
    for item in items:
        found[item.part.value] = found.get(item.part.value, 0) + 1
    return found
