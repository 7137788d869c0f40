"""Checks of what people write: records with their labels, reviews and claims. Each is a function; see `kb.pipeline.check`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kb.pipeline.found import Found, warn
from kb.pipeline.store import Store
from kb.records.models import AssignmentState, ReviewState, Witness
from kb.records.results_words import suggest
from kb.records.taxonomy import Taxonomy
from kb.text import normal_title


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
            yield warn(f"{old} is a branch, and redirected", fix="remove the redirect", file="taxonomy.yaml")
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
                yield warn(f"the same title as {keys[0]}", key, "title", fix=fix)


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
                yield warn(message, key, "claims", index, fix=fix)


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
            yield warn(f"withdrawn{why}", key, "publication_state")


def unlabelled(store: Store) -> Iterator[Found]:
    """No source says where the paper belongs."""
    for key, paper in store.library.items():
        if not paper.labels:
            yield warn(
                "no branch of the taxonomy",
                key,
                "labels",
                fix="add a label: branch, by: person, source: your name",
            )
