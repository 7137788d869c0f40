"""`kb predict`: questions in words and tables, answered from the reported results of a knowledge base."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kb import __version__
from kb.config import Config
from kb.errors import DataError, KbError, UsageError
from kb.link.predict.cases import Case, Evidence, evidence_of, known_baselines
from kb.link.predict.hull import Hull, Outside
from kb.link.predict.kernel import Shape
from kb.link.predict.model import LEVELS, Calibration, Predicted, Predictor, fit
from kb.pipeline.predict_words import Asked, Reader
from kb.pipeline.results import open_results
from kb.pipeline.store import open_library
from kb.records.files import read_utf8, write_atomic
from kb.records.results import Results

_NEAREST = 5
_FORMAT = 3  # of the cache; raise it when the model changes


@dataclass(frozen=True)
class Answer:
    """A prediction, or why there is none.

    Attributes:
        outside: what of the question lies outside the evidence.
        refused: it does, and nobody asked to go beyond; `predicted` is None then.
        nearest: the evidence most like it, and how alike (0 to 1).
        in_evidence: the very figure that was asked for is reported, and the model has learned from it.
        notes: what was assumed.
    """

    case: Case
    predicted: Predicted | None
    outside: tuple[Outside, ...]
    nearest: tuple[tuple[Evidence, float], ...]
    in_evidence: bool
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return self.predicted is None

    def to_data(self) -> dict[str, Any]:
        """Plain data, for programs. Figures are rounded to hundredths; drop is score minus baseline."""
        case, found = self.case, self.predicted
        intervals = {
            f"interval_{level}": None
            if found is None
            else [round(found.intervals[level].low, 2), round(found.intervals[level].high, 2)]
            for level in LEVELS
        }
        return {
            "model": case.model or None,
            "setting": case.setting,
            "benchmark": case.benchmark,
            "baseline": case.baseline,
            "predicted": None if found is None else round(found.score, 2),
            "drop": None if found is None else round(found.score - case.baseline, 2),
            **intervals,
            "refused": self.refused,
            "extrapolates": [vars(each) for each in self.outside],
            "in_evidence": self.in_evidence,
            "notes": list(self.notes),
            "nearest": [
                {
                    "ref": one.ref,
                    "source": one.case.source,
                    "model": one.case.model,
                    "setting": one.case.setting,
                    "benchmark": one.case.benchmark,
                    "baseline": one.case.baseline,
                    "score": one.score,
                    "drop": round(one.drop, 2),
                    "alike": round(alike, 2),
                }
                for one, alike in self.nearest
            ],
        }


@dataclass(frozen=True)
class Oracle:
    """The model of a knowledge base, and the words in which it is asked."""

    results: Results
    predictor: Predictor
    papers: Mapping[str, str]

    @cached_property
    def hull(self) -> Hull:
        return Hull(self.predictor.evidence)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.results.words, self.papers, known_baselines(self.results.rows))

    @cached_property
    def _cells(self) -> frozenset[tuple[str, str]]:
        return frozenset((one.case.configuration, one.case.benchmark) for one in self.predictor.evidence)

    def answer(self, asked: Sequence[Asked], *, extrapolate: bool) -> list[Answer]:
        """Answer each question; without `extrapolate`, what lies outside the evidence is refused."""
        outside = [(*one.outside, *self._beyond(one)) for one in asked]
        cases = [one.case for one in asked]
        predicted = self.predictor.predict(cases, [bool(each) for each in outside])
        return [
            Answer(
                case=one.case,
                predicted=found if extrapolate or not beyond else None,
                outside=beyond,
                nearest=tuple(self.predictor.nearest(one.case, _NEAREST)) if one.case.quantized else (),
                in_evidence=(one.case.configuration, one.case.benchmark) in self._cells,
                notes=one.notes,
            )
            for one, found, beyond in zip(asked, predicted, outside, strict=True)
        ]

    def _beyond(self, asked: Asked) -> list[Outside]:
        said = {each.input for each in asked.outside}
        return [each for each in self.hull.outside(asked.case) if each.input not in said]


def open_oracle(config: Config) -> Oracle:
    """Fit the model to the committed results; what takes seconds is cached by their content.

    Raises:
        DataError: something under results/ is wrong, or too little is reported.
        UsageError: scikit-learn is not installed.
    """
    library = open_library(config)
    results = open_results(config, library)
    papers = {p.identifiers.arxiv_id: key for key, p in library.items() if p.identifiers.arxiv_id}
    return Oracle(results, _fit(config, evidence_of(results)), papers)


def _fit(config: Config, evidence: tuple[Evidence, ...]) -> Predictor:
    text = json.dumps([[asdict(one.case), one.score] for one in evidence], sort_keys=True)
    key = hashlib.sha256(f"{_FORMAT} {__version__} {text}".encode()).hexdigest()
    path = config.state_dir / "cache" / "predict.json"
    found = _cached(path, key)
    predictor = fit(evidence, found)
    if found is None:
        data = {"key": key, **asdict(predictor.calibration)}
        with suppress(KbError):  # a cache that cannot be written only costs time
            write_atomic(path, json.dumps(data) + "\n")
    return predictor


def _cached(path: Path, key: str) -> Calibration | None:
    try:
        data = json.loads(read_utf8(path))
        if data["key"] != key:
            return None
        return Calibration(Shape(**data["shape"]), tuple(data["inside"]), tuple(data["outside"]))
    except (KbError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class RowAnswer:
    """What became of one row of a table: an answer, or one line about what is wrong with it."""

    index: int
    line: int
    answer: Answer | None
    problem: str | None
    score: float | None

    def to_data(self) -> dict[str, Any]:
        head = {"index": self.index, "line": self.line}
        if self.answer is None:
            return {**head, "predicted": None, "error": self.problem}
        return {**head, **self.answer.to_data()}


def predict_rows(oracle: Oracle, text: str, *, file: str) -> Iterator[RowAnswer]:
    """An answer for each row of a table, in its order; a row that cannot be answered costs only itself.

    A row's own score is never used for its prediction.

    Raises:
        DataError: the table has no header, or lacks a column that every row needs.
    """
    rows = list(oracle.reader.rows(text, file))
    good = [row.asked for row in rows if row.asked is not None]
    answers = iter(oracle.answer(good, extrapolate=True))
    for index, row in enumerate(rows):
        answer = None if row.asked is None else next(answers)
        yield RowAnswer(index, row.line, answer, row.problem, row.score)


def ask(
    oracle: Oracle,
    *,
    model: str | None,
    size: float | None,
    origin: str | None,
    method: str,
    bits: tuple[float, float, float],
    benchmark: str,
    baseline: float | None,
    source: str | None = None,
    extrapolate: bool = False,
) -> Answer:
    """Answer one question.

    Raises:
        UsageError: it cannot be understood; names the option and the fix.
    """
    try:
        asked = oracle.reader.question(
            model=model,
            size=size,
            origin=origin,
            method=method,
            bits=bits,
            benchmark=benchmark,
            baseline=baseline,
            source=source,
        )
    except DataError as error:
        raise UsageError(
            f"--{(error.field or '').replace('_', '-')}: {error.message}", fix=error.fix
        ) from None
    return oracle.answer([asked], extrapolate=extrapolate)[0]
