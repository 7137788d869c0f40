"""A classifier after branches were renamed, moved or merged: what it learned of the old ones counts for the new."""

from __future__ import annotations

from dataclasses import replace

from kb.classify.data import Example
from kb.classify.model import Classifier
from kb.classify.training import fitted_again
from kb.records.taxonomy import Taxonomy


def moved(classifier: Classifier, taxonomy: Taxonomy) -> Classifier:
    """The classifier in the words of `taxonomy`, fitted again if its redirects concern any labelled paper; else itself.

    Nothing of the original data is needed, and the weights on disk stay as they are.
    """
    items = [_moved(item, taxonomy) for item in classifier.items]
    if items == list(classifier.items):
        return classifier
    # A cue's column keeps its place: only the name of its branch is another one.
    names = tuple(taxonomy.final_branch(branch) or branch for branch in classifier.cues.branches)
    cues = classifier.cues.renamed(names)
    return fitted_again(classifier, replace(classifier.table, branches=names), items, cues)


def _moved(item: Example, taxonomy: Taxonomy) -> Example:
    """`item` under the branches of today; a branch that nothing leads to keeps its name."""

    def now(branch: str) -> str:
        return taxonomy.final_branch(branch) or branch

    branches = tuple(dict.fromkeys(map(now, item.branches)))
    # A branch that has come under another direction takes its papers along.
    direction = next((branch for branch in branches if branch not in item.branches), item.direction)
    return replace(
        item,
        branches=tuple(branch for branch in branches if "/" in branch),
        direction=now(direction).split("/", 1)[0] if direction else None,
        stage=now(item.stage).split("/", 1)[0] if item.stage else None,
        scope=now(item.scope) if item.scope else None,
    )
