"""Checks of what the program keeps: last-seen entries, decisions, what waits, schemas. Each is a function; see
`kb.pipeline.check`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kb.errors import DataError
from kb.pipeline.found import Found, warn
from kb.pipeline.schemas import FOLDER, schema_texts
from kb.pipeline.store import Store
from kb.reconcile.match import UNLIKE, likeness
from kb.records.candidates import how_to_decide
from kb.records.citations import FILE as CITATIONS_FILE
from kb.records.citations import load_citations
from kb.records.paper_map import FILE as MAP_FILE
from kb.records.paper_map import load_map
from kb.text import normal_title


def conflicts_are_settled(store: Store) -> Iterator[Found]:
    """A field that a person and the sources changed differently waits for a decision."""
    for conflict in store.conflicts:
        fix = f"kb resolve {conflict.paper} {conflict.field} --mine, or --theirs"
        yield warn(str(conflict).split(": ", 1)[1], conflict.paper, *conflict.field.split("."), fix=fix)


def sources_still_name_it(store: Store) -> Iterator[Found]:
    """Every source that named a paper has since removed it."""
    named: dict[str, list[bool]] = defaultdict(list)
    for row in store.rows.values():
        if row.paper and row.entry.source != "arxiv":
            named[row.paper].append(row.entry.removed)
    for key, removed in sorted(named.items()):
        if key in store.library and all(removed):
            yield warn(
                "every source that named it has removed it",
                key,
                fix=f"keep it, or kb reject {key} --reason ...",
            )


def titles_agree_with_arxiv(store: Store) -> Iterator[Found]:
    """The record's title is like the one that arXiv has under the same id: lists contain wrong links."""
    by_id = {paper.identifiers.arxiv_id: paper for paper in store.library.values()}
    for row in store.rows.values():
        paper = store.library.get(row.paper or "") or by_id.get(row.entry.entry_id)
        if paper is None or row.entry.source != "arxiv" or not row.entry.title:
            continue
        if likeness(normal_title(paper.title), normal_title(row.entry.title)) < UNLIKE:
            yield warn(
                f"arXiv calls {row.entry.entry_id} {row.entry.title!r}",
                paper.key,
                "title",
                fix="is the id right?",
            )


def suspicious_pairs_are_decided(store: Store) -> Iterator[Found]:
    """An entry that may or may not be a paper of the survey waits for a person."""
    for candidate in store.candidates:
        if candidate.state.value == "suspicious":
            fix = how_to_decide(candidate)
            message = f"{candidate.id} {candidate.title or candidate.identifiers}: {candidate.reason}"
            yield warn(message, fix=fix, file="papers/_candidates.jsonl")


def decisions_name_records(store: Store) -> Iterator[Found]:
    """A merge leads to a record that exists, and the merged one is gone."""
    into = {merge.gone: merge.into for merge in store.decisions.merged}
    for gone, target in into.items():
        seen = {gone}
        while target in into and target not in seen:
            seen.add(target)
            target = into[target]
        if target not in store.library:
            yield Found(
                f"{gone} was merged into {target}, which is no record",
                fix=f"kb unmerge {gone}, or restore papers/{target}.yaml",
                file="papers/_decisions.yaml",
            )
        if gone in store.library:
            yield Found(
                f"{gone} was merged away and is here again",
                gone,
                fix=f"kb unmerge {gone}, or remove the file",
            )


def rows_name_records(store: Store) -> Iterator[Found]:
    """A source's entry belongs to a record that exists."""
    into = {merge.gone for merge in store.decisions.merged}
    missing = {
        row.paper for row in store.rows.values() if row.paper and row.paper not in store.library
    } - into
    for key in sorted(missing):
        yield warn(
            f"papers/{key}.yaml was deleted by hand",
            file="papers/_sources",
            fix="kb sync, then kb accept or kb reject",
        )


def schemas_are_current(store: Store) -> Iterator[Found]:
    """What stands under schema/ is what the program makes of the models, the taxonomy and the words of results/."""
    folder = store.config.root / FOLDER
    if not folder.is_dir():
        return
    for name, text in schema_texts(store.config, store.taxonomy, store.results.words).items():
        path = folder / f"{name}.json"
        if not path.is_file():
            yield warn("there is no such file", fix="kb schema --write", file=f"{FOLDER}/{path.name}")
        elif path.read_text(encoding="utf-8") != text:
            yield warn(
                "is not what kb makes: it is old, or was edited by hand",
                fix="kb schema --write; what it says comes from kb/records, taxonomy.yaml and results/_*.yaml",
                file=f"{FOLDER}/{path.name}",
            )


def map_is_current(store: Store) -> Iterator[Found]:
    """Every paper has its place on the map, if there is a map, and no place is that of a paper that is gone."""
    try:
        lines = load_map(store.config.papers_dir).lines
    except DataError as error:
        yield Found(error.message, fix=error.fix, file=f"papers/{MAP_FILE}")
        return
    missing, gone = sorted(store.library.keys() - lines.keys()), sorted(lines.keys() - store.library.keys())
    if lines and missing:
        message = f"{len(missing)} papers lie by the words of their titles alone: {', '.join(missing[:3])}"
        more = " ..." if len(missing) > 3 else ""
        yield warn(f"{message}{more}", fix="kb graph update", file=f"papers/{MAP_FILE}")
    if gone:
        yield warn(f"{gone[0]} is no record", fix="kb graph update", file=f"papers/{MAP_FILE}")


def citations_name_records(store: Store) -> Iterator[Found]:
    """Both ends of a citation are records."""
    try:
        cited = load_citations(store.config.papers_dir)
    except DataError as error:
        yield Found(error.message, fix=error.fix, file=f"papers/{CITATIONS_FILE}")
        return
    named = {key for (_, paper), keys in cited.items() for key in (paper, *keys)}
    merged = {each.gone for each in store.decisions.merged}
    for key in sorted(named - store.library.keys() - merged):
        yield warn(f"{key} is no record", fix="kb sync citations", file=f"papers/{CITATIONS_FILE}")
