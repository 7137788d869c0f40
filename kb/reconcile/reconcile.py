"""What becomes of everything that the sources said: which records change, appear, or wait for a person.

Pure: values in, a `Plan` out; the pipeline writes. Entries are taken in one canonical order, whatever order the
sources were asked in, so that the same entries give the same plan.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from kb.ids import KINDS
from kb.reconcile.fold import fold, labels_of
from kb.reconcile.keys import new_key
from kb.reconcile.match import UNLIKE, Index, Kind, Match, Work, likeness
from kb.reconcile.merge import Conflict, merge, still_open
from kb.reconcile.rows import Row, Rows, render_rows
from kb.records.candidates import Candidate, CandidateState
from kb.records.decisions import Decisions
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.sources.entry import Problem, SourceEntry, SourceResult, Status
from kb.text import normal_title, one_line


@dataclass(frozen=True)
class Base:
    """What is on disk before a sync."""

    papers: Mapping[str, Paper]
    taxonomy: Taxonomy
    decisions: Decisions
    rows: Rows
    conflicts: tuple[Conflict, ...] = ()
    texts: Callable[[str], str] = lambda key: ""  # the text of a record's file
    abstracts: bool = False  # records may hold abstracts


@dataclass
class Plan:
    """What a sync will write, and why."""

    writes: dict[str, str] = field(default_factory=dict)  # record key -> text
    papers: dict[str, Paper] = field(default_factory=dict)  # the changed and new records
    created: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    new_conflicts: tuple[Conflict, ...] = ()
    matches: list[tuple[str, str, Match]] = field(default_factory=list)  # ref, key, why
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Cluster:
    """Entries without a record that are one work."""

    name: str
    rows: list[Row] = field(default_factory=list)


def reconcile(base: Base, results: Sequence[SourceResult]) -> Plan:
    """Merge `results` into `base`."""
    plan = Plan()
    rows = _refresh(base, results)
    rows = _settle_keys(base, rows)
    work = _Sorting(base, plan, rows)
    work.place_all()
    _create(base, plan, work)
    _merge_changed(base, plan, work)
    plan.rows = work.rows
    plan.candidates = tuple(work.queue)
    return plan


def _refresh(base: Base, results: Sequence[SourceResult]) -> Rows:
    """The rows after `results`; a failed source changes none."""
    rows = dict(base.rows)
    for result in results:
        if result.status is Status.FAILED:
            continue
        seen: set[str] = set()
        for entry in result.entries:
            ref = f"{entry.source} {entry.entry_id}"
            seen.add(ref)
            old = rows.get(ref)
            via = entry.where if entry.where and entry.where.startswith("query:") else old.via if old else None
            rows[ref] = Row(
                entry=entry,
                paper=old.paper if old else None,
                labels=labels_of(entry, base.taxonomy),
                creates=result.creates or (old.creates if old else False),
                via=via,
            )
        gone = {f"{result.source} {entry_id}" for entry_id in result.removed}
        if result.complete and result.status is Status.OK:
            gone |= {ref for ref, row in rows.items() if row.entry.source == result.source} - seen
        for ref in gone & rows.keys():
            entry = rows[ref].entry.model_copy(update={"removed": True})
            rows[ref] = rows[ref].model_copy(update={"entry": entry})
    return rows


def _settle_keys(base: Base, rows: Rows) -> Rows:
    """Let rows of merged records follow, and take rows away from records that they were told apart from."""
    into = {merged.gone: merged.into for merged in base.decisions.merged}
    settled: Rows = {}
    by_paper: dict[str, list[Row]] = defaultdict(list)
    for row in rows.values():
        if row.paper:
            by_paper[row.paper].append(row)
    for ref, row in rows.items():
        key = row.paper
        while key in into:
            key = into[key]
        if key is not None:
            apart = any(pair.joins(ref, key) for pair in base.decisions.different)
            if apart or (row != base.rows.get(ref) and _became_another_work(row, by_paper[key])):
                key = None
        settled[ref] = row if key == row.paper else row.model_copy(update={"paper": key})
    return settled


def _became_another_work(row: Row, siblings: Iterable[Row]) -> bool:
    """Whether an entry that had a record now names another paper, going by what the record's other entries say."""
    for other in siblings:
        if other.ref == row.ref:
            continue
        clash = any(
            kind in row.entry.identifiers and row.entry.identifiers[kind] != other.entry.identifiers.get(kind)
            for kind in KINDS
            if kind in other.entry.identifiers
        )
        titles = (normal_title(row.entry.title or ""), normal_title(other.entry.title or ""))
        if clash and likeness(*titles) < UNLIKE:
            return True
    return False


