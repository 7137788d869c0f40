"""Chained arithmetic modulo 100, with every step written out.

    a=73;b+5;c*3;c?                a is 37, b is 5 more than a, c three times b: what is c?
    b+5:73=24;c*3:24=62;#62        plus 5 on 37 is 42, times 3 on 42 is 26, so 26

A step says all its premises (what the question does to which variable, and the value it starts from) before its result:
a wrong step is told apart as one that started from something else (premise), one that computed badly (calculation), and a
wrong last word after right steps (conclusion). Numbers are written units first: a small model learns sums much sooner when
the carry is known before it is needed (Lee et al. 2023, arXiv:2307.03381). Values have two digits, and operands one or two
by difficulty, so chains of one length have one number of tokens.
"""

from __future__ import annotations

import random
import re
from string import ascii_lowercase
from typing import ClassVar

from pydantic import Field, field_validator

from kb.errors import UsageError
from kb.harness.types import ErrorKind, Frozen, Sample, Score, Split, split_of

LONGEST = len(ascii_lowercase) - 1
MISSES = 10_000
"""Draws in a row without a new sample, after which there is none left."""
_STEP = re.compile(r"([a-z])([-+*])([0-9]{1,2}):([0-9]{2})=([0-9]{2})")


class ChainTask(Frozen):
    """Chains of additions, subtractions and multiplications modulo 100.

    Attributes:
        steps: lengths; samples take them in turn.
        difficulty: 1 adds and subtracts one digit, 2 multiplies by one as well, 3 adds and subtracts two digits. The
            reference models know the first two.
    """

    name: ClassVar[str] = "chain"
    version: ClassVar[str] = "1"

    steps: tuple[int, ...] = Field((2, 4, 8, 12), min_length=1)
    difficulty: int = Field(2, ge=1, le=3)

    @field_validator("steps")
    @classmethod
    def _lengths(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1 or max(value) > LONGEST:
            raise ValueError(f"a chain has 1 to {LONGEST} steps")
        return value

    def samples(self, n: int, seed: int, split: Split = Split.EVAL) -> list[Sample]:
        """See `kb.harness.types.Task`. The split is kept by the prompt's hash: no prompt serves two uses.

        Raises:
            UsageError: there are not so many different chains of a length.
        """
        made: list[Sample] = []
        seen: set[str] = set()
        for index in range(n):
            steps = self.steps[index % len(self.steps)]
            draw = random.Random(f"chain/{self.difficulty}/{steps}/{seed}/{index}")  # noqa: S311 - not a secret
            for _ in range(MISSES):
                sample = self.draw(draw, steps, id=f"{seed}-{index}")
                if split_of(sample.prompt) is split and sample.prompt not in seen:
                    break
            else:
                raise UsageError(
                    f"there are no {n} different samples for {split.value}: chains of {steps} steps have run out",
                    field="n",
                    fix=f"at most {index} samples, longer chains, or a greater difficulty",
                )
            seen.add(sample.prompt)
            made.append(sample)
        return made

    def draw(self, draw: random.Random, steps: int, id: str = "") -> Sample:
        """One chain of this length."""
        value = draw.randrange(100)
        question = [f"a={written(value)}"]
        said = []
        for at in range(1, steps + 1):
            name = ascii_lowercase[at]
            operation, operand = self._operation(draw)
            after = apply(value, operation, operand)
            question.append(f"{name}{operation}{self._operand(operand)}")
            said.append(f"{name}{operation}{self._operand(operand)}:{written(value)}={written(after)}")
            value = after
        answer = written(value)
        return Sample(
            id=id,
            prompt=";".join([*question, f"{ascii_lowercase[steps]}?"]),
            answer=answer,
            steps=tuple(said),
            group=f"{steps:02d} steps",
            solution=";".join([*said, f"#{answer}"]),
        )

    def _operation(self, draw: random.Random) -> tuple[str, int]:
        if self.difficulty > 1 and draw.random() < 1 / 3:
            return "*", draw.randrange(2, 10)
        return draw.choice("+-"), draw.randrange(1, 10 if self.difficulty < 3 else 100)

    def _operand(self, operand: int) -> str:
        return written(operand) if self.difficulty == 3 else str(operand)

    def score(self, sample: Sample, output: str) -> Score:
        """Right if the number after # is the gold one. Steps are judged by what they say, up to the first wrong one."""
        body, mark, tail = output.strip().partition("#")
        said = [part.strip() for part in body.split(";") if part.strip()]
        gold = sample.steps or ()
        right = 0
        kind: ErrorKind | None = None
        for at, step in enumerate(gold):
            if at < len(said) and said[at] == step:
                right += 1
                continue
            kind = _kind(said[at], step) if at < len(said) else ErrorKind.FORM
            break
        first = right if kind else None
        found = re.match(r"\s*([0-9]+)", tail)
        extracted = found.group(1) if mark and found else None
        value = 1.0 if extracted == sample.answer else 0.0
        if kind is None and (value == 0.0 or len(said) > len(gold)):
            first, kind = len(gold), ErrorKind.CONCLUSION if extracted is not None else ErrorKind.FORM
        if value:
            why = "right" if kind is None else f"right after a wrong step {right + 1} ({kind.value})"
        elif extracted is None:
            why = "no answer after #"
        else:
            why = f"{extracted}, not {sample.answer}: {kind.value if kind else 'wrong'} at step {right + 1}"
        return Score(value, extracted, why, first, kind, right, len(gold))


def written(number: int) -> str:
    """Two digits, units first: 37 is "73"."""
    return f"{number % 10}{number // 10}"


def apply(value: int, operation: str, operand: int) -> int:
    """One step, modulo 100."""
    match operation:
        case "+":
            return (value + operand) % 100
        case "-":
            return (value - operand) % 100
        case "*":
            return value * operand % 100
    raise ValueError(operation)


def _kind(said: str, gold: str) -> ErrorKind:
    """What is wrong with a step: whether it is one, whether it starts from what was given, whether it computes."""
    mine, theirs = _STEP.fullmatch(said), _STEP.fullmatch(gold)
    if mine is None or theirs is None:
        return ErrorKind.FORM
    return ErrorKind.PREMISE if mine.groups()[:4] != theirs.groups()[:4] else ErrorKind.CALCULATION
