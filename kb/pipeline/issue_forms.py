"""What somebody filled into an issue form. GitHub turns the answers into Markdown: a heading for each label, the answer below.

Anybody may write anything there, by hand as well. The body is read with a Markdown parser, so that a heading inside a code
block, a comment or a quotation is no heading; and a label that stands twice is refused rather than guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from kb.errors import DataError
from kb.records.files import read_utf8

FOLDER = ".github/ISSUE_TEMPLATE"
FORMS = ("suggest-paper", "report-result", "wrong-label")
MOST = 65_536  # characters of an issue's body, by GitHub's own limit
MOST_IN_FIELD = 10_000
_EMPTY = frozenset({"_No response_", "_no response_"})
_FENCED = re.compile(r"\A(`{3,}|~{3,})[^\n]*\n(.*?)\n?\1[`~]*\s*\Z", re.S)


@dataclass(frozen=True)
class Form:
    """A form by its file's name: the label of each field by its id, in order; the options of those that have some."""

    name: str
    labels: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Filled:
    """An issue's answers by id; empty where nothing was answered."""

    form: Form
    answers: Mapping[str, str]

    def line(self, name: str) -> str:
        """An answer on one line.

        Raises:
            DataError: it has more than one.
        """
        lines = [line.strip() for line in self.answers.get(name, "").split("\n") if line.strip()]
        if len(lines) > 1:
            raise DataError(
                "has more than one line",
                field=self.form.labels[name],
                fix="write one; the rest goes into another issue",
            )
        return lines[0] if lines else ""

    def chosen(self, name: str) -> int:
        """Which of the options was chosen, from 0.

        Raises:
            DataError: none of them.
        """
        options = self.form.options[name]
        if self.line(name) not in options:
            raise DataError(
                "is none of the options", field=self.form.labels[name], fix=f"one of: {'; '.join(options)}"
            )
        return options.index(self.line(name))


def load_forms(root: Path) -> tuple[Form, ...]:
    """The forms of a knowledge base that kb can answer.

    Raises:
        DataError: a form is broken, or there is none.
    """
    paths = [path for name in FORMS if (path := root / FOLDER / f"{name}.yml").is_file()]
    if not paths:
        raise DataError(
            "there are no issue forms here", file=root / FOLDER, fix="restore them from git, or from kb init"
        )
    return tuple(_form(path) for path in paths)


def _form(path: Path) -> Form:
    try:
        data: Any = yaml.safe_load(read_utf8(path))
        fields = [each for each in data["body"] if each["type"] != "markdown"]
        labels = {str(each["id"]): " ".join(str(each["attributes"]["label"]).split()) for each in fields}
        options = {
            str(each["id"]): tuple(map(str, each["attributes"]["options"]))
            for each in fields
            if each["type"] == "dropdown"
        }
        required = frozenset(
            str(each["id"]) for each in fields if (each.get("validations") or {}).get("required")
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"is no issue form: {' '.join(str(error).split())}", file=path, fix="restore it from git"
        ) from None
    if len(set(labels.values())) != len(fields) or len(labels) != len(fields):
        raise DataError("has a label or an id twice", file=path, fix="every field needs its own")
    return Form(path.stem, labels, options, required)


def read_body(body: str, forms: Sequence[Form]) -> Filled | None:
    """The answers in an issue's body; None where it was made from none of the `forms`.

    Raises:
        DataError: the body is too long, or cannot be told apart.
    """
    if len(body) > MOST:
        raise DataError(f"is longer than {MOST:,} characters", field="the issue", fix="shorten it")
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    headings = _headings(text)
    form = max(forms, key=lambda each: _matched(each, headings), default=None)
    if form is None or not _is_of(form, headings):
        return None
    return Filled(form, _answers(form, headings, text.split("\n")))


_BLOCKS = MarkdownIt("commonmark").disable(
    "inline"
)  # what stands in a line does not matter, and could cost much time
_Headings = list[tuple[str, int, int]]
"""Text, first line and line after each heading of the third level that stands by itself."""


def _headings(text: str) -> _Headings:
    tokens = _BLOCKS.parse(text)
    return [
        (" ".join(tokens[index + 1].content.split()), token.map[0], token.map[1])
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h3" and token.level == 0 and token.map
    ]


def _matched(form: Form, headings: _Headings) -> int:
    labels = set(form.labels.values())
    return len({text for text, _, _ in headings if text in labels})


def _is_of(form: Form, headings: _Headings) -> bool:
    """The first question stands in it, which no other form has, or several others."""
    first = next(iter(form.labels.values()))
    return any(text == first for text, _, _ in headings) or _matched(form, headings) > 1


def _answers(form: Form, headings: _Headings, lines: list[str]) -> dict[str, str]:
    ids = {label: name for name, label in form.labels.items()}
    found = [(ids[text], text, begin, end) for text, begin, end in headings if text in ids]
    answers = dict.fromkeys(form.labels, "")
    seen: set[str] = set()
    for index, (name, label, _, end) in enumerate(found):
        if name in seen:
            raise DataError("stands twice as a heading", field=label, fix="take one of them out")
        seen.add(name)
        until = found[index + 1][2] if index + 1 < len(found) else len(lines)
        answers[name] = _answer("\n".join(lines[end:until]), label)
    if lost := [label for name, label in form.labels.items() if name in form.required and name not in seen]:
        fix = "is a code block (```) or a comment (<!--) left open before it?"
        raise DataError("is no heading of the issue", field=lost[0], fix=fix)
    return answers


def _answer(text: str, label: str) -> str:
    text = text.strip()
    if len(text) > MOST_IN_FIELD:
        raise DataError(f"is longer than {MOST_IN_FIELD:,} characters", field=label, fix="shorten it")
    if fenced := _FENCED.match(text):
        text = fenced[2].strip()
    return "" if text in _EMPTY else text
