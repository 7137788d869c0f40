"""`kb from-issue`: an issue form turned into a change, and an answer to whoever filled it in.

The change is made in the working tree, by the same code that every other change goes through; a workflow makes a pull
request of it, which a person merges. Nothing of the issue's prose gets into the survey.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.config import Config
from kb.errors import DataError, UpstreamError
from kb.export.github import Line, for_github, line_as_markdown, line_as_text, quoted, shortened
from kb.pipeline.issue_event import Issue
from kb.pipeline.issue_forms import Filled, load_forms, read_body
from kb.pipeline.issue_label import corrected
from kb.pipeline.issue_outcome import Kind, Outcome
from kb.pipeline.issue_paper import suggested
from kb.pipeline.issue_result import reported
from kb.records.files import write_all
from kb.sources.entry import Progress, no_progress

_MOST_ERRORS = 12
_EDIT = "To correct something, edit the issue: the answer and the pull request are then brought up to date."


@dataclass(frozen=True)
class Answer:
    """What kb makes of an issue.

    Attributes:
        branch: for the pull request.
        title, body: of the pull request; empty where there is none.
        reply: to the issue; empty where there is nothing to say.
        line: the outcome for a log.
    """

    number: int
    outcome: Kind
    branch: str
    title: str
    body: str
    reply: str
    line: str
    exit_code: int

    def to_data(self) -> dict[str, Any]:
        """Plain data, for programs."""
        return vars(self) | {"outcome": self.outcome.value}


def answer(config: Config, issue: Issue, progress: Progress = no_progress) -> Answer:
    """Make the change that `issue` asks for, and answer it. An issue that cannot be used is answered, too.

    Raises:
        KbError: the knowledge base itself cannot be read or written.
    """
    forms = load_forms(config.root)
    filled: Filled | None = None
    try:
        filled = read_body(issue.body, forms)
        if filled is None or not issue.open:
            why = "is closed" if filled is not None else "is none of the forms that kb answers"
            return _say(issue, Outcome(Kind.NONE, why))
        outcome = _carry_out(config, issue, filled, progress)
    except DataError as error:
        if error.file is not None:  # the knowledge base is wrong, not the issue
            raise
        outcome = _unfit((error, *error.others))
    except UpstreamError as error:
        outcome = _later(error)
    return _say(issue, outcome, filled)


def _carry_out(config: Config, issue: Issue, filled: Filled, progress: Progress) -> Outcome:
    if filled.form.name == "suggest-paper":
        return suggested(config, issue, filled, progress)
    if filled.form.name == "report-result":
        return reported(config, issue, filled)
    return corrected(config, issue, filled)


def _unfit(errors: Iterable[DataError]) -> Outcome:
    all_ = tuple(errors)
    lines = [
        (f"{error.field}: {_told(error)}" if error.field else _told(error),) for error in all_[:_MOST_ERRORS]
    ]
    if len(all_) > _MOST_ERRORS:
        lines.append((f"and {len(all_) - _MOST_ERRORS} more",))
    return Outcome(Kind.UNFIT, "cannot be used yet", tuple(lines))


def _told(error: DataError) -> str:
    return f"{error.message}. To mend it: {error.fix}." if error.fix else f"{error.message}."


def _later(error: UpstreamError) -> Outcome:
    lines = ((str(error),), ("Edit the issue later, or let a maintainer run the workflow again.",))
    return Outcome(Kind.LATER, "a source did not answer", lines)


_GREETINGS = {
    Kind.CHANGE: "Thank you. This became a pull request, which a person looks at:",
    Kind.KNOWN: "Thank you. There is nothing left to do:",
    Kind.EXCLUDED: "Thank you for thinking of it.",
    Kind.WAITS: "Thank you. A person has to look at this:",
    Kind.UNFIT: "Thank you. This cannot be used yet:",
    Kind.LATER: "Thank you. This could not be finished, and it is not your fault:",
}


def _say(issue: Issue, outcome: Outcome, filled: Filled | None = None) -> Answer:
    told = "; ".join(line_as_text(line) for line in outcome.lines) or outcome.title
    changed = outcome.kind is Kind.CHANGE
    return Answer(
        number=issue.number,
        outcome=outcome.kind,
        branch=issue.branch,
        title=outcome.title if changed else "",
        body=_body(issue, outcome.lines, filled) if changed and filled else "",
        reply=_reply(outcome),
        line=f"issue {issue.number}: {outcome.kind.value}: {shortened(told, 500)}",
        exit_code=outcome.exit_code,
    )


def _body(issue: Issue, lines: Iterable[Line], filled: Filled) -> str:
    labels = filled.form.labels
    asked = "\n\n".join(f"{labels[name]}\n{said}" for name, said in filled.answers.items() if said)
    parts = [
        f"Closes #{issue.number}.",
        "\n".join(f"- {line_as_markdown(line)}" for line in lines),
        f"Asked for by {for_github(issue.author)}, in these words:",
        quoted(asked, 4_000),
    ]
    return "\n\n".join(parts) + "\n\n"


def _reply(outcome: Outcome) -> str:
    if outcome.kind is Kind.NONE:
        return ""
    lines = "\n".join(f"- {line_as_markdown(line)}" for line in outcome.lines)
    edit = [_EDIT] if outcome.kind in {Kind.CHANGE, Kind.UNFIT} else []
    return "\n\n".join([_GREETINGS[outcome.kind], lines, *edit]) + "\n"


def write_answer(folder: Path, said: Answer) -> None:
    """The parts of an answer as files, for a workflow: nothing in them passes through a shell."""
    parts = {"title.txt": said.title, "body.md": said.body, "reply.md": said.reply, "branch.txt": said.branch}
    write_all((folder / name, text) for name, text in sorted(parts.items()))