class _Sorting:
    """Gives every row without a record its place."""

    def __init__(self, base: Base, plan: Plan, rows: Rows) -> None:
        self.base = base
        self.plan = plan
        self.rows = rows
        self.index = Index()
        self.clusters: dict[str, _Cluster] = {}
        self.cluster_of: dict[str, str] = {}
        self.queue: list[Candidate] = []
        for key, paper in base.papers.items():
            self.index.add(key, Work.of_paper(paper))
        for row in sorted(rows.values(), key=lambda r: r.rank):
            if row.paper in base.papers:
                self._learn(row.paper or "", row.entry)

    def _learn(self, name: str, entry: SourceEntry) -> None:
        """Let `name` also be found by the title and identifiers of `entry`."""
        known = self.index.works[name][0] if self.index.works[name] else Work()
        described = Work.of_entry(entry)
        self.index.add(
            name, described.under(self.index.identifiers(name), described.authors or known.authors)
        )

    def place_all(self) -> None:
        waiting = sorted(
            (r for r in self.rows.values() if r.paper not in self.base.papers), key=lambda r: r.rank
        )
        for row in waiting:
            if row.paper is not None:
                self._deleted_by_hand(row)
            elif not row.entry.removed and not self._rejected(row):
                self._place(row)

    def _deleted_by_hand(self, row: Row) -> None:
        if not row.entry.removed and not self._rejected(row):
            reason = f"its record {row.paper} was deleted by hand: kb accept brings it back, kb reject keeps it out"
            self._wait([row], CandidateState.CANDIDATE, reason)

    def _rejected(self, row: Row) -> bool:
        title = normal_title(row.entry.title or "")
        for rejection in self.base.decisions.rejected:
            ids = rejection.identifiers
            if any(row.entry.identifiers.get(kind) == value for kind, value in ids.items()):
                return True
            clash = any(row.entry.identifiers.get(kind, value) != value for kind, value in ids.items())
            if title and not clash and rejection.title and normal_title(rejection.title) == title:
                return True
        return False

    def _place(self, row: Row) -> None:
        told = self._told(row)
        if told:
            self._attach(row, told, Match(Kind.SAME, "a person said so", 1.0))
            return
        apart = self._apart(row)
        contested = {
            k
            for n in apart
            for k, v in self.index.identifiers(n).items()
            if row.entry.identifiers.get(k) == v
        }
        work = Work.of_entry(row.entry, without=contested)
        if not work.title and not work.identifiers:
            self._wait([row], CandidateState.UNRESOLVED, "neither a title nor an identifier")
            return
        found = [(name, match) for name, match in self.index.find(work) if name not in apart]
        same = [name for name, match in found if match.kind is Kind.SAME]
        doubts = [(name, match) for name, match in found if match.kind is Kind.SUSPICIOUS]
        # A wrong identifier beside a right title: neither may decide alone.
        if doubts and (not same or doubts[0][1].reason.startswith("same ")):
            if self._metadata_only(row):
                return
            self._suspect(row, doubts, same)
        elif same:
            self._attach(row, self._bridge(same), found[0][1])
        else:
            self._start(row, work)

    def _metadata_only(self, row: Row) -> bool:
        """arXiv's own entry for an id that somebody else named: it explains others, and never waits by itself."""
        return row.entry.source == "arxiv" and row.via is None and not row.creates

    def _told(self, row: Row) -> str | None:
        for pair in self.base.decisions.same:
            if row.ref in (pair.a, pair.b):
                other = pair.b if pair.a == row.ref else pair.a
                if other in self.base.papers:
                    return other
                if other in self.cluster_of:
                    return self.cluster_of[other]
        return None

    def _apart(self, row: Row) -> set[str]:
        names: set[str] = set()
        for pair in self.base.decisions.different:
            if row.ref in (pair.a, pair.b):
                other = pair.b if pair.a == row.ref else pair.a
                names.add(self.cluster_of.get(other, other))
        return names

    def _bridge(self, names: list[str]) -> str:
        """The one work that `names` are, joining those that wait; two records are joined only by a person."""
        records = [name for name in names if name in self.base.papers]
        target = records[0] if records else names[0]
        for name in names:
            if name == target or name in self.base.papers or name not in self.clusters:
                continue
            ids, others = self.index.identifiers(target), self.index.identifiers(name)
            if all(ids.get(kind, value) == value for kind, value in others.items()):
                for row in self.clusters.pop(name).rows:
                    self._attach(
                        row, target, Match(Kind.SAME, "joined by an entry with both identifiers", 0.9)
                    )
        for other in records[1:]:
            self._suspect_records(target, other)
        return target

    def _attach(self, row: Row, name: str, match: Match) -> None:
        if name in self.base.papers:
            self.rows[row.ref] = row.model_copy(update={"paper": name})
            self.plan.matches.append((row.ref, name, match))
        else:
            self.clusters[name].rows.append(row)
        self.cluster_of[row.ref] = name
        self._learn(name, row.entry)

    def _start(self, row: Row, work: Work) -> None:
        name = f"new {row.ref}"
        self.clusters[name] = _Cluster(name, [row])
        self.cluster_of[row.ref] = name
        self.index.add(name, work)

    # Queue

    def _suspect(self, row: Row, doubts: list[tuple[str, Match]], same: list[str]) -> None:
        names = [*(name for name, _ in doubts), *same]
        shown = [self._shown(name) for name in names]
        self._wait([row], CandidateState.SUSPICIOUS, f"{doubts[0][1].reason}: {shown[0]}", names)

    def _shown(self, name: str) -> str:
        if name in self.base.papers:
            return f"{name} ({self.base.papers[name].title})"
        cluster = self.clusters.get(name)
        title = next((r.entry.title for r in cluster.rows if r.entry.title), None) if cluster else None
        return f"{title or name} (waiting too)"

    def _suspect_records(self, a: str, b: str) -> None:
        candidate = Candidate(
            id=_short_id("records", a, b),
            state=CandidateState.SUSPICIOUS,
            title=self.base.papers[a].title,
            reason=f"one entry carries identifiers of both records: kb same {a} {b}, or kb different {a} {b}",
            like=(a, b),
        )
        known = any(pair.joins(a, b) for pair in self.base.decisions.different)
        if not known and candidate not in self.queue:
            self.queue.append(candidate)

    def _wait(self, rows: list[Row], state: CandidateState, reason: str, like: Sequence[str] = ()) -> None:
        facts = fold(rows)
        self.queue.append(
            Candidate(
                id=_short_id(*sorted(row.ref for row in rows)[:1]),
                state=state,
                title=facts["title"],
                authors=tuple(name for name, _ in facts["authors"] or ()),
                identifiers={k: v for k in KINDS if (v := facts[f"identifiers.{k}"])},
                url=facts["identifiers.url"],
                published=facts["dates.published"],
                seen_in=tuple(sorted(row.ref for row in rows)),
                reason=reason,
                like=tuple(name for name in dict.fromkeys(like) if name in self.base.papers),
            )
        )


