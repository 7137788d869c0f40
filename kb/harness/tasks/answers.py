r"""Finding the answer in an output, and holding it against the gold one.

Kinds of answer:

    math     an expression in LaTeX or plain text, compared as mathematics by `math-verify`
    number   a decimal number, compared exactly ("1,234.50" is 1234.5; "$3" is 3)
    choice   a letter A to J
    exact    a text, compared without case, spaces and a full stop at its end

An output is looked through in this order, after the thinking: ``\boxed{...}``, ``<answer>...</answer>``,
``#### x``, "answer is x" or "Answer: x", and for numbers and choices the last one that stands alone. What the model
thought is no answer: only what follows ``</think>`` counts, and an output that never closes its thinking has none.

Wrong is told apart from unscored: an output without an answer, or with one that cannot be read, is wrong; where the
gold answer cannot be read, or the comparison ran out of time, nobody can say.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from kb.harness.tasks.math_check import equal_as_mathematics
from kb.harness.types import Score

AnswerKind = Literal["math", "number", "choice", "exact"]
KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)

LOOKED_AT = 20_000
"""Characters at the end of an output that are searched for its answer."""
LONGEST = 1_000
"""Characters; what is longer is no answer."""

_THINK_ENDS = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_THINK_BEGINS = re.compile(r"<(?:think|thinking|reasoning)>", re.IGNORECASE)
_BRACES = re.compile(r"\\(?:boxed|fbox)[ \t]*\{|\\.|[{}]", re.DOTALL)
_MARKED = (
    re.compile(r"####[ \t]*([^\n]+)"),
    re.compile(r"\banswer\b\**[ \t]*(?:is\b|[:=])[ \t*:]*([^\n]+)", re.IGNORECASE),
)
_NUMBER = re.compile(
    r"(?<![\w.,])[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?!\w)|(?<![\w.])[-+]?\.[0-9]+(?!\w)"
)
_THOUSANDS = re.compile(r"([0-9])(?:\{,\}|,?\\[,!])(?=[0-9]{3})")
# 1{,}200 and 1\,200: as LaTeX sets 1,200
_LETTER = re.compile(r"(?<![\w'])\(?([A-J])\)?(?![\w'])")


def after_thinking(output: str) -> str | None:
    """What follows the thinking; None if the thinking never ends. An output without thinking tags is all answer."""
    if ends := list(_THINK_ENDS.finditer(output)):
        return output[ends[-1].end() :]
    return None if _THINK_BEGINS.search(output) else output


def boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` or ``\fbox{...}`` whose braces balance. One pass."""
    opened: list[int | None] = []  # for each open brace: where a box's content starts
    last: tuple[int, int] | None = None
    for token in _BRACES.finditer(text):
        if token[0].endswith("{") and token[0] != r"\{":
            opened.append(token.end() if token[0] != "{" else None)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start is not None and (last is None or start > last[0]):
                last = start, token.start()
    return text[last[0] : last[1]].strip() if last else None


def tagged(text: str) -> str | None:
    """The content of the last ``<answer>...</answer>``."""
    lower = text.lower() if text.isascii() else text  # lower() may change the length of other texts
    end = lower.rfind("</answer>")
    start = lower.rfind("<answer>", 0, end) if end >= 0 else -1
    return text[start + len("<answer>") : end].strip() if start >= 0 else None


def extract(output: str, kind: AnswerKind) -> str | None:
    """The answer that an output gives; None if it gives none. Linear in the output's length."""
    text = after_thinking(output)
    if text is None:
        return None
    text = text[-LOOKED_AT:]
    found = boxed(text)
    if found is None and (said := tagged(text)) is not None:
        found = _tidy(said)
    for pattern in _MARKED:
        if found is None and (lines := pattern.findall(text)):
            found = _tidy(lines[-1])
    if kind == "number":
        found = _last(_NUMBER, _THOUSANDS.sub(r"\1,", text if found is None else found))
    elif kind == "choice":
        found = _choice(found, text)
    return found if found and len(found) <= LONGEST else None


def _tidy(said: str) -> str:
    text = said.strip().strip("*").strip()
    if not text.endswith("..."):
        text = text.removesuffix(".")
    for mark in ("$$", "$", "`"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            return text[len(mark) : -len(mark)].strip()
    return text


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return found[-1] if found else None


def _choice(found: str | None, text: str) -> str | None:
    """The first letter of what was marked as the answer ("B) 12"), else the last that stands alone ("... so B.")."""
    if found is not None:
        bare = re.sub(r"\\(?:text|mathrm|mathbf|textbf)\s*", "", found).strip("{}$ ")
        if match := re.match(r"\W*(?:(?:option|choice)\W+)?([A-Ja-j])(?![\w'])", bare, re.IGNORECASE):
            return match[1].upper()
        return _last(_LETTER, found)
    # "A" and "I" are words, too: alone in a sentence they are no choice.
    letters = [m for m in _LETTER.finditer(text) if not re.match(r"[ \t]+[a-z]", text[m.end() :])]
    return letters[-1][1] if letters else None


def number(text: str) -> Decimal | None:
    """A decimal number as people write it; None if it is none, or not finite."""
    bare = text.strip().removeprefix("$").removesuffix("%").removesuffix(".").replace(",", "").strip()
    if len(bare) > 200 or not re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", bare, re.ASCII):
        return None
    try:
        return Decimal(bare)
    except InvalidOperation:  # pragma: no cover - the pattern lets nothing else through
        return None


def plain(text: str) -> str:
    """A text as `exact` compares it."""
    return " ".join(text.casefold().split()).removesuffix(".")


Verdict = tuple[bool | None, str]


def _math(gold: str, answer: str) -> Verdict:
    left, right = number(gold), number(answer)
    if plain(gold) == plain(answer) or (left is not None and left == right):
        return True, ""
    if left is not None and right is not None:
        return False, ""
    return equal_as_mathematics(gold, answer)


def _number(gold: str, answer: str) -> Verdict:
    left, right = number(gold), number(answer)
    if left is None:
        return None, f"the gold answer {_short(gold)} is no number"
    return left == right, ""


def _letter(gold: str, answer: str) -> Verdict:
    if gold.strip().upper() not in set(string.ascii_uppercase[:10]):
        return None, f"the gold answer {_short(gold)} is no letter A to J"
    return gold.strip().upper() == answer, ""


def _exact(gold: str, answer: str) -> Verdict:
    return plain(gold) == plain(answer), ""


_COMPARE: dict[AnswerKind, Callable[[str, str], Verdict]] = {
    "math": _math,
    "number": _number,
    "choice": _letter,
    "exact": _exact,
}


def judge(output: str, gold: str, kind: AnswerKind) -> Score:
    """What an output is worth. Never raises, and never takes longer than `math_check` allows."""
    if not gold.strip():
        return Score(None, extract(output, kind), "unscored: there is no gold answer")
    answer = extract(output, kind)
    if answer is None:
        return Score(
            0.0, None, "no answer" if after_thinking(output) is not None else "no answer: still thinking"
        )
    right, why = _COMPARE[kind](gold, answer)
    if right is None:
        return Score(None, answer, f"unscored: {why}")
    if right:
        return Score(1.0, answer, "right")
    return Score(0.0, answer, f"{_short(answer)}, not {_short(gold)}" + (f": {why}" if why else ""))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
