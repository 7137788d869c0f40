"""`kb check`: named checks over papers/, results/, taxonomy.yaml and kb.toml. Reads only.

Each check is a function from the knowledge base to findings; adding one is a function and a line in `CHECKS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kb.config import Config
from kb.errors import ConfigError, DataError
from kb.link.adds_up import RESULT_CHECKS
from kb.pipeline.schemas import FOLDER, schema_texts
from kb.pipeline.store import Store, open_store
from kb.reconcile.match import UNLIKE, likeness
from kb.records.candidates import how_to_decide
from kb.records.models import AssignmentState, Paper, ReviewState, Witness
from kb.records.results_words import suggest
from kb.records.taxonomy import Taxonomy
from kb.records.yaml_read import parse_yaml
from kb.text import normal_title


class Severity(StrEnum):
    ERROR = "error"  # kb check fails
    WARNING = "warning"  # a person should look


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, with the way to mend it."""

    check: str
    severity: Severity
    file: str
    message: str
    line: int | None = None
    field: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        name = f" {self.field}:" if self.field else ""
        fix = f" (fix: {self.fix})" if self.fix else ""
        return f"{place}:{name} {self.message}{fix}"


Check = Callable[[Store], Iterable["Found"]]


@dataclass(frozen=True)
class Found:
    """A finding before its file and line are looked up."""

    message: str
    key: str | None = None  # of a record; None for the knowledge base as a whole
    path: tuple[str | int, ...] = ()
    fix: str | None = None
    severity: Severity = Severity.ERROR
    file: str | None = None


def _warn(
    message: str, key: str | None = None, *path: str | int, fix: str | None = None, file: str | None = None
) -> Found:
    return Found(message, key, path, fix, Severity.WARNING, file)


def branches_exist(store: Store) -> Iterator[Found]:
    """Every label names a branch of taxonomy.yaml, and every redirect there leads to one."""
    known = store.taxonomy.branches
    for key, paper in store.library.items():
        for index, label in enumerate(paper.labels):
            if label.branch not in known:
                yield Found(
                    f"no branch {label.branch}",
                    key,
                    ("labels", index, "branch"),
                    _right_branch(label.branch, store.taxonomy),
                )
    for old in store.taxonomy.redirects:
        if old in known:
            yield _warn(f"{old} is a branch, and redirected", fix="remove the redirect", file="taxonomy.yaml")
        elif store.taxonomy.final_branch(old) is None:
            yield Found(f"the redirect of {old} leads to no branch", fix="correct it", file="taxonomy.yaml")


def _right_branch(name: str, taxonomy: Taxonomy) -> str:
    """What to do about a label that names no branch."""
    if now := taxonomy.final_branch(name):
        return f"it is {now} now: kb taxonomy migrate"
    near = [each for each in taxonomy.branches if each.rsplit("/", 1)[-1] == name.rsplit("/", 1)[-1]]
    return f"did you mean {near[0]}?" if near else "add the branch to taxonomy.yaml, or change the label"


def one_branch_of_single_facets(store: Store) -> Iterator[Found]:
    """A facet that sorts papers into one place has at most one confirmed branch a paper."""
    for key, paper in store.library.items():
        for facet in store.taxonomy.facets:
            confirmed = {
                label.branch
                for label in paper.labels
                if label.state is AssignmentState.CONFIRMED
                and store.taxonomy.facet_of(label.branch) == facet.id
            }
            if facet.single and len(confirmed) > 1:
                yield Found(
                    f"{len(confirmed)} confirmed branches of {facet.id}, which allows one",
                    key,
                    ("labels",),
                    "reject all but one: state: rejected",
                )


def classifiers_are_sure(store: Store) -> Iterator[Found]:
    """A classifier's label says how sure it is."""
    for key, paper in store.library.items():
        for index, label in enumerate(paper.labels):
            if label.by is Witness.CLASSIFIER and label.confidence is None:
                yield Found(
                    "a classifier's label without confidence", key, ("labels", index), "add confidence"
                )


def identifiers_are_unique(store: Store) -> Iterator[Found]:
    """No two records carry the same identifier."""
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, paper in store.library.items():
        for pair in paper.identifiers.by_kind().items():
            holders[pair].append(key)
    for (kind, value), keys in sorted(holders.items()):
        for key in keys[1:]:
            fix = f"kb same {keys[0]} {key}, or correct one of them"
            yield Found(f"{kind} {value} stands in {keys[0]} too", key, ("identifiers", kind), fix)


def titles_are_unique(store: Store) -> Iterator[Found]:
    """No two records have the same title, unless a person said that they differ."""
    holders: dict[str, list[str]] = defaultdict(list)
    for key, paper in store.library.items():
        holders[normal_title(paper.title)].append(key)
    for keys in holders.values():
        for key in keys[1:]:
            if not any(pair.joins(keys[0], key) for pair in store.decisions.different):
                fix = f"kb same {keys[0]} {key}, or kb different {keys[0]} {key}"
                yield _warn(f"the same title as {keys[0]}", key, "title", fix=fix)


