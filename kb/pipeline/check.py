"""`kb check`: named checks over papers/, results/, taxonomy.yaml and kb.toml. Reads only.

Each check is a function from the knowledge base to findings; adding one is a function in one of the modules check_* and a
line in `CHECKS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from kb.config import Config
from kb.errors import ConfigError, DataError
from kb.link.adds_up import RESULT_CHECKS
from kb.pipeline import check_records, check_sources
from kb.pipeline.found import Check, Finding, Found, Severity, warn
from kb.pipeline.store import Store, open_store
from kb.records.models import Paper
from kb.records.yaml_read import parse_yaml

__all__ = ["CHECKS", "Finding", "Severity", "check", "unusable"]


def _of_results(name: str) -> Check:
    """A check of reported results as one of the knowledge base: every error, and of doubts one for each source."""
    cannot_be, run = RESULT_CHECKS[name]

    def check_rows(store: Store) -> Iterator[Found]:
        doubts: dict[str, list[str]] = defaultdict(list)
        for row, reason in run(store.results):
            if cannot_be:
                file = f"results/{row.source}.csv"
                yield Found(f"{row.ref}: {reason}", fix="correct the row", file=file)
            else:
                doubts[row.source].append(f"{row.ref}: {reason}")
        for source, reasons in doubts.items():
            more = f"; and {len(reasons) - 1} more like it" if len(reasons) > 1 else ""
            fix = f"compare with the source; kb results doubts --source {source} shows them"
            yield warn(f"{reasons[0]}{more}", fix=fix, file=f"results/{source}.csv")

    check_rows.__doc__ = run.__doc__
    return check_rows


CHECKS: dict[str, Check] = {
    "branches-exist": check_records.branches_exist,
    "single-facets": check_records.one_branch_of_single_facets,
    "labels-have-confidence": check_records.classifiers_are_sure,
    "identifiers-unique": check_records.identifiers_are_unique,
    "titles-unique": check_records.titles_are_unique,
    "reviews-signed": check_records.reviews_are_signed,
    "claims-current": check_records.claims_are_current,
    "claim-ids-unique": check_records.claim_ids_are_unique,
    "claim-words": check_records.claims_speak_the_vocabulary,
    "withdrawn": check_records.withdrawals_are_seen,
    "conflicts": check_sources.conflicts_are_settled,
    "removed-at-source": check_sources.sources_still_name_it,
    "arxiv-titles": check_sources.titles_agree_with_arxiv,
    "suspicious": check_sources.suspicious_pairs_are_decided,
    "decisions": check_sources.decisions_name_records,
    "deleted-records": check_sources.rows_name_records,
    "unlabelled": check_records.unlabelled,
    "schemas": check_sources.schemas_are_current,
    "map": check_sources.map_is_current,
    "citations": check_sources.citations_name_records,
    **{name: _of_results(name) for name in RESULT_CHECKS},
}
"""Every check by name, besides `loads`: that every file can be read at all."""


def check(config: Config, names: Iterable[str] = ()) -> list[Finding]:
    """Run the checks called `names`, or all, and return what they found, errors first."""
    try:
        store = open_store(config)
        _ = store.results
    except DataError as error:
        return [_unreadable(each, config) for each in (error, *error.others)]
    wanted = set(names) or set(CHECKS)
    lines = _Lines(store)
    found = [lines.place(name, each) for name, run in CHECKS.items() if name in wanted for each in run(store)]
    return sorted(
        found, key=lambda f: (f.severity is Severity.WARNING, f.file, f.line or 0, f.check, f.message)
    )


def unusable(error: ConfigError) -> list[Finding]:
    """What is wrong with kb.toml, as findings: without it nothing else can be checked."""
    return [
        Finding(
            "loads", Severity.ERROR, each.file or "kb.toml", each.message, each.line, each.field, each.fix
        )
        for each in (error, *error.others)
    ]


def _unreadable(error: DataError, config: Config) -> Finding:
    path = Path(error.file or "papers")
    file = str(path.relative_to(config.root)) if path.is_relative_to(config.root) else str(path)
    return Finding("loads", Severity.ERROR, file, error.message, error.line, error.field, error.fix)


class _Lines:
    """Finds the line of a field; a record's text is parsed only when it has a finding."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def place(self, name: str, found: Found) -> Finding:
        file, line = found.file or "papers", None
        if found.key in self.store.library:
            paper: Paper = self.store.library[found.key or ""]
            file = f"papers/{paper.key}.yaml"
            document = parse_yaml(self.store.text(paper.key), file=file)
            line = document.line_of(found.path)
        field = ".".join(str(part) for part in found.path) or None
        return Finding(name, found.severity, file, found.message, line, field, found.fix)
