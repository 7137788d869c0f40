"""A spectrum of reasoning kinds: seven families of `reasoning-gym`'s generated puzzles.

Does quantization hurt logic as it hurts arithmetic? Each family is a fixed list of data sets with fixed
configurations, and a sample's group is its family. Families take turns, and in each its data sets take turns.

The data set's own verifier judges. Only its full score counts as right (its partial credits mean something else in
each data set: nearness of a number, a valid path that is too long); `why` names the rest.

Chance alone is right in 1/2 of `syllogism` and `course_schedule` and in 1/3 of `acre`: compare with full precision,
never with nought.

Left out on purpose: `polynomial_multiplication`, `knight_swap` (their puzzles change with Python's hash seed),
`propositional_logic`, `graph_color` (no gold answer that their own verifier accepts), `tower_of_hanoi` (fewer than a
hundred puzzles), and those that take seconds a puzzle. Some verifiers hand an answer to `eval` or to SymPy's parser,
which evaluates it: an answer reaches a verifier only in the form that its data set asks for.

Source: Stojanovski et al., "Reasoning Gym", arXiv 2505.24760.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from pydantic import Field, field_validator

from kb.errors import UsageError
from kb.harness.tasks.answers import after_thinking, boxed, tagged
from kb.harness.types import Frozen, Sample, Score, Split, split_of

ASK = "Think step by step. Then give the final answer alone, between <answer> and </answer>."
CHUNK = 500
"""Puzzles that the library makes under one of its seeds. Fixed: in some data sets a puzzle depends on the size."""
MISSES = 3 * CHUNK
"""Puzzles in a row without a new one for the split, after which a data set has run out."""
LONGEST = 4_000
"""Characters of an answer that a verifier is given."""


@dataclass(frozen=True)
class Kind:
    """One data set.

    Attributes:
        easy, usual: its options at difficulty 1 and 2; {} is the library's own.
        form: what an answer must look like to reach the verifier; None lets every text pass.
    """

    easy: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    form: str | None = None

    def options(self, difficulty: int) -> dict[str, Any]:
        return dict(self.easy if difficulty == 1 else self.usual)


# Times of the day are made from today's date, and those with zones are ambiguous: neither is asked.
_TIMES = ["time", "time_seconds", "date", "datetime"]
_NUMBERS = r"[-+\d.,\s\"]*"

FAMILIES: dict[str, dict[str, Kind]] = {
    "arithmetic": {
        "basic_arithmetic": Kind({"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 2}),
        "chain_sum": Kind({"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 2}),
        "products": Kind({"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2}),
        "gcd": Kind({"max_value": 100}),
        "leg_counting": Kind({"min_animals": 2, "max_animals": 4, "max_instances": 6}),
    },
    "algebra": {
        "simple_equations": Kind({"min_terms": 2, "max_terms": 2, "max_value": 20}),
        "polynomial_equations": Kind(
            {"max_terms": 2, "max_value": 20, "max_degree": 2}, {"max_terms": 3, "max_degree": 2}, _NUMBERS
        ),
        "complex_arithmetic": Kind({"operations": ("+", "-"), "operations_weights": [0.5, 0.5]}),
    },
    "logic": {
        "knights_knaves": Kind({"n_people": 2}, {"n_people": 3}),
        "syllogism": Kind(),
        "self_reference": Kind({"difficulty": 2}),
        "aiw": Kind({"max_entities": 4}),
    },
    "temporal order": {
        "time_intervals": Kind(
            {
                "task_types": ["time", "date"],
                "max_time_difference_seconds": 7200,
                "max_date_difference_days": 14,
            },
            {"task_types": _TIMES},
        ),
        "calendar_arithmetic": Kind({"tasks": ["weekday_offset", "is_leap_year"], "offset_upper_bound": 14}),
    },
    "causal order": {
        "acre": Kind(),
        "course_schedule": Kind({"min_num_courses": 3, "max_num_courses": 5, "max_cycle_length": 3}),
        "rotten_oranges": Kind({"min_n": 3, "max_n": 5}, {"min_n": 5, "max_n": 10}),
    },
    "graphs": {
        "shortest_path": Kind({"min_rows": 3, "max_rows": 4, "min_cols": 3, "max_cols": 4}),
        "family_relationships": Kind({"max_family_size": 5}),
        "largest_island": Kind(
            {"min_rows": 5, "max_rows": 5, "min_cols": 5, "max_cols": 5, "max_num_islands": 3}
        ),
        "path_star": Kind({"degree": 2, "node_range": 100, "max_path_length": 3}),
    },
    "games": {
        "countdown": Kind(
            {"min_numbers": 3, "max_numbers": 3, "max_value": 20, "min_target": 10, "max_target": 99},
            form=r"(?:(?!\*\s*\*|/\s*/)[\d\s+*/()-]){1,200}",  # no powers: 9**9**9 is computed
        ),
        "mini_sudoku": Kind({"min_empty": 4, "max_empty": 6}, form=r"[\d\s_]*"),
        "maze": Kind({"min_dist": 3, "max_dist": 6, "min_grid_size": 5, "max_grid_size": 6}),
        "n_queens": Kind({"max_remove": 3}, form=r"[Q_\s]*"),
    },
}


class GymTask(Frozen):
    """Generated puzzles of several kinds of reasoning.

    Attributes:
        families: which, in the order in which they take turns.
        datasets: only these of the families' data sets; none means all of them.
        difficulty: 1 for small models, 2 the library's own (made smaller where a puzzle takes long).
    """

    name: ClassVar[str] = "gym"

    families: tuple[str, ...] = Field(tuple(FAMILIES), min_length=1)
    datasets: tuple[str, ...] = ()
    difficulty: int = Field(1, ge=1, le=2)

    @field_validator("families")
    @classmethod
    def _known_families(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [family for family in value if family not in FAMILIES]:
            raise ValueError(f"{unknown[0]!r} is none of: {', '.join(FAMILIES)}")
        return value

    @field_validator("datasets")
    @classmethod
    def _known_datasets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = [dataset for kinds in FAMILIES.values() for dataset in kinds]
        if unknown := [dataset for dataset in value if dataset not in known]:
            raise ValueError(f"{unknown[0]!r} is none of: {', '.join(known)}")
        return value

    @property
    def version(self) -> str:
        """The library makes the puzzles and judges them: its version is part of this one."""
        try:
            return f"1 reasoning-gym {version('reasoning-gym')}"
        except PackageNotFoundError:
            raise _missing() from None

    def samples(self, n: int, seed: int, split: Split = Split.EVAL) -> list[Sample]:
        """See `kb.harness.types.Task`. The split is kept by the prompt's hash: no prompt serves two uses.

        Raises:
            UsageError: the library is not installed; a data set has fewer puzzles; no data set is left.
        """
        turns = self._turns()
        streams = {dataset: self._stream(dataset, seed, split) for _, dataset in turns}
        made = []
        for index, (family, dataset) in zip(range(n), itertools.cycle(turns), strict=False):
            puzzle = next(streams[dataset], None)
            if puzzle is None:
                raise UsageError(
                    f"{dataset} has fewer different puzzles than {n} samples ask for",
                    field="n",
                    fix=f"at most {index} samples, difficulty 2, or other data sets",
                )
            made.append(
                Sample(
                    id=f"{seed}-{index}",
                    prompt=_prompt(puzzle),
                    answer=puzzle["answer"],
                    group=family,
                    solution=f"<answer>{puzzle['answer']}</answer>",
                    meta={"dataset": dataset, "puzzle": puzzle},
                )
            )
        return made

    def _turns(self) -> list[tuple[str, str]]:
        """(family, data set), one round: families in turn, the data sets of each in turn."""
        chosen = {
            family: [dataset for dataset in FAMILIES[family] if not self.datasets or dataset in self.datasets]
            for family in self.families
        }
        chosen = {family: datasets for family, datasets in chosen.items() if datasets}
        if not chosen:
            raise UsageError("none of these data sets is in these families", field="task gym: datasets")
        rounds = math.lcm(*(len(datasets) for datasets in chosen.values()))
        return [
            (family, datasets[turn % len(datasets)])
            for turn in range(rounds)
            for family, datasets in chosen.items()
        ]

    def _stream(self, dataset: str, seed: int, split: Split) -> Iterator[dict[str, Any]]:
        """The puzzles of a data set that are for this split, each once, until it runs out."""
        options = _kind(dataset).options(self.difficulty)
        seen: set[str] = set()
        misses = 0
        for chunk in itertools.count():
            # The library's seeds s and s + 1 give the same puzzles but one: ours are far apart.
            digest = hashlib.sha256(f"gym/{dataset}/{self.difficulty}/{seed}/{chunk}".encode()).digest()
            with _random_kept():
                source = _create(dataset, {**options, "seed": int.from_bytes(digest[:4]) >> 1, "size": CHUNK})
            for index in range(CHUNK):
                puzzle = _made(source, index)
                prompt = _prompt(puzzle) if puzzle else ""
                if puzzle and split_of(prompt) is split and prompt not in seen:
                    seen.add(prompt)
                    misses = 0
                    yield puzzle
                elif (misses := misses + 1) >= MISSES:
                    return

    def score(self, sample: Sample, output: str) -> Score:
        """Right if the data set's verifier gives its full score. An answer in another form than asked is wrong."""
        answer = find_answer(output)
        if answer is None:
            return Score(0.0, None, "no answer between <answer> and </answer>")
        dataset = str(sample.meta["dataset"])
        form = _kind(dataset).form
        if len(answer) > LONGEST or (form and not re.fullmatch(form, answer)):
            return Score(0.0, answer[:LONGEST], "the answer is not in the form that was asked for")
        verifier = _verifier(dataset, self.difficulty)
        credit = _credit(verifier, answer, sample.meta["puzzle"])
        if credit is None:
            if _credit(verifier, sample.answer, sample.meta["puzzle"]) is None:
                return Score(None, answer, f"unscored: the verifier of {dataset} fails on the gold answer")
            return Score(0.0, answer, f"the verifier of {dataset} cannot read the answer")
        if credit >= 1 - 1e-9:
            return Score(1.0, answer, "right")
        return Score(0.0, answer, f"wrong: {dataset} gives {credit:.2f} of 1")


