"""A reported figure becomes a row of results/, doubtful until a person has compared it with its source."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from kb.config import Config
from kb.errors import DataError
from kb.export.github import Code, Line, for_title
from kb.link.adds_up import doubts
from kb.pipeline.issue_event import Issue
from kb.pipeline.issue_forms import Filled
from kb.pipeline.issue_outcome import Kind, Outcome, record
from kb.pipeline.issue_standing import record_of
from kb.pipeline.store import Store, locked, open_store
from kb.records.claims import Metric
from kb.records.files import read_if_there, write_all
from kb.records.problems import in_words
from kb.records.results import Certainty, ReportedResult, Results, ResultSource, SourceKind, Vocabulary
from kb.records.results_files import number, render_rows, spellings_of, unknown_word
from kb.records.results_table import method_of
from kb.records.yaml_read import parse_yaml
from kb.records.yaml_text import render_yaml
from kb.records.yaml_write import edit_yaml

_OWN = 1  # the second option of the form: "I measured it myself"
_NUMBERS = ("weight_bits", "act_bits", "kv_bits", "score", "baseline_score")
_HEADER = "# yaml-language-server: $schema=../schema/sources.json\n"


def reported(config: Config, issue: Issue, filled: Filled) -> Outcome:
    """Add the row that the form tells of.

    Raises:
        DataError: a word, a number or the paper is not known here; carries everything that is wrong.
    """
    with locked(config):
        store = open_store(config)
        own = filled.chosen("origin") == _OWN
        source = _own_source(issue) if own else None
        key = None
        if filled.line("paper") or not own:
            key = record_of(store, filled.line("paper"), field=filled.form.labels["paper"]).key
        if source is not None and key is not None:
            source = source.model_copy(update={"kind": SourceKind.RERUN, "of": key})
        row = _row(filled, source.id if source else key or "", issue, store.results.words)
        there = next((each for each in store.results.rows if each.cell == row.cell), None)
        if there is not None:
            return _there(store, there, row, key)
        if wrong := _cannot_be(store.results, row):
            raise DataError(
                wrong,
                field=filled.form.labels["score"],
                fix="accuracies are in percent; is it the right row?",
            )
        files = {config.results_dir / f"{row.source}.csv": _rows(store.results, row)}
        if source is not None:
            path = config.results_dir / "_sources.yaml"
            files[path] = _sources(read_if_there(path), source, file=str(path))
        write_all(sorted(files.items()))
    lines = (
        (
            f"{row.method} {row.bits} of {row.model} on {row.benchmark}: {row.metric.value} {row.score:g} goes into ",
            Code(f"results/{row.source}.csv"),
            ".",
        ),
        (
            f"It counts as doubtful (certainty {row.certainty.value}) until a person has compared it with its source.",
        ),
    )
    return Outcome(
        Kind.CHANGE,
        f"Result reported in #{issue.number}: {for_title(row.benchmark)} of {for_title(row.model)}",
        lines,
    )


def _own_source(issue: Issue) -> ResultSource:
    """Who reports a figure that stands in no paper: the issue itself."""
    title = f"A user's figure in issue {issue.number}"
    return ResultSource(id=f"issue-{issue.number}", kind=SourceKind.REPORT, title=title, url=issue.url)


def _row(filled: Filled, source: str, issue: Issue, words: Vocabulary) -> ReportedResult:
    labels, spellings = filled.form.labels, spellings_of(words)
    note = f"reported in issue {issue.number}, not yet compared with the source"
    values: dict[str, Any] = {"source": source, "certainty": Certainty.LOW.value, "note": note}
    wrong: list[DataError] = []

    def refuse(name: str, message: str, fix: str | None) -> None:
        wrong.append(DataError(message, field=labels.get(name, name), fix=fix))

    for kind in ("model", "method", "benchmark"):
        said = filled.line(kind)
        found = method_of(said, spellings[kind]) if kind == "method" else (spellings[kind].find(said), None)
        if not said:
            refuse(kind, "is empty", "write it as the survey does")
        elif found is None or found[0] is None:
            message, fix = unknown_word(kind, said[:100], spellings)
            refuse(kind, message, fix.replace("add it to", "a maintainer has to add it to"))
        else:
            values[kind] = found[0]
            values |= {"variant": found[1]} if found[1] else {}
    for name in (*_NUMBERS, "seeds"):
        if said := filled.line(name).removesuffix("%").strip():
            values[name] = number(said, whole=name == "seeds")
            if values[name] is None:
                refuse(name, f"{said[:40]!r} is no number", "write a plain one such as 41.8")
        elif name in filled.form.required:
            refuse(name, "is empty", "write a number such as 41.8")
    values["metric"] = tuple(Metric)[filled.chosen("metric")].value
    values["place"] = filled.line("place") or None
    if values["place"] is None:
        refuse("place", "is empty", "write the table, or the address of code or logs")
    if not wrong:
        try:
            return ReportedResult.model_validate_json(json.dumps(values))
        except ValidationError as error:
            for item in error.errors(include_url=False):
                refuse(str(item["loc"][0]) if item["loc"] else "row", *in_words(item))
    raise DataError.bundle(wrong)


def _there(store: Store, there: ReportedResult, row: ReportedResult, key: str | None) -> Outcome:
    names = ("score", "baseline_score")
    same = all(getattr(row, name) in {None, getattr(there, name)} for name in names)
    said = (
        f"{there.score:g}, baseline {there.baseline_score:g}"
        if there.baseline_score is not None
        else f"{there.score:g}"
    )
    place = f" ({there.place})" if there.place else ""
    file = Code(f"results/{there.source}.csv")
    where: Line = ("On the page of ", record(store, key), ": ") if key is not None else ()
    if same:
        known: Line = (*where, f"this figure is in the survey already: {said}{place}, in ", file, ".")
        return Outcome(Kind.KNOWN, "is here already", (known,))
    other: Line = (
        *where,
        f"the survey has {said}{place} for this, in ",
        file,
        f", and the issue says {row.score:g}.",
    )
    then: Line = ("A person compares both with the source. Nothing is changed until then.",)
    return Outcome(Kind.WAITS, "differs from what is here", (other, then))


def _cannot_be(results: Results, row: ReportedResult) -> str | None:
    """Why the row cannot be, by the checks that every row has to pass."""
    of_source = tuple(each for each in results.rows if each.source == row.source)
    found = doubts(Results((*of_source, row), results.words))
    return next((each.reason for each in found if each.wrong and each.row == row), None)


def _rows(results: Results, row: ReportedResult) -> str:
    return render_rows((*(each for each in results.rows if each.source == row.source), row))


def _sources(text: str, source: ResultSource, *, file: str) -> str:
    """The text of results/_sources.yaml with one source more, or with what is known of it now."""
    new = source.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        return (text or _HEADER) + render_yaml({"sources": [new]})
    data = parse_yaml(text, file=file).data
    rest = [each for each in data.get("sources") or [] if each.get("id") != source.id]
    return edit_yaml(text, {**data, "sources": [*rest, new]}, file=file)
