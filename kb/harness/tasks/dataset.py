"""Questions that other people wrote: a file of them, or a data set of the Hugging Face hub by name.

    {name: dataset, preset: gsm8k}                          from the hub (needs the extra "eval-data")
    {name: dataset, preset: gsm8k, path: gsm8k.jsonl}       the same fields, from a copy on this machine
    {name: dataset, path: mine.jsonl, answer_kind: number}  fields "question" and "answer"

Nothing is shipped: the data sets have their own licences, and GPQA asks not to be shown in plain text. Calibration
takes a file of its own (`calibration_path`) or the data set's own training split, never rows that evaluate.

Code is not run. An answer that is a program (LiveCodeBench) is kept and *unscored*: judging it means executing what a
model wrote, which needs a sandbox that this harness does not have.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from kb.errors import DataError, UsageError
from kb.harness.tasks.answers import LOOKED_AT, AnswerKind, after_thinking, judge
from kb.harness.tasks.rows import Row, rows_of_file, rows_of_hub
from kb.harness.types import Frozen, Sample, Score, Split, same_question, split_of

ASK_MATH = r"Please reason step by step, and put your final answer within \boxed{}."
ASK_CHOICE = (
    'Please reason step by step, and end with "Answer: X", where X is the letter of the right option.'
)
ASK_CODE = "Write a Python program that solves it. Put the whole program into one ```python block."


@dataclass(frozen=True)
class Preset:
    """Where a data set is and how its rows read.

    Attributes:
        repo, config, split: on the hub. train_split: its rows for calibration; None if it has none.
        question, answer: fields. choices: fields of the wrong options; `answer` is then the right option's text.
        group: field that results are broken down by. solution: field with a worked solution.
        kind: how answers are compared; "code" is never scored.
        ask: what is put after the question.
        note: what a user must know.
    """

    repo: str
    split: str
    answer: str
    kind: AnswerKind | Literal["code"]
    ask: str
    config: str | None = None
    train_split: str | None = None
    question: str = "question"
    choices: tuple[str, ...] = ()
    group: str | None = None
    solution: str | None = None
    note: str = ""


PRESETS: dict[str, Preset] = {
    "gsm8k": Preset(
        "openai/gsm8k", "test", "answer", "number", ASK_MATH, config="main", train_split="train", solution="answer"
    ),
    "math-500": Preset(
        "HuggingFaceH4/MATH-500", "test", "answer", "math", ASK_MATH,
        question="problem", group="subject", solution="solution",
    ),
    "aime24": Preset("HuggingFaceH4/aime_2024", "train", "answer", "math", ASK_MATH, question="problem"),
    "aime25": Preset("yentinglin/aime_2025", "train", "answer", "math", ASK_MATH, question="problem"),
    "gpqa-diamond": Preset(
        "Idavidrein/gpqa", "train", "Correct Answer", "choice", ASK_CHOICE, config="gpqa_diamond",
        question="Question", choices=("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
        group="High-level domain", note="gated: accept its terms on the hub and log in there",
    ),
    "livecodebench": Preset(
        "livecodebench/code_generation_lite", "test", "question_id", "code", ASK_CODE,
        question="question_content", group="difficulty",
        note="unscored (programs are not run); the hub's copy is a script: give path, a JSONL file of it",
    ),
}  # fmt: skip


class DatasetTask(Frozen):
    """Questions from a file (JSONL, JSON, CSV, Parquet, a saved data set) or a hub data set by name.

    Attributes:
        preset: one of PRESETS; what is given besides it wins over it.
        path: a file or folder on this machine, instead of the hub.
        calibration_path: the same, for calibration and training.
        revision: of the hub's repository: a commit, so that the questions stay the same.
        question, answer, choices, group, solution, answer_kind, ask: as in `Preset`.
    """

    name: ClassVar[str] = "dataset"

    preset: str | None = None
    path: str | None = None
    calibration_path: str | None = None
    revision: str | None = None
    question: str | None = Field(None, min_length=1)
    answer: str | None = Field(None, min_length=1)
    choices: tuple[str, ...] | None = None
    group: str | None = None
    solution: str | None = None
    answer_kind: Literal["math", "number", "choice", "exact", "code"] | None = None
    ask: str | None = None

    @field_validator("preset")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in PRESETS:
            raise ValueError(f"{value!r} is none of: {', '.join(PRESETS)}")
        return value

    @model_validator(mode="after")
    def _from_somewhere(self) -> DatasetTask:
        if self.preset is None and self.path is None:
            raise ValueError(f"give a path, or a preset: {', '.join(PRESETS)}")
        return self

    @cached_property
    def reads(self) -> Preset:
        """How rows are read: the preset with what was given besides it."""
        base = PRESETS[self.preset] if self.preset else Preset("", "", "answer", "exact", "")
        given = {
            "question": self.question,
            "answer": self.answer,
            "choices": self.choices,
            "group": self.group,
            "solution": self.solution,
            "kind": self.answer_kind or ("choice" if self.choices else None),
            "ask": self.ask,
        }
        kept = {name: value for name, value in given.items() if value is not None}
        if "kind" in kept and self.ask is None and not self.preset:
            kept["ask"] = {"math": ASK_MATH, "number": ASK_MATH, "choice": ASK_CHOICE, "code": ASK_CODE}.get(
                str(kept["kind"]), ""
            )
        return Preset(**{**base.__dict__, **kept})

    @cached_property
    def version(self) -> str:
        """Names the questions: a hash of all rows that can evaluate. Reads them."""
        digest = hashlib.sha256()
        for row in self._evaluation:
            digest.update(repr(sorted((str(key), str(value)) for key, value in row.data.items())).encode())
        return f"1 {self.preset or Path(self.path or '').name} {digest.hexdigest()[:16]}"

    @cached_property
    def _evaluation(self) -> list[Row]:
        if self.path is not None:
            return rows_of_file(Path(self.path))
        reads = self.reads
        return rows_of_hub(reads.repo, reads.config, reads.split, self.revision, reads.note)

    @cached_property
    def _other(self) -> list[Row]:
        """Rows for calibration and training."""
        if self.calibration_path is not None:
            return rows_of_file(Path(self.calibration_path))
        reads = self.reads
        if self.path is None and reads.train_split is not None:
            return rows_of_hub(reads.repo, reads.config, reads.train_split, self.revision, reads.note)
        raise UsageError(
            "there are no rows for calibration: those that evaluate never serve it",
            field="task dataset: calibration_path",
            fix="name a file with other rows",
        )

    def samples(self, n: int, seed: int, split: Split = Split.EVAL) -> list[Sample]:
        """See `kb.harness.types.Task`. The seed decides which rows, in which order, and the order of their options.

        Rows of `calibration_path` or the training split that also evaluate are left out; a fifth of the others
        calibrates, the rest trains.

        Raises:
            UsageError: more samples than there are rows, or no rows for this split.
            DataError: a row without one of its fields.
            UpstreamError: the hub does not give the data set.
        """
        rows = list(self._evaluation if split is Split.EVAL else self._other)
        if split is not Split.EVAL:
            used = {same_question(self._said(row, self.reads.question)) for row in self._evaluation}
            rows = [
                row
                for row in rows
                if self._use(row) is split and same_question(self._said(row, self.reads.question)) not in used
            ]
        if n > len(rows):
            raise UsageError(
                f"there are {len(rows)} rows for {split.value}, not {n}",
                field="n",
                fix=f"at most {len(rows)}",
            )
        random.Random(f"dataset/{seed}").shuffle(rows)  # noqa: S311 - not a secret
        return [self._sample(row, seed) for row in rows[:n]]

    def _use(self, row: Row) -> Split:
        kept = split_of(self._said(row, self.reads.question))
        return Split.TRAIN if kept is Split.TRAIN else Split.CALIBRATION

    def _said(self, row: Row, name: str) -> str:
        """A field's text.

        Raises:
            DataError: the row has no such field, or it is empty or no text, number or truth value.
        """
        value = row.data.get(name)
        if isinstance(value, (str, int, float)) and str(value).strip():
            return str(value).strip()
        known = ", ".join(str(key) for key in row.data)
        raise DataError(
            "is missing" if name not in row.data else "is empty or no text",
            file=row.file, line=row.line, field=name, fix=f"the row's fields are: {known}",
        )  # fmt: skip

    def _sample(self, row: Row, seed: int) -> Sample:
        reads = self.reads
        question, gold = self._said(row, reads.question), self._said(row, reads.answer)
        asked = question
        solution = (
            self._said(row, reads.solution) if reads.solution and row.data.get(reads.solution) else None
        )
        if "####" in gold:  # GSM8K: the solution, then the answer after ####
            gold = gold.rpartition("####")[2].strip()
        if solution is not None:
            solution = re.sub(r"<<[^<>]*>>", "", solution)  # GSM8K's notes to a calculator
        if reads.choices:
            options = [gold, *(self._said(row, name) for name in reads.choices)]
            order = list(range(len(options)))
            random.Random(f"options/{seed}/{question}").shuffle(order)  # noqa: S311
            listed = [f"{letter}) {options[at]}" for letter, at in zip(ascii_uppercase, order, strict=False)]
            # Stems such as "Which of these is true?" are many questions: the options belong to it, in no order.
            asked = "\n".join([question, *sorted(options)])
            question = "\n".join([question, "", *listed])
            gold = ascii_uppercase[order.index(0)]
        return Sample(
            id=f"{seed}-{row.index}",
            prompt="\n\n".join(part for part in (question, reads.ask) if part),
            answer=gold,
            group=str(row.data.get(reads.group) or "") if reads.group else "",
            solution=solution,
            question=asked,
        )

    def score(self, sample: Sample, output: str) -> Score:
        """See `kb.harness.tasks.answers.judge`. Programs are not run: they are unscored."""
        kind = self.reads.kind
        if kind == "code":
            return Score(
                None, _program(output), "unscored: judging a program means running it, which needs a sandbox"
            )
        return judge(output, sample.answer, kind)


def _program(output: str) -> str | None:
    """The last fenced block of an output."""
    text = (after_thinking(output) or "")[-LOOKED_AT:]
    parts = text.split("```")
    block = parts[-2 if len(parts) % 2 else -1] if len(parts) > 1 else None
    return block.partition("\n")[2].strip() or None if block is not None else None


def preset_rows() -> list[Mapping[str, str]]:
    """PRESETS for a reader."""
    return [
        {
            "preset": name,
            "repo": preset.repo,
            "split": preset.split,
            "answers": preset.kind,
            "note": preset.note,
        }
        for name, preset in PRESETS.items()
    ]
