"""What a decision is worth and what it costs: the one table behind the order of `kb week`.

The **value** of a decision is the number of pages of the site that are expected to say something else afterwards: the pages
that speak of what is decided, times the chance that the decision changes them. A paper stands on its own page, in the list
of its year, and on the page of each branch that it is placed in, or above. Tasks come in the order of value per minute.

**Chances** are what was measured where it was, else an even guess; `KINDS` says which. A label that only the classifier
proposes is wrong as often as its confidence leaves room for (it is calibrated); a paper that is placed in other facets alone
most likely has no place in this one. In benchmarks/classify.json, two lists that
place one paper disagree on 5 % of papers; where list and classifier differ, the list is wrong in about 3 of 10. And a
decision about a label teaches the classifier: while there are few, each sorts about one in a thousand of the papers that it
alone sorts into another, right branch (the triage simulation, from 25 to 115 decisions; later ones teach too little to
count).

**Minutes** are estimates until somebody says better: under [week.minutes] in kb.toml, or, for what `kb triage` asks, by the
median of one's own answers, which are timed if kb.toml says keep_times = true under [triage].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from kb.config import Config
from kb.errors import ConfigError
from kb.pipeline.triage_times import load_times
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy

PAGES_OF_REVIEW = 4
"""Where a finished review shows besides: summary table, start page, the README block, the survey paper."""
PAGES_OF_NEW = 3
"""Of a paper that is no record yet: its page, its year, a branch."""
LISTS_DIFFER, LIST_AGAINST_CLASSIFIER, LIST_ALONE = 0.5, 0.3, 0.05
EVEN, SELDOM = 0.5, 0.2
SILENT = 0.2
"""Of a paper that is placed in other facets and nowhere in this one: most of them have no place there."""
LESSON, LESSONS = 0.0011, 115
"""Share of the papers that the classifier alone sorts, which come right with each of the first decisions; how many."""
MEASURED_FROM = 10
"""Answers that a measured time needs."""


@dataclass(frozen=True)
class Kind:
    """A kind of task.

    Attributes:
        title: for people.
        minutes: for one, by default.
        chance: where the chance comes from.
        asked: what `kb triage` calls such a question, where it asks it.
    """

    title: str
    minutes: float
    chance: str
    asked: str | None = None


KINDS: Mapping[str, Kind] = {
    "conflict": Kind("a person and the sources disagree", 1, "even: either may be right"),
    "suspicious": Kind(
        "the same work as a record, or not", 2, "1: it shows nowhere until decided", "suspicious"
    ),
    "candidate": Kind(
        "take a work in, or keep it out", 1.5, "its relevance, as the classifier sees it", "candidate"
    ),
    "label": Kind("where does a paper belong?", 0.5, "by who says so now (measured)", "paper"),
    "unsure": Kind("a label that the classifier is not sure of", 0.5, "what its confidence leaves", "paper"),
    "flip": Kind("a verdict flipped", 5, "seldom (0.2): most flips follow from good evidence"),
    "draft": Kind("a review that is nearly done, a part", 15, "1: readers see a finished card"),
    "claims": Kind("claims of an older version, a paper", 10, "seldom (0.2): most claims survive a revision"),
    "review": Kind("a review older than a new version", 15, "seldom (0.2): most reviews survive a revision"),
    "missing": Kind("a work that another list names", 2, "half, and more with each list that names it"),
}
"""Every kind of task, with the default of its minutes."""

MORE_CLAIMS = 2.0
"""Minutes for each further claim of a paper, once its new version is read."""


@dataclass(frozen=True)
class Cost:
    """Minutes of a task of each kind, and where they come from."""

    minutes: Mapping[str, float]
    sources: Mapping[str, str]

    def of(self, kind: str) -> float:
        return self.minutes[kind]


def costs(config: Config) -> Cost:
    """What kb.toml says, else what was measured, else the table.

    Raises:
        ConfigError: kb.toml names a kind that there is not.
    """
    said = config.settings.week.minutes
    if unknown := sorted(said.keys() - KINDS.keys()):
        raise ConfigError(
            f"{unknown[0]!r} is no kind of task",
            file=config.root / "kb.toml",
            field="week.minutes",
            fix=f"one of: {', '.join(KINDS)}",
        )
    times = load_times(config)
    minutes: dict[str, float] = {}
    sources: dict[str, str] = {}
    for name, kind in KINDS.items():
        measured: Sequence[float] = times.get(kind.asked or "", ())
        if name in said:
            minutes[name], sources[name] = said[name], "kb.toml"
        elif len(measured) >= MEASURED_FROM:
            minutes[name] = round(median(measured) / 60, 2) or 0.01
            sources[name] = f"measured in {len(measured)} answers"
        else:
            minutes[name], sources[name] = kind.minutes, "estimate"
    return Cost(minutes, sources)


def pages_of(paper: Paper, branches: Sequence[str], taxonomy: Taxonomy) -> int:
    """How many pages name the paper, if it stands in `branches`: its own, its year's, those of branches and of what they
    belong to."""
    above = {up for branch in branches if branch in taxonomy.branches for up in taxonomy.ancestors(branch)}
    return 2 + len(above)
