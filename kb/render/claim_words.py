"""Claims and their statistics in words: what is compared, under which conditions, and how it was tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kb.records.claims import Arm, Claim, Conditions, Metric, Origin, Relation, Strength
from kb.records.results import Method
from kb.render.numbers import plain

BADGES: Mapping[str, tuple[str, str]] = {
    "supported": ("✓", "the data exclude that it is false"),
    "refuted": ("✗", "the data exclude that it is true"),
    "contested": ("⇄", "sources disagree"),
    "inconclusive": ("?", "the data exclude neither that it is true nor that it is false"),
    "stale": ("↻", "the paper has a newer version than the one in which it was read"),
    "untested": ("○", "nothing that was measured speaks to it"),
}
"""Each verdict's sign, by which it is told from the others without its colour, and what it means."""

_METRICS: Mapping[Metric, str] = {
    Metric.ACCURACY: "accuracy",
    Metric.REASONING_TOKENS: "the number of reasoning tokens",
    Metric.ECE: "the calibration error (ECE)",
    Metric.LATENCY: "latency",
    Metric.MEMORY: "memory",
    Metric.SPEED: "speed",
}
_STRENGTHS: Mapping[Strength, str] = {
    Strength.MEASURED: "shown in its figures",
    Strength.STATED: "said in its text",
    Strength.SUGGESTED: "offered as an explanation",
}
_AXES: Mapping[str, str] = {
    "weight_bits": "bits of weights",
    "act_bits": "bits of activations",
    "kv_bits": "bits of the KV cache",
    "model_size_b": "model size",
    "chain_length": "length of the chain",
    "difficulty": "difficulty",
}
_BITS = (("weights", "weight_bits"), ("activations", "act_bits"), ("KV cache", "kv_bits"))
_SOURCES = (
    (
        "t over",
        "the mean over units with a t interval over how far they differ (Cochran 1977, ch. 2; with random effects and"
        " equal weights the Knapp-Hartung interval, 2003)",
    ),
    ("normal", "a normal interval from the scores' own variances"),
    ("Welch", "the difference of two means, by Welch (1947)"),
    ("no uncertainty", "none: the source says nothing from which an uncertainty could be computed"),
)


def metric_words(metric: Metric) -> str:
    return _METRICS[metric]


def strength_words(strength: Strength) -> str:
    return _STRENGTHS[strength]


def axis_words(axis: str) -> str:
    return _AXES[axis]


def unit_of(claim: Claim) -> str:
    """The unit of the claim's effects; empty where the metric has none of its own."""
    if claim.unit == "percent":
        return "% of the baseline"
    return "points" if claim.metric is Metric.ACCURACY else ""


def relation_words(claim: Claim) -> str:
    """What is said of the variant, as one sentence.

    >>> relation_words(Claim(id="a", statement="s", relation="lower", margin=3, variant=Arm(weight_bits=(3,))))
    'Accuracy is lower, by 3 points or more.'
    """
    what = metric_words(claim.metric)
    margin = " ".join(part for part in (plain(claim.margin or 0), unit_of(claim)) if part)
    if claim.margin == 1 and claim.unit == "points" and claim.metric is Metric.ACCURACY:
        margin = "1 point"
    by = f", by {margin} or more" if claim.margin else ""
    match claim.relation:
        case Relation.NON_INFERIOR:
            said = f"{what} is at most {margin} {'lower' if claim.metric.more_is_better else 'higher'}"
        case Relation.NO_DIFFERENCE:
            said = f"{what} differs by at most {margin}, either way"
        case Relation.LOWER:
            said = f"{what} is lower{by}"
        case Relation.HIGHER:
            said = f"{what} is higher{by}"
        case Relation.MONOTONE:
            turn = "falls" if claim.falling else "rises"
            said = f"the effect on {what} {turn} with {axis_words(str(claim.along))}"
        case Relation.LARGER_DROP:
            times = (
                f"{plain(claim.factor)} times as much as" if claim.factor not in {None, 1.0} else "more than"
            )
            more = f", and {margin} more" if claim.margin else ""
            said = f"the loss of {what} is {times} under the other conditions{more}"
        case _:
            return "It is not put in a form that can be tested."
    each = " This is said of every single case, not of the mean." if claim.each else ""
    return f"{said[0].upper()}{said[1:]}.{each}"