def _short_id(*parts: str) -> str:
    return "c-" + hashlib.blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()


def _create(base: Base, plan: Plan, work: _Sorting) -> None:
    """Make records of the clusters that may become one; queue the rest."""
    taken = {*base.papers, *(merged.gone for merged in base.decisions.merged)}
    taken |= {row.paper for row in work.rows.values() if row.paper}
    ready: list[tuple[tuple[str, ...], _Cluster, dict[str, object]]] = []
    for cluster in work.clusters.values():
        if all(work._metadata_only(row) for row in cluster.rows):
            continue
        facts = fold(cluster.rows, abstracts=base.abstracts)
        lacking = _lacking(facts)
        if lacking:
            work._wait(cluster.rows, CandidateState.UNRESOLVED, lacking)
        elif not any(row.creates for row in cluster.rows):
            work._wait(cluster.rows, CandidateState.CANDIDATE, _brought_by(cluster.rows))
        else:
            order = (str(facts["dates.published"]), normal_title(facts["title"]), cluster.name)
            ready.append((order, cluster, facts))
    for _, cluster, facts in sorted(ready, key=lambda item: item[0]):
        authors = facts["authors"]
        key = new_key(authors[0][0], int(str(facts["dates.published"])[:4]), str(facts["title"]), taken)  # type: ignore[index]
        blank = Paper(key=key, title=one_line(str(facts["title"])))
        try:
            paper, _ = merge(blank, {"title": blank.title}, facts)
        except ValidationError as error:
            plan.problems.append(_unfit(cluster.rows[0].ref, error))
            continue
        taken.add(key)
        plan.created.append(key)
        plan.papers[key] = paper
        plan.writes[key] = render_record(paper)
        for row in cluster.rows:
            work.rows[row.ref] = row.model_copy(update={"paper": key})


