"""`kb sync` and `kb import`: ask the sources, reconcile, write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kb.config import Config, ListSettings
from kb.errors import (
    KbError,
    SafetyStop,
    UsageError,
)
from kb.pipeline.citations import add_bibliography, ask_citations, is_of_citations
from kb.pipeline.store import Store, fingerprint, keep_abstracts, locked, open_store, write_log, write_plan
from kb.pipeline.sync_report import SyncReport, diff_of, log_of, now, outcome, report_of
from kb.reconcile.reconcile import reconcile
from kb.sources import FILE_SOURCES, NETWORK_SOURCES
from kb.sources.entry import (
    Known,
    Progress,
    Source,
    SourceEntry,
    SourceResult,
    Status,
    no_progress,
    read_text,
)

SourceTable = Mapping[str, Callable[[Config], Iterable[Source]]]


def sync(
    config: Config,
    names: Sequence[str] = (),
    *,
    dry_run: bool = False,
    allow_removals: bool = False,
    progress: Progress = no_progress,
    done: Callable[[SourceResult], None] = lambda result: None,
    sources: SourceTable = NETWORK_SOURCES,
) -> SyncReport:
    """Bring papers/ up to date with the sources.

    Args:
        names: sources to ask; all that kb.toml enables if empty. ``lists`` means every list.
        sources: what there is to ask, by kind.
        dry_run: say what would change, write nothing.
        allow_removals: go on although a source lost an unusual share of its entries.
        done: called with the outcome of each source as it comes.

    Raises:
        LockError: another kb process is writing.
        DataError: the knowledge base does not load.
        UsageError: a name is no source.
    """
    with locked(config):
        read_at = fingerprint(config) if config.taxonomy_path.exists() else None
        store = open_store(config)
        chosen = _choose(config, names, sources)
        results: list[SourceResult] = []
        # arXiv last: it is asked about what the others brought.
        of_papers = [source for source in chosen if not is_of_citations(source)]
        for source in sorted(of_papers, key=lambda s: s.name == "arxiv"):
            known = _known(store, source.name, results, allow_removals)
            result = _guarded(source, known, progress)
            result = _stop_mass_removal(result, known, config.settings.sources.zotero.max_removed_share)
            results.append(result)
            done(result)
        # Asking takes minutes, and people go on editing: what they wrote in the meantime counts.
        if fingerprint(config) != read_at:
            store = open_store(config)
        report = _settle(store, results, dry_run=dry_run)
        for source in chosen:  # about all records, the new ones too
            if is_of_citations(source):
                result, changed = ask_citations(
                    config, source, dry_run=dry_run, allow_removals=allow_removals, progress=progress
                )
                report.results.append(result)
                report.files_changed += changed
                if not dry_run:
                    write_log(config, "sync", [outcome(result, now())])
                done(result)
        return report


def import_file(
    config: Config,
    kind: str,
    path: Path,
    *,
    name: str | None = None,
    creates: bool | None = None,
    keep_notes: bool | None = None,
    cited_by: str | None = None,
    dry_run: bool = False,
) -> SyncReport:
    """Read papers from a local file, as if a source had said them.

    Args:
        kind: a name in `kb.sources.FILE_SOURCES`.
        name: for a list, the name its labels carry; settings of kb.toml under that name apply.
        creates: whether its papers become records; None leaves it to the settings or the format.
        keep_notes: for a list, whether its remarks are stored.
        cited_by: the record whose bibliography the file is: it cites every record that the file names.
    """
    with locked(config):
        store = open_store(config)
        if cited_by is not None and cited_by not in store.library:
            raise UsageError(f"--cited-by: {cited_by!r} is no record", fix="kb list WORDS finds its key")
        if kind not in FILE_SOURCES:
            raise UsageError(f"{kind!r} is no format that kb reads", fix=f"one of: {', '.join(FILE_SOURCES)}")
        source = FILE_SOURCES[kind](_list_settings(config, _list_name(path, name), creates, keep_notes))
        result = source.parse(read_text(path), where=path.name)
        if creates is not None:
            result = replace(result, creates=creates)
        known = _known(store, result.source, [], allow_removals=False)
        if result.status is Status.EMPTY and not result.entries and not result.error:
            error = UsageError("holds no paper that kb can find", file=path, fix=f"is it a {kind} file?")
            result = replace(result, status=Status.FAILED, error=error)
        result = _stop_mass_removal(result, known, config.settings.sources.zotero.max_removed_share)
        report = _settle(store, [result], dry_run=dry_run)
        if cited_by is not None and not dry_run and result.status is not Status.FAILED:
            named = {f"{entry.source} {entry.entry_id}" for entry in result.entries}
            keys = [row.paper for ref, row in open_store(config).rows.items() if ref in named and row.paper]
            report.files_changed += add_bibliography(config, cited_by, keys, result.source)
        return report


def _list_name(path: Path, name: str | None) -> str:
    """The name that a list's labels carry: what was asked for, else made of the file's name."""
    wanted = name or re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")
    try:
        return ListSettings(name=wanted).name
    except ValidationError:
        raise UsageError(
            f"{name or path.name!r} cannot name a list",
            fix="give --name owner/repository, in letters, digits, . _ -",
        ) from None


def _list_settings(config: Config, name: str, creates: bool | None, keep_notes: bool | None) -> ListSettings:
    found = next((s for s in config.settings.sources.lists if s.name == name), None) or ListSettings(
        name=name
    )
    changes: dict[str, Any] = {}
    if creates is not None:
        changes["creates"] = creates
    if keep_notes is not None:
        changes["keep_notes"] = keep_notes
    return found.model_copy(update=changes)


def _choose(config: Config, names: Sequence[str], table: SourceTable) -> list[Source]:
    """The sources called `names`: a kind (lists), a source (zotero), or one list by its name."""
    available = {kind: list(make(config)) for kind, make in table.items()}
    if not names:
        return [source for sources in available.values() for source in sources]
    chosen: list[Source] = []
    for name in names:
        single = [
            s for sources in available.values() for s in sources if s.name in (name, f"awesome_list:{name}")
        ]
        found = single or available.get(name, [])
        if not found:
            lists = [source.name.split(":", 1)[-1] for source in available.get("lists", ())]
            raise UsageError(
                f"{name!r} is no source that kb.toml enables",
                fix=f"one of: {', '.join([*available, *lists])}",
            )
        chosen.extend(source for source in found if source not in chosen)
    return chosen


def _known(store: Store, name: str, results: Iterable[SourceResult], allow_removals: bool) -> Known:
    new = [entry for result in results for entry in result.entries]
    old = [row.entry for row in store.rows.values()]
    live = {
        row.entry.entry_id
        for row in store.rows.values()
        if row.entry.source == name and not row.entry.removed
    }
    versions, titles = _wanted_from_arxiv(store, [*old, *new]) if name == "arxiv" else ({}, ())
    return Known(
        cursor=dict(store.cursors.get(name, {})),
        arxiv_versions=versions,
        entry_ids=frozenset(live),
        unresolved_titles=titles,
        allow_removals=allow_removals,
    )


def _wanted_from_arxiv(
    store: Store, entries: Iterable[SourceEntry]
) -> tuple[dict[str, int | None], tuple[str, ...]]:
    """Every arXiv id that anybody named, with the version on record, and the titles that have no identifier."""
    versions: dict[str, int | None] = {}
    for paper in store.library.values():
        if paper.identifiers.arxiv_id:
            versions[paper.identifiers.arxiv_id] = paper.identifiers.arxiv_version
    held = set(versions)
    for entry in entries:
        if not entry.removed and (arxiv_id := entry.identifiers.get("arxiv_id")):
            versions.setdefault(arxiv_id, None)
    rejected = {r.identifiers.get("arxiv_id") for r in store.decisions.rejected} - held
    versions = {arxiv_id: v for arxiv_id, v in sorted(versions.items()) if arxiv_id not in rejected}
    attached = {ref for ref, row in store.rows.items() if row.paper}
    titles = {
        entry.title
        for entry in entries
        if entry.title
        and not entry.identifiers
        and not entry.removed
        and f"{entry.source} {entry.entry_id}" not in attached
    }
    return versions, tuple(sorted(titles))


def _guarded(source: Source, known: Known, progress: Progress) -> SourceResult:
    """Sources put upstream trouble into their result; what escapes all the same is still one source's failure."""
    try:
        return source.fetch(known, progress)
    except KbError as error:
        return SourceResult(source=source.name, status=Status.FAILED, error=error)