def reviews_are_signed(store: Store) -> Iterator[Found]:
    """A finished review has a reviewer, a date and its four parts."""
    for key, paper in store.library.items():
        review = paper.review
        if review is None or review.state is not ReviewState.DONE:
            continue
        lacking = [
            n
            for n in ("problem", "approach", "insight", "critique", "reviewer", "date")
            if not getattr(review, n)
        ]
        if lacking:
            yield Found(
                f"done, but without {', '.join(lacking)}", key, ("review",), "add it, or make the state draft"
            )


def claims_are_current(store: Store) -> Iterator[Found]:
    """A claim that is pinned to an older version of its paper wants another look."""
    for key, paper in store.library.items():
        latest = paper.identifiers.arxiv_version
        for index, claim in enumerate(paper.claims):
            if latest and claim.arxiv_version and claim.arxiv_version < latest:
                fix = f"read version {latest}, then set arxiv_version: {latest}"
                message = f"the claim {claim.id} is pinned to version {claim.arxiv_version}; version {latest} is out"
                yield _warn(message, key, "claims", index, fix=fix)


def claim_ids_are_unique(store: Store) -> Iterator[Found]:
    """Within a record, every claim has an id of its own."""
    for key, paper in store.library.items():
        seen: set[str] = set()
        for index, claim in enumerate(paper.claims):
            if claim.id in seen:
                yield Found(
                    f"the claim id {claim.id} is used twice", key, ("claims", index, "id"), "rename one"
                )
            seen.add(claim.id)


def claims_speak_the_vocabulary(store: Store) -> Iterator[Found]:
    """A claim names models, benchmarks and methods as results/ does: a misspelt one would never find evidence."""
    if not any(paper.claims for paper in store.library.values()):
        return
    words = store.results.words
    families = {method.family for method in words.methods.values()}
    known: dict[str, set[str]] = {
        "model": set(words.models),
        "benchmark": set(words.benchmarks),
        "method": {*words.methods, *families},
    }
    for key, paper in store.library.items():
        for index, claim in enumerate(paper.claims):
            for part in ("variant", "baseline", "conditions", "contrast"):
                told = getattr(claim, part)
                for name, names in known.items():
                    for word in getattr(told, name, ()):
                        if word not in names:
                            fix = suggest(word, names, f"add it to results/_{name}s.yaml")
                            path = ("claims", index, part, name)
                            yield Found(
                                f"the claim {claim.id} names an unknown {name}: {word}", key, path, fix
                            )


def withdrawals_are_seen(store: Store) -> Iterator[Found]:
    """A withdrawn paper that the survey still reviews."""
    for key, paper in store.library.items():
        if paper.publication_state == "withdrawn":
            why = f": {paper.withdrawn_reason}" if paper.withdrawn_reason else ""
            yield _warn(f"withdrawn{why}", key, "publication_state")


def conflicts_are_settled(store: Store) -> Iterator[Found]:
    """A field that a person and the sources changed differently waits for a decision."""
    for conflict in store.conflicts:
        fix = f"kb resolve {conflict.paper} {conflict.field} --mine, or --theirs"
        yield _warn(str(conflict).split(": ", 1)[1], conflict.paper, *conflict.field.split("."), fix=fix)


def sources_still_name_it(store: Store) -> Iterator[Found]:
    """Every source that named a paper has since removed it."""
    named: dict[str, list[bool]] = defaultdict(list)
    for row in store.rows.values():
        if row.paper and row.entry.source != "arxiv":
            named[row.paper].append(row.entry.removed)
    for key, removed in sorted(named.items()):
        if key in store.library and all(removed):
            yield _warn(
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
            yield _warn(
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
            yield _warn(message, fix=fix, file="papers/_candidates.jsonl")


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
        yield _warn(
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
            yield _warn("there is no such file", fix="kb schema --write", file=f"{FOLDER}/{path.name}")
        elif path.read_text(encoding="utf-8") != text:
            yield _warn(
                "is not what kb makes: it is old, or was edited by hand",
                fix="kb schema --write; what it says comes from kb/records, taxonomy.yaml and results/_*.yaml",
                file=f"{FOLDER}/{path.name}",
            )


def unlabelled(store: Store) -> Iterator[Found]:
    """No source says where the paper belongs."""
    for key, paper in store.library.items():
        if not paper.labels:
            yield _warn(
                "no branch of the taxonomy",
                key,
                "labels",
                fix="add a label: branch, by: person, source: your name",
            )


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
            yield _warn(f"{reasons[0]}{more}", fix=fix, file=f"results/{source}.csv")

    check_rows.__doc__ = run.__doc__
    return check_rows


CHECKS: dict[str, Check] = {
    "branches-exist": branches_exist,
    "single-facets": one_branch_of_single_facets,
    "labels-have-confidence": classifiers_are_sure,
    "identifiers-unique": identifiers_are_unique,
    "titles-unique": titles_are_unique,
    "reviews-signed": reviews_are_signed,
    "claims-current": claims_are_current,
    "claim-ids-unique": claim_ids_are_unique,
    "claim-words": claims_speak_the_vocabulary,
    "withdrawn": withdrawals_are_seen,
    "conflicts": conflicts_are_settled,
    "removed-at-source": sources_still_name_it,
    "arxiv-titles": titles_agree_with_arxiv,
    "suspicious": suspicious_pairs_are_decided,
    "decisions": decisions_name_records,
    "deleted-records": rows_name_records,
    "unlabelled": unlabelled,
    "schemas": schemas_are_current,
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
