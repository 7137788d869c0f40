"""`kb taxonomy`: change the taxonomy, and bring every label along.

taxonomy.yaml is written first. Its redirects say what became of each branch, and that is all that moving the labels
needs: a run that is killed after it is finished by any later one. Then come the records, and the last-seen entries of
the sources, whose headings are read again with the new taxonomy, so that a later sync finds nothing to do.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kb.config import Config
from kb.pipeline.joining import read_merge, render_merge
from kb.pipeline.store import Store, locked, open_store, write_records, write_rows
from kb.reconcile.fold import fold, labels_of
from kb.reconcile.merge import merge as merge_fields
from kb.reconcile.rows import Row, Rows
from kb.records import taxonomy_edit as edit
from kb.records.files import read_utf8, remove_leftovers, write_all, write_atomic
from kb.records.library import parse_record, render_record
from kb.records.models import AssignmentState, Paper
from kb.records.relabel import contested, relabelled
from kb.records.taxonomy import Taxonomy


@dataclass(frozen=True)
class Migration:
    """What moving the labels changes: the texts of records and of merge notes, and the entries of sources."""

    records: Mapping[str, str]
    papers: Mapping[str, Paper]  # every record, as it will be
    rows: Rows
    changed_rows: int
    merged: Mapping[Path, str]
    contested: tuple[str, ...]  # rejected from one part of a merged branch, and standing in another

    def __bool__(self) -> bool:
        return bool(self.records or self.changed_rows or self.merged)


@dataclass(frozen=True)
class Retold:
    """What a change of the taxonomy did.

    Attributes:
        moved: new ids of branches by old ones.
        made: new branches.
        records: keys of the records whose labels changed.
        to_sort: records that a person has to look at, and that alone have to be classified again.
        notes: hand-written pages that link to a branch's old page.
    """

    moved: Mapping[str, str]
    made: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    to_sort: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    branch: str | None = None  # where the papers to sort stand
    diff: str = ""
    dry_run: bool = False
    files_changed: int = 0


def rename(config: Config, old: str, new: str, *, title: str | None = None, dry_run: bool = False) -> Retold:
    """Give a branch another id, and another title if one is given."""
    return _carry_out(config, lambda text: edit.rename(text, old, new, title=title), dry_run=dry_run)


def merge(config: Config, gone: str, into: str, *, dry_run: bool = False) -> Retold:
    """Make the branch `gone` part of `into`."""
    return _carry_out(config, lambda text: edit.merge(text, gone, into), dry_run=dry_run)


def move(config: Config, branch: str, parent: str, *, dry_run: bool = False) -> Retold:
    """Put a branch under another one, or at the top of its facet."""
    return _carry_out(config, lambda text: edit.move(text, branch, parent), dry_run=dry_run)


def split(
    config: Config,
    branch: str,
    into: Sequence[tuple[str, str | None]],
    *,
    beside: bool = False,
    dry_run: bool = False,
) -> Retold:
    """Make branches under `branch`, or beside it. Its papers stay in it until a person sorts them."""
    return _carry_out(
        config,
        lambda text: edit.split(text, branch, into, beside=beside),
        dry_run=dry_run,
        sort=branch,
    )


def migrate(config: Config, *, dry_run: bool = False) -> Retold:
    """Bring labels along that still name old branches: of a killed run, or of a change made elsewhere."""
    return _carry_out(config, edit.Change, dry_run=dry_run)


def _carry_out(
    config: Config,
    change_of: edit.Operation,
    *,
    dry_run: bool,
    sort: str | None = None,
) -> Retold:
    with locked(config):
        remove_leftovers(config.root, config.taxonomy_path.name)
        store = open_store(config)
        before, files = migration(store), 0
        if before and not dry_run:  # what a killed run left must not be read with the next redirects
            files = _write(store, before)
            store = open_store(config)
        text = read_utf8(config.taxonomy_path)
        change = change_of(text)
        after = migration(replace(store, taxonomy=change.taxonomy))
        retold = Retold(
            moved=change.moved,
            made=change.made,
            records=tuple(sorted({*before.records, *after.records})),
            to_sort=tuple(sorted({*before.contested, *after.contested, *_standing_in(after, sort)})),
            notes=tuple(_links_to(config, change.moved)),
            branch=sort,
            dry_run=dry_run,
        )
        if dry_run:
            return replace(retold, diff=_diff(store, text, change.text, after))
        files += write_atomic(config.taxonomy_path, change.text)
        return replace(retold, files_changed=files + _write(store, after))


def migration(store: Store) -> Migration:
    """What has to change for every label to name a branch of `store.taxonomy`."""
    taxonomy = store.taxonomy
    rows = {ref: _retold(row, taxonomy) for ref, row in store.rows.items()}
    changed = {ref for ref, row in rows.items() if row is not store.rows[ref]}
    before, after = defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
    touched = {rows[ref].paper for ref in changed}
    for ref, row in rows.items():
        if row.paper is not None and row.paper in touched:
            before[row.paper].append(_moved(store.rows[ref], taxonomy))
            after[row.paper].append(row)
    records: dict[str, str] = {}
    papers: dict[str, Paper] = {}
    for key, paper in store.library.items():
        new = relabelled(paper, taxonomy)
        if key in touched:
            was, now = fold(before[key])["labels"], fold(after[key])["labels"]
            new, _ = merge_fields(new, {"labels": was}, {"labels": now})
        papers[key] = new
        if new != paper:
            records[key] = render_record(new, store.text(key), file=f"papers/{key}.yaml")
    return Migration(
        records=records,
        papers=papers,
        rows=rows,
        changed_rows=len(changed),
        merged=_merge_notes(store),
        contested=tuple(key for key, paper in store.library.items() if contested(paper, taxonomy)),
    )


def _moved(row: Row, taxonomy: Taxonomy) -> Row:
    """`row` with what it said of old branches said of what they became."""
    labels = tuple(sorted({taxonomy.final_branch(label) or label for label in row.labels}))
    return row if labels == row.labels else row.model_copy(update={"labels": labels})


def _retold(row: Row, taxonomy: Taxonomy) -> Row:
    """`row` as the next sync will see it: its headings read with `taxonomy`."""
    if row.entry.removed:
        return _moved(row, taxonomy)
    labels = labels_of(row.entry, taxonomy)
    return row if labels == row.labels else row.model_copy(update={"labels": labels})


def _merge_notes(store: Store) -> dict[Path, str]:
    """The notes from which merges of records are undone, with the labels in them moved."""
    changed: dict[Path, str] = {}
    for path in sorted((store.config.papers_dir / "_merged").glob("*.json")):
        undo = read_merge(path)
        texts = {
            name: _moved_text(key, text, store.taxonomy)
            for name, key, text in (
                ("gone_text", undo.gone, undo.gone_text),
                ("before", undo.into, undo.before),
                ("after", undo.into, undo.after),
            )
        }
        new = undo.model_copy(update=texts)
        if new != undo:
            changed[path] = render_merge(new)
    return changed


def _moved_text(key: str, text: str, taxonomy: Taxonomy) -> str:
    paper = parse_record(key, text, file=key)
    return render_record(relabelled(paper, taxonomy), text, file=key)


def _write(store: Store, change: Migration) -> int:
    """Records before the entries that justify them, as in a sync."""
    files = write_records(store, change.records)
    files += write_rows(store, change.rows.values())
    return files + write_all(change.merged.items())


def _standing_in(change: Migration, branch: str | None) -> list[str]:
    """The records with a label for exactly this branch that nobody rejected."""
    return [key for key, paper in change.papers.items() if branch in live_branches(paper)]


def live_branches(paper: Paper) -> set[str]:
    """The branches that the paper stands in: proposed or confirmed, and not rejected by a person."""
    states: dict[str, set[AssignmentState]] = defaultdict(set)
    for label in paper.labels:
        states[label.branch].add(label.state)
    return {
        branch
        for branch, each in states.items()
        if AssignmentState.CONFIRMED in each or AssignmentState.REJECTED not in each
    }


def _links_to(config: Config, moved: Mapping[str, str]) -> list[str]:
    """Hand-written pages that link to the page of a branch by its old path."""
    found = []
    for path in sorted((config.root / "site" / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8", errors="replace")
        names = [old for old in moved if f"branches/{old}.md" in text]
        found += [
            f"{path.relative_to(config.root).as_posix()} links to branches/{old}.md; write [[branch:{moved[old]}]]"
            for old in names
        ]
    return found


def _diff(store: Store, old: str, new: str, change: Migration) -> str:
    """The changes to taxonomy.yaml and to records as a unified diff."""
    pairs = [("taxonomy.yaml", old, new)]
    pairs += [(f"papers/{key}.yaml", store.text(key), text) for key, text in sorted(change.records.items())]
    return "".join(
        line
        for name, before, after in pairs
        for line in difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            fromfile=f"a/{name}",
            tofile=f"b/{name}",
        )
    )


# What the taxonomy lacks


@dataclass(frozen=True)
class TaxonomyReport:
    """How taxonomy and papers fit.

    Attributes:
        empty: branches without a paper, in them or below them.
        nowhere: for each facet, the records that stand in none of its branches.
        unlabelled: records that stand in no branch at all.
        unknown: labels that name no branch, with their records.
        headings: headings of lists that speak of no branch, and how many entries stand under them.
        shared: headings that two branches of one facet claim: they speak of neither.
    """

    empty: tuple[str, ...]
    nowhere: Mapping[str, tuple[str, ...]]
    unlabelled: tuple[str, ...]
    unknown: Mapping[str, tuple[str, ...]]
    headings: Mapping[str, int]
    shared: Mapping[str, tuple[str, ...]]


def report(config: Config) -> TaxonomyReport:
    """Branches without papers, papers without branches, and headings that nothing claims."""
    store = open_store(config)
    taxonomy = store.taxonomy
    full: set[str] = set()
    nowhere: dict[str, list[str]] = {facet.id: [] for facet in taxonomy.facets}
    unknown: dict[str, list[str]] = defaultdict(list)
    unlabelled = []
    for key, paper in store.library.items():
        live = live_branches(relabelled(paper, taxonomy))
        for branch in live - taxonomy.branches.keys():
            unknown[branch].append(key)
        full |= {above for branch in live for above in taxonomy.ancestors(branch)}
        facets = {taxonomy.facet_of(branch) for branch in live}
        for facet, keys in nowhere.items():
            if facet not in facets:
                keys.append(key)
        if not live:
            unlabelled.append(key)
    return TaxonomyReport(
        empty=tuple(branch for branch in taxonomy.branches if branch not in full),
        nowhere={facet: tuple(keys) for facet, keys in nowhere.items()},
        unlabelled=tuple(unlabelled),
        unknown={branch: tuple(keys) for branch, keys in sorted(unknown.items())},
        headings=_unclaimed(store),
        shared=taxonomy.shared_names,
    )


def _unclaimed(store: Store) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in store.rows.values():
        if not row.entry.removed:
            found.update(
                " > ".join(heading.path)
                for heading in row.entry.headings
                if heading.path and not store.taxonomy.branches_for(heading.path)
            )
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