def _stop_mass_removal(result: SourceResult, known: Known, share: float) -> SourceResult:
    """A list that suddenly lost much of what it held is more likely broken than edited."""
    if not (result.complete and result.status is Status.OK and known.entry_ids) or known.allow_removals:
        return result
    gone = known.entry_ids - {entry.entry_id for entry in result.entries}
    if len(gone) <= max(3, share * len(known.entry_ids)):
        return result
    error = SafetyStop(
        f"{result.source}: {len(gone)} of {len(known.entry_ids)} entries are gone; nothing was marked removed",
        fix="look at the source; if it is right, run again with --allow-removals",
    )
    return replace(result, status=Status.PARTIAL, complete=False, cursor=None, error=error)


def _settle(store: Store, results: list[SourceResult], *, dry_run: bool) -> SyncReport:
    """Reconcile, report, and write unless it is a dry run."""
    plan = reconcile(store.base(), results)
    report = report_of(store, plan, results)
    if dry_run:
        report.diff, report.dry_run = diff_of(store, plan), True
        return report
    entries = [entry for result in results if result.status is not Status.FAILED for entry in result.entries]
    cursors = {
        r.source: r.cursor
        for r in results
        if r.cursor is not None and r.status is not Status.FAILED and r.source not in plan.held
    }
    keep_abstracts(store.config, entries)
    report.files_changed = write_plan(store, plan, cursors)
    write_log(store.config, "sync", log_of(report, plan))
    return report
