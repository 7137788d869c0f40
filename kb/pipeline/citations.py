"""Who cites whom, as a part of `kb sync` and of `kb import bibtex --cited-by`: asked about the records that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kb.config import Config
from kb.errors import KbError, UsageError
from kb.pipeline.store import open_library
from kb.records.citations import FILE, Cited, followed, load_citations, render_citations
from kb.records.decisions import load_decisions
from kb.records.files import write_atomic
from kb.records.models import Paper
from kb.sources.entry import CITATIONS, Known, Progress, Source, SourceResult, Status

SOURCE = "semantic-scholar"
"""How lines of the file name it."""


def ask_citations(
    config: Config, source: Source, *, dry_run: bool, allow_removals: bool, progress: Progress
) -> tuple[SourceResult, int]:
    """Ask what the records cite, and write it; also how many files changed. The lock is held by the caller.

    A record's line is replaced by a complete answer about it, added to by any other, and left alone by none.

    Raises:
        DataError: the records do not load, or the file that kb made is damaged.
    """
    papers = open_library(config)
    cited = known_citations(config)
    known = Known(
        records={key: paper.identifiers.by_kind() for key, paper in papers.items()},
        cites={key: keys for (name, key), keys in cited.items() if name == SOURCE},
        allow_removals=allow_removals,
        max_removed_share=config.settings.sources.zotero.max_removed_share,
    )
    try:
        result = source.fetch(known, progress)
    except KbError as error:
        result = SourceResult(source=source.name, status=Status.FAILED, error=error)
    if result.status is Status.FAILED:
        return result, 0
    found = renewed(cited, result, papers)
    told = f"{result.summary}; {_difference(cited, found)}" if result.summary else _difference(cited, found)
    return replace(result, summary=told), 0 if dry_run else write_citations(config, found)


def known_citations(config: Config) -> Cited:
    """What the file says, of records as they are merged now.

    Raises:
        DataError: the file is damaged, or papers/_decisions.yaml is.
    """
    merged = {each.gone: each.into for each in load_decisions(config.decisions_path).merged}
    return followed(load_citations(config.papers_dir), merged)


def renewed(cited: Cited, result: SourceResult, papers: Mapping[str, Paper]) -> Cited:
    """What is known to be cited after `result`; between records alone."""
    found = dict(cited)
    for key, answer in result.cites.items():
        before = () if answer.complete else cited.get((SOURCE, key), ())
        found[SOURCE, key] = tuple(sorted({*answer.cites, *before}))
    return between(found, papers)


def between(cited: Mapping[tuple[str, str], Iterable[str]], papers: Mapping[str, Paper]) -> Cited:
    """`cited` without papers that are no records."""
    return {
        (source, key): kept
        for (source, key), keys in cited.items()
        if key in papers and (kept := tuple(other for other in keys if other in papers and other != key))
    }


def add_bibliography(config: Config, key: str, cited_keys: Iterable[str], source: str) -> int:
    """Note that the record `key` cites `cited_keys`: its bibliography was imported. Returns how many files changed.

    Raises:
        UsageError: there is no such record.
    """
    papers = open_library(config)
    if key not in papers:
        raise UsageError(f"--cited-by: {key!r} is no record", fix="kb list WORDS finds its key")
    cited = known_citations(config)
    both = {*cited.get((source, key), ()), *cited_keys}
    return write_citations(config, between({**cited, (source, key): tuple(sorted(both))}, papers))


def write_citations(config: Config, cited: Cited) -> int:
    path = config.papers_dir / FILE
    text = render_citations(cited)
    return int(write_atomic(path, text)) if text or path.exists() else 0


def _difference(before: Cited, now: Cited) -> str:
    old, new = _pairs(before), _pairs(now)
    if old == new:
        return "nothing new"
    return f"{len(new - old)} came, {len(old - new)} went"


def _pairs(cited: Cited) -> set[tuple[str, str, str]]:
    return {(*name, other) for name, keys in cited.items() for other in keys}


def is_of_citations(source: Source) -> bool:
    """Whether a source speaks of citations and of no papers."""
    return source.name == CITATIONS
