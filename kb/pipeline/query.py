"""`kb list` and `kb show`: finding records, and who says what about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from kb.config import Config
from kb.errors import UsageError
from kb.ids import identify
from kb.pipeline.store import open_library, open_store
from kb.reconcile.fold import SCALARS, SETS, Fields, fields_of, fold, same, witness
from kb.reconcile.rows import Row
from kb.records.models import AssignmentState, Paper
from kb.records.taxonomy import load_taxonomy
from kb.text import normal_title


@dataclass(frozen=True)
class Query:
    """What records to list; everything given must hold."""

    words: tuple[str, ...] = ()
    branch: str | None = None
    year: int | None = None
    author: str | None = None
    venue: str | None = None
    review: str | None = None
    publication: str | None = None
    has_code: bool = False
    confirmed: bool = False

    def holds(self, paper: Paper) -> bool:
        """Whether `paper` passes every filter."""
        title = normal_title(paper.title)
        return (
            all(normal_title(word) in title for word in self.words)
            and (self.year is None or paper.year == self.year)
            and (self.author is None or any(_in(self.author, a.name) for a in paper.authors))
            and (self.venue is None or _in(self.venue, paper.venue or ""))
            and (self.review is None or self.review == (paper.review.state.value if paper.review else "none"))
            and (self.publication is None or self.publication == paper.publication_state.value)
            and (not self.has_code or bool(paper.links.code))
            and (self.branch is None or self._in_branch(paper, self.branch))
        )

    def _in_branch(self, paper: Paper, branch: str) -> bool:
        return any(
            (label.branch == branch or label.branch.startswith(f"{branch}/"))
            and label.state is not AssignmentState.REJECTED
            and (not self.confirmed or label.state is AssignmentState.CONFIRMED)
            for label in paper.labels
        )


def _in(part: str, whole: str) -> bool:
    return normal_title(part) in normal_title(whole)


def select(config: Config, query: Query) -> list[Paper]:
    """The records that `query` asks for, newest first.

    Raises:
        UsageError: the branch is not in the taxonomy.
    """
    if query.branch is not None:
        known = load_taxonomy(config.taxonomy_path).branches
        if query.branch not in known:
            last = query.branch.rsplit("/", 1)[-1]
            near = [name for name in known if name.rsplit("/", 1)[-1] == last]
            near = near or get_close_matches(query.branch, known, n=3)
            fix = f"did you mean {', '.join(near)}?" if near else f"one of: {', '.join(known)}"
            raise UsageError(f"no branch {query.branch!r}", fix=fix)
    papers = [paper for paper in open_library(config).values() if query.holds(paper)]
    return sorted(papers, key=lambda p: p.dates.published or "", reverse=True)


def find(config: Config, name: str) -> Paper:
    """The record with this key or identifier.

    Raises:
        UsageError: there is none.
    """
    library = open_library(config)
    if name in library:
        return library[name]
    wanted = identify(name) or {"doi": name.lower(), "openreview": name, "acl_anthology": name}
    for paper in library.values():
        if any(paper.identifiers.by_kind().get(kind) == value for kind, value in wanted.items()):
            return paper
    near = [key for key in library if name.lower() in key][:5]
    raise UsageError(
        f"no record {name!r}", fix=f"did you mean {', '.join(near)}?" if near else "kb list WORDS finds one"
    )


def provenance_of(config: Config, paper: Paper) -> dict[str, list[str]]:
    """For each field of a record, the sources whose last-seen entry says the same; ``person`` where none does."""
    return witnesses(paper, [row for row in open_store(config).rows.values() if row.paper == paper.key])


def witnesses(paper: Paper, rows: Iterable[Row]) -> dict[str, list[str]]:
    """The same, from the entries that belong to the record."""
    said: dict[str, Fields] = {row.ref: fold([row]) for row in sorted(rows, key=lambda row: row.rank)}
    here = fields_of(paper)
    found: dict[str, list[str]] = {}
    for name in (*SCALARS, *SETS):
        value = here[name]
        if value in (None, ()):
            continue
        if name in SETS:
            agreeing = [ref for ref, fields in said.items() if set(fields[name] or ()) & set(value)]
        else:
            agreeing = [
                ref
                for ref, fields in said.items()
                if fields[name] is not None and same(name, fields[name], value)
            ]
        found[name] = agreeing or ["person"]
    return found


def provenance(papers: Mapping[str, Paper], rows: Iterable[Row]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Who says so, by record and field: names of sources, each once, or ``person``."""
    of: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.paper:
            of[row.paper].append(row)
    return {
        key: {
            name: tuple(dict.fromkeys(witness(ref.split(" ", 1)[0]) for ref in refs))
            for name, refs in witnesses(paper, of[key]).items()
        }
        for key, paper in papers.items()
    }