def find_answer(output: str) -> str | None:
    r"""What stands between the last <answer> and </answer> after the thinking, or in ``\boxed{}``; None if neither."""
    text = after_thinking(output)
    if text is None:
        return None
    found = tagged(text)
    return found if found is not None else boxed(text)


def _prompt(puzzle: Mapping[str, Any]) -> str:
    return f"{str(puzzle['question']).strip()}\n\n{ASK}"


def _kind(dataset: str) -> Kind:
    return next(kinds[dataset] for kinds in FAMILIES.values() if dataset in kinds)


def _missing() -> UsageError:
    return UsageError("the task gym needs reasoning-gym", fix="pip install 'kb-survey[eval]'")


def _create(dataset: str, options: dict[str, Any]) -> Any:
    try:
        import reasoning_gym
    except ImportError:
        raise _missing() from None
    return reasoning_gym.create_dataset(dataset, **options)


def _made(source: Any, index: int) -> dict[str, Any] | None:
    """A puzzle; None where the library gives up looking for one."""
    try:
        with _random_kept():
            puzzle: dict[str, Any] = source[index]
    except Exception:  # noqa: BLE001 - generators raise what they like after so many attempts
        return None
    return puzzle


@lru_cache(maxsize=256)
def _verifier(dataset: str, difficulty: int) -> Any:
    return _create(dataset, {**_kind(dataset).options(difficulty), "seed": 0, "size": 1})


def _credit(verifier: Any, answer: str, puzzle: Mapping[str, Any]) -> float | None:
    """What the verifier gives; None if it fails."""
    try:
        with _random_kept():
            return float(verifier.score_answer(answer, puzzle))
    except Exception:  # noqa: BLE001 - verifiers raise whatever their parsers raise
        return None


@contextmanager
def _random_kept() -> Iterator[None]:
    """Whatever happens inside neither depends on Python's global random state nor changes it."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