def _lacking(facts: Mapping[str, object]) -> str | None:
    """What keeps a work from having a cite key, in words."""
    missing = [
        word
        for word, name in (("title", "title"), ("author", "authors"), ("year", "dates.published"))
        if not facts[name]
    ]
    if not missing:
        return None
    if any(facts[f"identifiers.{kind}"] for kind in KINDS):
        return f"no {' and no '.join(missing)} known yet"
    return f"no identifier, no {' and no '.join(missing)}: no source with this exact title was found"


def _brought_by(rows: Sequence[Row]) -> str:
    names = sorted(
        {row.via or row.entry.source for row in rows if not (row.entry.source == "arxiv" and not row.via)}
    )
    return f"named by {', '.join(names)}, which only proposes"


def _merge_changed(base: Base, plan: Plan, work: _Sorting) -> None:
    """Bring every record up to date whose entries changed."""
    before: dict[str, list[Row]] = defaultdict(list)
    after: dict[str, list[Row]] = defaultdict(list)
    into = {merged.gone: merged.into for merged in base.decisions.merged}
    touched: set[str] = set()
    for row in base.rows.values():
        if row.paper:
            before[into.get(row.paper, row.paper)].append(row)
    for ref, row in work.rows.items():
        if row.paper:
            after[row.paper].append(row)
        old = base.rows.get(ref)
        if old is None or render_rows([old]) != render_rows([row]):
            touched |= {key for key in (row.paper, old.paper if old else None) if key}
    found: list[Conflict] = []
    for key in sorted(touched & base.papers.keys()):
        try:
            paper, conflicts = merge(
                base.papers[key],
                fold(before[key], abstracts=base.abstracts),
                fold(after[key], abstracts=base.abstracts),
            )
        except ValidationError as error:
            plan.problems.append(_unfit(key, error))
            # Not merged, so not seen: the next sync tries again.
            for row in after[key]:
                work.rows[row.ref] = base.rows.get(row.ref, row.model_copy(update={"paper": None}))
            continue
        found.extend(conflicts)
        if paper != base.papers[key]:
            plan.papers[key] = paper
            plan.writes[key] = render_record(paper, base.texts(key), file=f"papers/{key}.yaml")
    kept = {(c.paper, c.field): c for c in still_open(base.conflicts, {**base.papers, **plan.papers})}
    plan.new_conflicts = tuple(found)
    plan.conflicts = tuple(
        {**kept, **{(c.paper, c.field): c for c in found}}[place]
        for place in sorted({*kept, *((c.paper, c.field) for c in found)})
    )


def _unfit(name: str, error: ValidationError) -> Problem:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return Problem(name, f"{place}: {first['msg']}")
