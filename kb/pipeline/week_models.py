"""What `kb week` says, as data: the shape of `kb week --json`, described by schema/week.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Section = Literal["decide", "stale", "missing"]


class Part(BaseModel):
    """Base of the parts: frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Happened(Part):
    """Something that happened to the survey, once.

    Attributes:
        at: when it was committed, as RFC 3339 in UTC.
        kind: new, gone, published, withdrawn, restored, reviewed, verdict or label.
        paper: the record's key.
        title: what the record is called, or was called.
        claim: the id of the claim whose verdict changed.
        branch: of a label.
        before, after: verdict or standing.
    """

    at: str
    kind: str
    paper: str
    title: str
    claim: str = ""
    branch: str = ""
    before: str = ""
    after: str = ""


class Trouble(Part):
    """A source whose last sync on this machine did not go well.

    Attributes:
        at: when it was asked, as RFC 3339.
        status: failed or partial.
        message: what went wrong.
    """

    source: str
    at: str
    status: str
    message: str


class Task(Part):
    """Something that waits for a person.

    Attributes:
        id: the same as long as it waits.
        section: decide, stale or missing.
        kind: what it is; `kinds` says more.
        title: what it is about.
        why: why it is asked.
        do: the command that settles it, or the file to edit.
        pages: pages of the site that speak of it.
        chance: how likely the answer changes what they say, 0 to 1.
        value: pages that are expected to say something else afterwards.
        minutes: how long it takes a person.
    """

    id: str
    section: Section
    kind: str
    title: str
    why: str
    do: str
    pages: int
    chance: float
    value: float
    minutes: float

    @property
    def per_minute(self) -> float:
        return self.value / self.minutes


class KindRow(Part):
    """A kind of task, and where its minutes come from.

    Attributes:
        title: what it is called.
        count: how many wait.
        minutes: for one; a task that holds several things takes longer.
        minutes_from: "estimate", "kb.toml", or "measured in N answers".
        chance: how the chance is set.
    """

    kind: str
    title: str
    count: int
    minutes: float
    minutes_from: str
    chance: str


class Notice(Part):
    """Something that went stale and that a command mends.

    Attributes:
        kind: source, run or grid.
        name: of the source, the run or the spec.
        why: what is wrong.
        do: the command.
    """

    kind: Literal["source", "run", "grid"]
    name: str
    why: str
    do: str


class Audited(Part):
    """A list that the survey was held against.

    Attributes:
        works: how many works it names.
        present, excluded, pending, unsure, missing: how many of them stand so, as `kb audit` says.
        unseen: how many works neither it nor the survey holds, estimated; null where the two share too little.
    """

    file: str
    works: int
    present: int
    excluded: int
    pending: int
    unsure: int
    missing: int
    unseen: float | None


class Plan(Part):
    """What to do with so many minutes: tasks by value per minute, as long as they fit.

    Attributes:
        minutes: how many there are.
        taken: how many the tasks take.
        value: pages that are expected to say something else afterwards.
        tasks: ids.
    """

    minutes: float
    taken: float
    value: float
    tasks: tuple[str, ...]


class Week(Part):
    """The maintainer's page.

    Attributes:
        since: the day or the reference from which on events are told.
        today: the day of the page.
        history: where events come from: git; a git history that was cut off (shallow); or records, without git.
        history_since: the day at which a shallow history begins.
        happened: what came in, newest first.
        uncommitted: changes of records that are not committed yet, by what they are: new, changed, gone.
        troubles: sources whose last sync did not go well.
        tasks: what waits for a person, most value per minute first.
        notices: what went stale and a command mends.
        audited: lists that the survey was held against.
        kinds: every kind of task.
        open: what waits besides, in numbers; the site's page "What needs work" lists it.
        plan: with `--minutes` only.
    """

    since: str
    today: str
    history: Literal["git", "shallow", "records"]
    history_since: str
    happened: tuple[Happened, ...]
    uncommitted: dict[str, int]
    troubles: tuple[Trouble, ...]
    tasks: tuple[Task, ...]
    notices: tuple[Notice, ...]
    audited: tuple[Audited, ...]
    kinds: tuple[KindRow, ...]
    open: dict[str, int]
    plan: Plan | None = None
