"""What becomes of everything that the sources said: which records change, appear, or wait for a person.

Pure: values in, a `Plan` out; the pipeline writes. Entries are taken in one canonical order, whatever order the
sources were asked in, so that the same entries give the same plan. What came in may settle what waited before, so
passes are made until one changes nothing: the next sync then finds nothing to do either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from kb.errors import DataError
from kb.ids import KINDS
from kb.reconcile.decided import Decided
from kb.reconcile.fold import Fields, fields_of, fold, labels_of, same
from kb.reconcile.holders import Holders, hold, holders_of, own
from kb.reconcile.keys import new_key
from kb.reconcile.match import UNLIKE, Match, Work, likeness, share_authors
from kb.reconcile.merge import Conflict, merge, still_open
from kb.reconcile.place import Cluster, Placing, metadata_only
from kb.reconcile.rows import Row, Rows, render_rows, without_digests
from kb.records.candidates import Candidate, CandidateState
from kb.records.decisions import Decisions
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.sources.entry import Problem, SourceResult, Status
from kb.text import normal_title, one_line

_MOST_PASSES = 10


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
    held: set[str] = field(default_factory=set)  # sources with an entry that did not get into its record


def reconcile(base: Base, results: Sequence[SourceResult]) -> Plan:
    """Merge `results` into `base`."""
    # First what is known already: a record has to have its new title before others are held against it.
    plan = last = _follow(base, results)
    for _ in range(_MOST_PASSES):
        base = _after(base, last)
        last = _place(base)
        plan = _both(plan, last)
        if not (last.writes or last.matches):
            break
    return plan


def _follow(base: Base, results: Sequence[SourceResult]) -> Plan:
    """Bring records up to date with the entries that they have."""
    plan, decided = Plan(), Decided(base.decisions)
    plan.rows = _settle_keys(base, decided, _refresh(base, results))
    _merge_changed(base, plan, decided, holders_of(base.papers))
    return plan


def _place(base: Base) -> Plan:
    """Give the entries without a record one, if they may have one."""
    decided, holders = Decided(base.decisions), holders_of(base.papers)
    work = Placing(base.papers, decided, base.rows, holders)
    work.place_all()
    plan = Plan(rows=work.rows, matches=work.matches)
    _create(base, plan, work, holders)
    _merge_changed(base, plan, decided, holders)
    plan.candidates = tuple(work.queue)
    return plan


def _after(base: Base, plan: Plan) -> Base:
    """What would be on disk if `plan` were written."""
    texts = base.texts
    return replace(
        base,
        papers={**base.papers, **plan.papers},
        rows=plan.rows,
        conflicts=plan.conflicts,
        texts=lambda key: plan.writes[key] if key in plan.writes else texts(key),
    )


def _both(one: Plan, two: Plan) -> Plan:
    """The plan that does what `one` does and then what `two` does."""
    return Plan(
        writes=one.writes | two.writes,
        papers=one.papers | two.papers,
        created=[*one.created, *two.created],
        rows=two.rows,
        candidates=two.candidates,
        conflicts=two.conflicts,
        new_conflicts=tuple(
            c for c in dict.fromkeys((*one.new_conflicts, *two.new_conflicts)) if c in two.conflicts
        ),
        matches=[*one.matches, *two.matches],
        problems=list(dict.fromkeys((*one.problems, *two.problems))),
        held=one.held | two.held,
    )


# Rows


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
            query = entry.where if entry.where and entry.where.startswith("query:") else None
            rows[ref] = Row(
                entry=entry,
                paper=old.paper if old else None,
                labels=labels_of(entry, base.taxonomy),
                creates=result.creates or (old.creates if old else False),
                via=query or (old.via if old else None),
            )
        gone = {f"{result.source} {entry_id}" for entry_id in result.removed}
        if result.complete and result.status is Status.OK:
            gone |= {ref for ref, row in rows.items() if row.entry.source == result.source} - seen
        for ref in gone & rows.keys():
            if not rows[ref].entry.removed:
                entry = rows[ref].entry.model_copy(update={"removed": True})
                rows[ref] = rows[ref].model_copy(update={"entry": entry})
    return rows


def _settle_keys(base: Base, decided: Decided, rows: Rows) -> Rows:
    """Let rows of merged records follow, and take rows away from records that they were told apart from."""
    settled: Rows = {}
    by_paper: dict[str, list[Row]] = defaultdict(list)
    for row in rows.values():
        if row.paper:
            by_paper[row.paper].append(row)
    for ref, row in rows.items():
        if row.paper is None:
            settled[ref] = row
            continue
        key = decided.survivor(row.paper)
        told = next((k for k in map(decided.survivor, decided.same(ref)) if k in base.papers), None)
        if (
            decided.apart(ref, key)
            or told not in (None, key)
            or _apart_from_sibling(decided, row, by_paper[row.paper])
            or (
                told is None
                and (old := base.rows.get(ref)) is not None
                and _renamed(old, row)
                and _became_another_work(old, row, base.papers.get(key), by_paper[row.paper])
            )
        ):
            settled[ref] = without_digests(row).model_copy(update={"paper": None})
        else:
            settled[ref] = row if key == row.paper else row.model_copy(update={"paper": key})
    return settled


def _apart_from_sibling(decided: Decided, row: Row, siblings: Iterable[Row]) -> bool:
    """Whether a person told `row` from a better one of the same record: the better one stays."""
    others = decided.different(row.ref)
    return bool(others) and any(other.ref in others and other.rank < row.rank for other in siblings)


def _renamed(old: Row, new: Row) -> bool:
    """Whether an entry says now that its paper is called something else."""
    if old is new:
        return False
    was, now = old.entry, new.entry
    return (was.title, was.identifiers, was.authors) != (now.title, now.identifiers, now.authors)


def _became_another_work(old: Row, row: Row, paper: Paper | None, siblings: Iterable[Row]) -> bool:
    """Whether an entry that had a record now names another paper.

    Another identifier than the record's other entries have is enough. The record alone may have its own from this very
    entry, which corrects it now; then the titles tell. An identifier that the entry had before is no news: a person may
    have merged two works that have one each.
    """
    before, now = Work.of_entry(old.entry), Work.of_entry(row.entry)
    others = [Work.of_entry(other.entry) for other in siblings if other.ref != row.ref]
    if any(_clash(now, other) and not _clash(before, other) for other in others):
        return True
    was = Work.of_paper(paper) if paper is not None else Work()
    return (
        _clash(now, was)
        and not _clash(before, was)
        and bool(now.title and was.title)
        and likeness(now.title, was.title) < UNLIKE
        and not share_authors(now, was)
    )


def _clash(a: Work, b: Work) -> bool:
    return any(a.identifiers.get(kind, value) != value for kind, value in b.identifiers.items())


# Records


def _create(base: Base, plan: Plan, work: Placing, holders: Holders) -> None:
    """Make records of the clusters that may become one; queue the rest."""
    taken = {*base.papers, *(merged.gone for merged in base.decisions.merged)}
    taken |= {row.paper for row in work.rows.values() if row.paper}
    taken |= {rejected.key for rejected in base.decisions.rejected if rejected.key}
    ready: list[tuple[tuple[str, ...], Cluster]] = []
    for cluster in work.clusters.values():
        facts = fold(cluster.rows)
        if cluster.deleted is not None:
            reason = f"its record {cluster.deleted} was deleted by hand: kb accept brings it back, kb reject keeps it out"
            work.wait(cluster.rows, CandidateState.CANDIDATE, reason)
        elif all(metadata_only(row) for row in cluster.rows):
            continue
        elif lacking := _lacking(facts):
            work.wait(cluster.rows, CandidateState.UNRESOLVED, lacking)
        elif not any(row.creates for row in cluster.rows):
            work.wait(cluster.rows, CandidateState.CANDIDATE, _brought_by(cluster.rows))
        else:
            ready.append(
                ((str(facts["dates.published"]), normal_title(facts["title"]), cluster.name), cluster)
            )
    for _, cluster in sorted(ready, key=lambda item: item[0]):
        rows = [own(row, None, holders) for row in cluster.rows]
        facts = fold(rows, abstracts=base.abstracts)
        try:
            paper = _new_paper(facts, taken)
        except (ValidationError, DataError) as error:
            _unfit(plan, cluster.rows[0].ref, cluster.rows, error)
            continue
        hold(holders, paper)
        taken.add(paper.key)
        plan.created.append(paper.key)
        plan.papers[paper.key] = paper
        plan.writes[paper.key] = render_record(paper)
        for row in cluster.rows:
            work.rows[row.ref] = row.model_copy(update={"paper": paper.key})


def _new_paper(facts: Fields, taken: Collection[str]) -> Paper:
    title, year = one_line(str(facts["title"])), int(str(facts["dates.published"])[:4])
    key = new_key(facts["authors"][0][0], year, title, taken)
    paper, _ = merge(Paper(key=key, title=title), {"title": title}, facts, first=True)
    return paper


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


def _merge_changed(base: Base, plan: Plan, decided: Decided, holders: Holders) -> None:
    """Bring every record up to date whose entries changed. Rows that a record cannot take stay as they were."""
    rows = plan.rows
    before: dict[str, list[Row]] = defaultdict(list)
    after: dict[str, list[Row]] = defaultdict(list)
    touched: set[str] = set()
    for row in base.rows.values():
        if row.paper:
            before[decided.survivor(row.paper)].append(row)
    for ref, row in rows.items():
        if row.paper:
            after[row.paper].append(row)
        old = base.rows.get(ref)
        if old is not row and (old is None or render_rows([old]) != render_rows([row])):
            touched |= {key for key in (row.paper, old.paper if old else None) if key}
    settled: set[tuple[str, str]] = set()
    for key in sorted(touched & base.papers.keys()):
        old_rows = [own(row, key, holders) for row in before[key]]
        theirs = fold((own(row, key, holders) for row in after[key]), abstracts=base.abstracts)
        try:
            paper, conflicts = merge(
                base.papers[key], fold(old_rows, abstracts=base.abstracts), theirs, first=not old_rows
            )
        except ValidationError as error:
            _unfit(plan, key, after[key], error)
            # Not merged, so not seen: the next sync tries again.
            for row in after[key]:
                rows[row.ref] = base.rows.get(row.ref, row.model_copy(update={"paper": None}))
            continue
        plan.new_conflicts += conflicts
        ours = fields_of(paper)
        settled |= {(key, name) for name in ours if same(name, ours[name], theirs[name])}
        if paper != base.papers[key]:
            hold(holders, paper)
            plan.papers[key] = paper
            plan.writes[key] = render_record(paper, base.texts(key), file=f"papers/{key}.yaml")
    open_ = {(c.paper, c.field): c for c in still_open(base.conflicts, {**base.papers, **plan.papers})}
    kept = {place: c for place, c in open_.items() if place not in settled}
    kept |= {(c.paper, c.field): c for c in plan.new_conflicts}
    plan.conflicts = tuple(kept[place] for place in sorted(kept))


def _unfit(plan: Plan, name: str, rows: Iterable[Row], error: ValidationError | DataError) -> None:
    """Note that what `rows` say cannot stand in a record."""
    message = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        message = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    refs = ", ".join(sorted(row.ref for row in rows))
    plan.problems.append(Problem(name, f"{message}; not taken from {refs}"))
    plan.held |= {row.entry.source for row in rows}
