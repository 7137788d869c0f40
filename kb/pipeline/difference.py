"""`kb diff`: what a change does to the survey: papers, labels, verdicts, figures, pages, checks. Reads only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kb.config import Config
from kb.errors import DataError, KbError
from kb.pipeline.build import make_stage
from kb.pipeline.check import Finding, check
from kb.pipeline.findings import Change, changes
from kb.pipeline.git import Git
from kb.pipeline.mkdocs_run import html_path
from kb.pipeline.past import as_of
from kb.pipeline.store import open_store
from kb.reconcile.decided import Decided
from kb.reconcile.match import Index, Work, likeness
from kb.reconcile.rows import Rows
from kb.records.decisions import Decisions
from kb.records.models import Paper
from kb.records.results import ReportedResult
from kb.records.taxonomy import Taxonomy
from kb.render.events import History
from kb.text import normal_title

_NESTED = ("identifiers", "dates", "links")
_ALIKE = 80.0  # of 100: how like two titles of one author are that may be two versions of one paper


@dataclass(frozen=True)
class State:
    """A knowledge base at one moment.

    Attributes:
        rows: reported results by what may stand in a table once.
        pages: of the site, relative to docs/; without those that tell its history.
        verdicts: on claims.
        dangling: references of pages that lead nowhere.
    """

    papers: Mapping[str, Paper]
    taxonomy: Taxonomy
    decisions: Decisions
    sources: Rows
    rows: Mapping[tuple[str, ...], ReportedResult]
    findings: tuple[Finding, ...]
    pages: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    dangling: frozenset[str] = frozenset()


def state_of(config: Config, *, pages: bool = True) -> State:
    """The knowledge base of `config`, with its pages rendered.

    Raises:
        KbError: a file of it is wrong.
    """
    store = open_store(config)
    state = State(
        papers=dict(store.library),
        taxonomy=store.taxonomy,
        decisions=store.decisions,
        sources=store.rows,
        rows={row.cell: row for row in store.results.rows},
        findings=tuple(check(config)),
    )
    if not pages:
        return state
    _, site = make_stage(config, History())
    dangling = frozenset(map(str, site.problems))
    return replace(state, pages=site.pages, verdicts=dict(site.verdicts), dangling=dangling)


@dataclass(frozen=True)
class LabelChange:
    """What was said of a paper's place before and now; None where nothing was."""

    paper: str
    branch: str
    by: str
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Gone:
    """A record that is no more. `into`: the record it was merged into; `reason`: why it was rejected."""

    key: str
    title: str
    into: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """A new record that may be one that is there, which has the key `other` and the title `title`."""

    key: str
    other: str
    title: str
    reason: str


