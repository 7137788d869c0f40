"""Where every entry belongs: to a record, to other entries without one, or into the queue for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kb.ids import KINDS
from kb.reconcile.decided import Decided
from kb.reconcile.fold import fold
from kb.reconcile.holders import Holders
from kb.reconcile.match import Index, Kind, Match, Work
from kb.reconcile.rows import Row, Rows
from kb.records.candidates import Candidate, CandidateState
from kb.records.models import Paper


@dataclass
class Cluster:
    """Entries without a record that are one work.

    `deleted` is the key of the record that they had, if a person deleted its file.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    deleted: str | None = None


class Placing:
    """Gives every row without a record its place. Rows are taken in their canonical order.

    Attributes:
        rows: every row, those that found a record with its key.
        clusters: what is left, by work.
        queue: what only a person can place.
        matches: reference, key and reason of each row that found a record.
    """

    def __init__(self, papers: Mapping[str, Paper], decided: Decided, rows: Rows, holders: Holders) -> None:
        self.rows = dict(rows)
        self.clusters: dict[str, Cluster] = {}
        self.queue: list[Candidate] = []
        self.matches: list[tuple[str, str, Match]] = []
        self._papers = papers
        self._decided = decided
        self._holders = holders
        self._index = Index()
        self._cluster_of: dict[str, str] = {}
        for key, paper in papers.items():
            self._index.add(key, Work.of_paper(paper))
        for row in sorted(rows.values(), key=lambda r: r.rank):
            if row.paper in papers:
                self._learn(row.paper or "", row)

    def place_all(self) -> None:
        """Fill `clusters`, `queue` and `matches`."""
        waiting = [r for r in self.rows.values() if r.paper not in self._papers and not r.entry.removed]
        waiting.sort(key=lambda r: r.rank)
        for row in waiting:
            if row.paper is not None and not self._decided.rejected(row.entry):
                self._deleted_by_hand(row, row.paper)
        for row in waiting:
            if row.paper is None:
                self._place(row)
        self._find_twins()

    def wait(self, rows: Sequence[Row], state: CandidateState, reason: str, like: Iterable[str] = ()) -> None:
        """Queue `rows`, which are one work."""
        facts = fold(rows)
        self.queue.append(
            Candidate(
                id=short_id(*sorted(row.ref for row in rows)[:1]),
                state=state,
                title=facts["title"],
                authors=tuple(name for name, _ in facts["authors"] or ()),
                identifiers={k: v for k in KINDS if (v := facts[f"identifiers.{k}"])},
                url=facts["identifiers.url"],
                published=facts["dates.published"],
                seen_in=tuple(sorted(row.ref for row in rows)),
                reason=reason,
                like=tuple(name for name in dict.fromkeys(like) if name in self._papers),
            )
        )

    # Places

    def _learn(self, name: str, row: Row) -> None:
        """Let `name` also be found by the title and identifiers of `row`."""
        known = self._index.works[name][0] if self._index.works[name] else Work()
        described = Work.of_entry(row.entry, without=self._anothers(row, name))
        self._index.add(
            name, described.under(self._index.identifiers(name), described.authors or known.authors)
        )

    def _anothers(self, row: Row, name: str) -> set[str]:
        """The kinds of identifiers that `row`, an entry of `name`, has wrong: a person said so, and another has them."""
        told = bool(self._decided.same(row.ref))
        apart = {self._name_of(other) for one in (row.ref, name) for other in self._decided.different(one)}
        return {
            kind
            for kind, value in row.entry.identifiers.items()
            if (there := self._holders.get((kind, value))) and name not in there and (told or there & apart)
        }

    def _deleted_by_hand(self, row: Row, key: str) -> None:
        """The entries of a record whose file is gone wait together, and so does what joins them."""
        name = f"deleted {key}"
        cluster = self.clusters.setdefault(name, Cluster(name, deleted=key))
        cluster.rows.append(row)
        self._cluster_of[row.ref] = name
        self._learn(name, row)

    def _place(self, row: Row) -> None:
        told = self._told(row)
        if told:
            self._attach(row, told, Match(Kind.SAME, "a person said so", 1.0))
            return
        apart = {self._name_of(other) for other in self._decided.different(row.ref)}
        contested = {
            kind
            for name in apart
            for kind, value in self._index.identifiers(name).items()
            if row.entry.identifiers.get(kind) == value
        }
        work = Work.of_entry(row.entry, without=contested)
        rejected = self._decided.rejected(row.entry)
        if not work.title and not work.identifiers:
            if not rejected:
                self.wait([row], CandidateState.UNRESOLVED, "neither a title nor an identifier")
            return
        found = [(name, match) for name, match in self._index.find(work) if name not in apart]
        if rejected:  # it makes nothing new; what a record says all the same is that record's
            by_id = self._decided.rejected_by_identifier(row.entry)
            found = [
                (n, match) for n, match in found if n in self._papers and (match.by_identifier or not by_id)
            ]
        same = [(name, match) for name, match in found if match.kind is Kind.SAME]
        doubts = [(name, match) for name, match in found if match.kind is Kind.SUSPICIOUS]
        if self._doubtful(same, doubts):
            if not rejected and not metadata_only(row):
                self._suspect(row, doubts, same)
        elif same:
            self._attach(row, self._bridge([name for name, _ in same]), same[0][1])
        elif not rejected:
            self._start(row, work)

    def _doubtful(self, same: list[tuple[str, Match]], doubts: list[tuple[str, Match]]) -> bool:
        """Whether a person has to decide: a wrong identifier beside a right title, a title that two works have."""
        if not same:
            return bool(doubts)
        best = same[0][1]
        if any(match.by_identifier for _, match in doubts) or (doubts and (not best.sure or best.retitled)):
            return True
        rivals = [
            name
            for name, match in same
            if not match.by_identifier and (name in self._papers or self._index.identifiers(name))
        ]
        return len(rivals) > (0 if best.retitled else 1) and (best.retitled or not best.sure)

    def _name_of(self, other: str) -> str:
        """The work that a name in a decision stands for by now."""
        key = self._decided.survivor(other)
        if key in self._papers:
            return key
        row = self.rows.get(other)
        if row is not None and row.paper in self._papers:
            return row.paper or ""
        return self._cluster_of.get(other, other)

    def _told(self, row: Row) -> str | None:
        for other in self._decided.same(row.ref):
            name = self._name_of(other)
            if name in self._papers or name in self.clusters:
                return name
        return None

    def _bridge(self, names: list[str]) -> str:
        """The one work that `names` are, joining those that wait; two records are joined only by a person."""
        target = next((name for name in names if name in self._papers), names[0])
        for name in names:
            cluster = self.clusters.get(name)
            if cluster is None or name == target or cluster.deleted is not None:
                continue
            ids, others = self._index.identifiers(target), self._index.identifiers(name)
            told_apart = any(
                self._name_of(other) == target
                for row in cluster.rows
                for other in self._decided.different(row.ref)
            )
            if not told_apart and all(ids.get(kind, value) == value for kind, value in others.items()):
                self._index.remove(name)
                for row in self.clusters.pop(name).rows:
                    self._attach(
                        row, target, Match(Kind.SAME, "joined by an entry with both identifiers", 0.9)
                    )
        return target

    def _attach(self, row: Row, name: str, match: Match) -> None:
        if name in self._papers:
            self.rows[row.ref] = row.model_copy(update={"paper": name})
            self.matches.append((row.ref, name, match))
        else:
            self.clusters[name].rows.append(row)
            self._cluster_of[row.ref] = name
        self._learn(name, row)

    def _start(self, row: Row, work: Work) -> None:
        name = f"new {row.ref}"
        self.clusters[name] = Cluster(name, [row])
        self._cluster_of[row.ref] = name
        self._index.add(name, work)

    # Doubts

    def _suspect(self, row: Row, doubts: list[tuple[str, Match]], same: list[tuple[str, Match]]) -> None:
        names = [name for name, _ in (*doubts, *same)]
        if doubts:
            reason = f"{doubts[0][1].reason}: {self._shown(names[0])}"
        else:
            reason = f"{same[0][1].reason} as more than one record: {', '.join(map(self._shown, names))}"
        self.wait([row], CandidateState.SUSPICIOUS, reason, names)

    def _shown(self, name: str) -> str:
        if name in self._papers:
            return f"{name} ({self._papers[name].title})"
        cluster = self.clusters.get(name)
        title = next((r.entry.title for r in cluster.rows if r.entry.title), None) if cluster else None
        return f"{title or name} (waiting too)"

    def _find_twins(self) -> None:
        """Queue pairs of records that an entry of the one takes for one work with the other."""
        pairs: set[tuple[str, str]] = set()
        for row in self.rows.values():
            key = row.paper
            if key is None or key not in self._papers or row.entry.removed or self._decided.same(row.ref):
                continue
            work = Work.of_entry(row.entry)
            taken_for = {name for pair in work.identifiers.items() for name in self._holders.get(pair, ())}
            work = work.under(self._index.identifiers(key), ())
            for name, match in self._index.sharing(work, besides=key):
                if match.kind is Kind.SAME and name in self._papers:
                    taken_for.add(name)
            for name in taken_for - {key}:
                if not (self._decided.apart(key, name) or self._decided.apart(row.ref, name)):
                    pairs.add((min(key, name), max(key, name)))
        for a, b in sorted(pairs):
            self.queue.append(
                Candidate(
                    id=short_id("records", a, b),
                    state=CandidateState.SUSPICIOUS,
                    title=self._papers[a].title,
                    reason=f"one entry is of both records, it seems: kb same {a} {b}, or kb different {a} {b}",
                    like=(a, b),
                )
            )


def metadata_only(row: Row) -> bool:
    """arXiv's own entry for an id that somebody else named: it explains others, and never waits by itself."""
    return row.entry.source == "arxiv" and row.via is None and not row.creates


def short_id(*parts: str) -> str:
    """The id of a candidate."""
    return "c-" + hashlib.blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()