def arm_words(arm: Arm, methods: Mapping[str, Method] | None = None) -> str:
    """One side of a comparison.

    >>> arm_words(Arm(method=("awq", "gptq"), weight_bits=(4,), act_bits=(16,)))
    'awq or gptq, weights at 4 bits, activations not quantized'
    """
    known = methods or {}
    names = [known[name].title if name in known else name for name in arm.method]
    parts = ["the model as it is" if arm.method == ("none",) else _either(names) or "any method"]
    if arm.variant is not None:
        parts.append("any setting of it" if arm.variant == "*" else f"in the setting {arm.variant}")
    for what, name in _BITS:
        bits: tuple[float, ...] = getattr(arm, name)
        if bits == (16.0,):
            parts.append(f"{what} not quantized")
        elif bits:
            parts.append(f"{what} at {_either([plain(each) for each in bits])} bits")
    return ", ".join(parts)


def baseline_words(claim: Claim, methods: Mapping[str, Method] | None = None) -> str:
    if claim.baseline is None:
        return "the same model at full precision"
    return f"{arm_words(claim.baseline, methods)}; else as the variant"


def conditions_words(conditions: Conditions) -> str:
    """Where the claim is said to hold; empty for everywhere.

    >>> conditions_words(Conditions(model_size_b={"min": 14}, task_kind=("math", "code")))
    'models of 14 or more billion parameters; math or code'
    """
    parts = []
    if conditions.model:
        parts.append(_either(conditions.model))
    if conditions.model_size_b is not None:
        parts.append(f"models of {conditions.model_size_b} billion parameters")
    if conditions.model_origin:
        origins = [origin_word(each) for each in conditions.model_origin]
        parts.append(f"{_either(origins)} models")
    if conditions.task_kind:
        parts.append(_either([each.value for each in conditions.task_kind]))
    if conditions.benchmark:
        parts.append(_either(conditions.benchmark))
    if conditions.difficulty is not None:
        parts.append(f"difficulty {conditions.difficulty} of 5")
    if conditions.chain_length is not None:
        parts.append(f"chains of {conditions.chain_length} steps")
    return "; ".join(parts)


def tested_words(claim: Claim, method: str, *, exact: bool) -> str:
    """How it was tested, with the sources of the methods.

    Args:
        method: the estimate's own name for how its uncertainty was found.
        exact: the test is that of a single run's pairs.
    """
    parts = [next((words for start, words in _SOURCES if method.startswith(start)), method)]
    if " models" in method or " benchmarks" in method:
        over = method.removeprefix("t over ")
        parts.append(f"units that share one are no independent witnesses: over {over} (Cameron et al. 2011)")
    if method.endswith("sampling variance"):
        parts.append("kept as wide as chance over items makes it (Röver et al. 2015)")
    if claim.relation in {Relation.NON_INFERIOR, Relation.NO_DIFFERENCE}:
        parts.append("two one-sided tests at 5 % (Schuirmann 1987)")
    else:
        parts.append("one-sided tests at 5 %")
    if exact and claim.relation is Relation.NON_INFERIOR:
        parts.append("on the pairs of the run by Tango's score (1998)")
    return f"{'; '.join(parts)}."


def axis_label(claim: Claim) -> str:
    """What lies along the axis of a forest plot."""
    unit = unit_of(claim)
    return f"{unit or claim.metric.value.replace('_', ' ')}, variant minus baseline"


def side_words(claim: Claim) -> tuple[str, str]:
    """What left and right of nought mean."""
    return ("worse", "better") if claim.metric.more_is_better else ("less", "more")


def margins(claim: Claim) -> tuple[float, ...]:
    """Where on the axis of effects the claim's margin lies."""
    if not claim.margin:
        return ()
    match claim.relation:
        case Relation.NON_INFERIOR:
            return (-claim.margin if claim.metric.more_is_better else claim.margin,)
        case Relation.NO_DIFFERENCE:
            return (-claim.margin, claim.margin)
        case Relation.LOWER:
            return (-claim.margin,)
        case Relation.HIGHER:
            return (claim.margin,)
        case _:
            return ()


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else ""


def origin_word(origin: Origin) -> str:
    """How models were trained, as it stands before "models"."""
    return "RL" if origin is Origin.RL else origin.value