@dataclass(frozen=True)
class Difference:
    """What is another now.

    Attributes:
        since: the commit it is held against.
        unread: why the state at that commit cannot be read; nothing else is known then.
        added: new records.
        changed: names of changed fields by record; labels, claims and review are fields.
        titles: of the new and the changed records.
        reviews: the state of a card before and now, by record.
        claims: numbers of claims that are new, reworded, gone.
        verdicts: that are other ones, flipped ones first.
        results: numbers of rows that are new, changed, gone, by source.
        branches: that are new, and that are gone with where they lead.
        pages: that are new, changed, gone.
        lost: addresses that lead nowhere now.
        dangling: references that lead nowhere now.
        found: findings of checks that are new.
        mended: the number of findings that are no more.
    """

    since: str
    unread: str | None = None
    added: tuple[Paper, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[Gone, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    labels: tuple[LabelChange, ...] = ()
    reviews: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    claims: tuple[int, int, int] = (0, 0, 0)
    verdicts: tuple[Change, ...] = ()
    results: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    new_branches: tuple[str, ...] = ()
    gone_branches: Mapping[str, str | None] = field(default_factory=dict)
    pages: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ((), (), ())
    lost: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    found: tuple[Finding, ...] = ()
    mended: int = 0

    def to_data(self) -> dict[str, Any]:
        """Plain data, for programs."""
        data = dict(vars(self))
        data["added"] = [{"key": paper.key, "title": paper.title} for paper in self.added]
        for name in ("gone", "neighbours", "labels", "verdicts", "found"):
            data[name] = [vars(each) for each in data[name]]
        for name, parts in (("claims", self.claims), ("pages", self.pages)):
            data[name] = dict(zip(("new", "changed", "gone"), parts, strict=True))
        data["results"] = {
            source: dict(zip(("new", "changed", "gone"), counts, strict=True))
            for source, counts in self.results.items()
        }
        return data


def difference(config: Config, since: str, *, pages: bool = True) -> Difference:
    """What the working tree makes of the survey as it was where the branch at hand left `since`.

    Raises:
        UsageError: there is no git, no repository or no such commit.
        KbError: the working tree cannot be read.
    """
    start = Git(config.root).parted(since)
    now = state_of(config, pages=pages)
    try:
        with as_of(config, start) as past:
            before = state_of(past, pages=pages)
    except KbError as error:
        return Difference(start, unread=_inside(error, config))
    return compare(start, before, now)


def _inside(error: KbError, config: Config) -> str:
    """What is wrong, without the path of the folder where it was unpacked."""
    name = error.file.rpartition("/")[2] if error.file else None
    return str(DataError(error.message, file=name, line=error.line, field=error.field))


def compare(since: str, before: State, now: State) -> Difference:
    """What differs between two states of one knowledge base."""
    held = sorted(before.papers.keys() & now.papers.keys())
    added = sorted(now.papers.keys() - before.papers.keys())
    changed = {key: fields for key in held if (fields := _fields(before.papers[key], now.papers[key]))}
    pages = _parts(before.pages, now.pages)
    found, mended = _findings(before, now)
    touched = [*changed, *added]
    return Difference(
        since=since,
        added=tuple(now.papers[key] for key in added),
        changed=changed,
        titles={key: now.papers[key].title for key in touched},
        gone=tuple(_gone(before, now)),
        neighbours=tuple(_neighbours(now, added)),
        labels=tuple(label for key in changed for label in _labels(before.papers[key], now.papers[key])),
        reviews=dict(_reviews(before, now)),
        claims=_claims(before, now),
        verdicts=changes(before.verdicts, now.verdicts),
        results=_results(before, now),
        new_branches=tuple(name for name in now.taxonomy.branches if name not in before.taxonomy.branches),
        gone_branches={
            name: now.taxonomy.final_branch(name)
            for name in before.taxonomy.branches
            if name not in now.taxonomy.branches
        },
        pages=pages,
        lost=_lost(before, now),
        dangling=tuple(sorted(now.dangling - before.dangling)),
        found=found,
        mended=mended,
    )


def _fields(before: Paper, now: Paper) -> tuple[str, ...]:
    """The names of the fields that differ."""
    was, is_ = (each.model_dump(mode="json", exclude={"key"}) for each in (before, now))
    found: list[str] = []
    for name in dict.fromkeys((*was, *is_)):
        old, new = was.get(name), is_.get(name)
        if old == new:
            continue
        if name in _NESTED:
            parts = {**(old or {}), **(new or {})}
            found += [f"{name}.{part}" for part in parts if (old or {}).get(part) != (new or {}).get(part)]
        else:
            found.append(name)
    return tuple(found)


def _labels(before: Paper, now: Paper) -> Iterator[LabelChange]:
    was = {label.identity: label.state.value for label in before.labels}
    is_ = {label.identity: label.state.value for label in now.labels}
    for identity in dict.fromkeys((*was, *is_)):
        if was.get(identity) != is_.get(identity):
            branch, _, source = identity
            yield LabelChange(now.key, branch, source, was.get(identity), is_.get(identity))


def _gone(before: State, now: State) -> Iterator[Gone]:
    decided = Decided(now.decisions)
    reasons = {each.key: each.reason for each in now.decisions.rejected if each.key}
    for key in sorted(before.papers.keys() - now.papers.keys()):
        survivor = decided.survivor(key)
        into = survivor if survivor != key and survivor in now.papers else None
        yield Gone(key, before.papers[key].title, into, reasons.get(key))


def _neighbours(now: State, added: Iterable[str]) -> Iterator[Neighbour]:
    """New records that share an identifier, a title or an author and much of a title with another, unless told apart."""
    index, decided = Index(), Decided(now.decisions)
    by_author: dict[str, list[str]] = defaultdict(list)

    def learn(key: str) -> Work:
        work = Work.of_paper(now.papers[key])
        index.add(key, work)
        for author in work.authors[:1]:
            by_author[author].append(key)
        return work

    fresh = set(added)
    known = now.papers.keys() - fresh
    for key in sorted(known):
        learn(key)
    for row in now.sources.values():  # titles that a paper no longer has
        if row.paper in known and not row.entry.removed:
            index.add(row.paper or "", Work.of_entry(row.entry))
    for key in sorted(fresh):
        work = Work.of_paper(now.papers[key])
        alike = {other: match.reason for other, match in index.find(work)}
        for other in by_author.get(work.authors[0], ()) if work.authors else ():
            if likeness(work.title, normal_title(now.papers[other].title)) >= _ALIKE:
                alike.setdefault(other, "a similar title by the same first author")
        for other, reason in sorted(alike.items()):
            if not decided.apart(key, other):
                yield Neighbour(key, other, now.papers[other].title, reason)
        learn(key)


def _reviews(before: State, now: State) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    for key in sorted(before.papers.keys() | now.papers.keys()):
        states = [
            side.papers[key].review.state.value if key in side.papers and side.papers[key].review else None  # type: ignore[union-attr]
            for side in (before, now)
        ]
        if states[0] != states[1] and key in now.papers:
            yield key, (states[0], states[1])


def _claims(before: State, now: State) -> tuple[int, int, int]:
    was, is_ = (
        {
            (key, claim.id): claim.model_dump(mode="json")
            for key, paper in side.papers.items()
            for claim in paper.claims
        }
        for side in (before, now)
    )
    reworded = sum(was[name] != is_[name] for name in was.keys() & is_.keys())
    return len(is_.keys() - was.keys()), reworded, len(was.keys() - is_.keys())


def _results(before: State, now: State) -> dict[str, tuple[int, int, int]]:
    counts = [Counter[str](), Counter[str](), Counter[str]()]
    for cell in before.rows.keys() | now.rows.keys():
        old, new = before.rows.get(cell), now.rows.get(cell)
        if old != new:
            kind = 0 if old is None else 2 if new is None else 1
            counts[kind][cell[0]] += 1
    return {
        source: (counts[0][source], counts[1][source], counts[2][source])
        for source in sorted({source for each in counts for source in each})
    }


def _parts(
    before: Mapping[str, str], now: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What is new, changed and gone, sorted."""
    return (
        tuple(sorted(now.keys() - before.keys())),
        tuple(sorted(path for path in before.keys() & now.keys() if before[path] != now[path])),
        tuple(sorted(before.keys() - now.keys())),
    )


def _lost(before: State, now: State) -> tuple[str, ...]:
    """Addresses of pages that readers may have kept, and at which there is neither a page nor a redirect."""
    was, is_ = ({html_path(path) for path in side.pages} for side in (before, now))
    return tuple(sorted(address for address in was - is_ if address.endswith(".html")))


def _findings(before: State, now: State) -> tuple[tuple[Finding, ...], int]:
    """What checks find now and did not before; how many they no longer find. Lines move and do not count."""

    def name(finding: Finding) -> tuple[str, str, str, str | None]:
        return finding.check, finding.file, finding.message, finding.field

    was, is_ = Counter(map(name, before.findings)), Counter(map(name, now.findings))
    fresh = is_ - was
    found: list[Finding] = []
    for finding in now.findings:
        if fresh[name(finding)] > 0:
            fresh[name(finding)] -= 1
            found.append(finding)
    return tuple(found), sum((was - is_).values())
