"""A Gaussian process over cases, for what quantization takes from the logit of accuracy.

The kernel is a product of what makes two settings alike. Bits count by the error that they leave, which falls
exponentially with each bit (Gray and Neuhoff, "Quantization", IEEE Trans. Inf. Theory 44(6), 1998): it places the bits on
an axis, and it scales how much can be lost at all, so that 8 bits lose next to nothing whatever else is unknown. Methods
are alike within a family; models by size, family and origin; benchmarks by the accuracy that there is to lose.

Predictions that leave whole groups out have a closed form (Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, section 5.4.2): the numbers of the kernel are chosen by them, on fixed steps, so that the last digit of a
sum on another machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kb.link.predict.cases import Case

EPSILON = 3.0  # points that keep logits of 0 and 100 finite, about what 30 items can tell from 0
LADDER = (3.0, 4.0, 8.0)
_ANCHOR = 4.0  # bits at which the error counts 1


@dataclass(frozen=True)
class Shape:
    """The numbers of the kernel.

    Attributes:
        bits_per_e: bits that divide the error of rounding by e.
        reach: on the axis of that error, how far settings are alike.
        kv, act: what an error of the cache and of activations counts beside one of weights.
        family, other: how alike are two methods of a family, and two of different families.
        size: how far models are alike, in units of the logarithm of their size.
        model_family: how alike are models of two families, all else equal; `model`: two models of one family.
        headroom: how far baselines are alike, in logits.
        methods, models, items: variances of what methods do, of what they do to each model, and on each benchmark.
        noise: of the rest.
    """

    bits_per_e: float = 1.3
    reach: float = 2.0
    kv: float = 2.5
    act: float = 0.2
    family: float = 0.3
    other: float = 0.15
    size: float = 2.0
    model_family: float = 0.8
    model: float = 0.8
    headroom: float = 1.5
    methods: float = 2.0
    models: float = 0.5
    items: float = 0.25
    noise: float = 1.0


STEPS: dict[str, tuple[float, ...]] = {
    "methods": (0.25, 0.5, 1.0, 4.0),
    "models": (0.25, 1.0, 2.0),
    "family": (0.1, 0.6),
    "bits_per_e": (1.0, 1.8, 2.5),
    "reach": (1.0, 4.0),
    "kv": (1.0, 5.0),
    "size": (1.0, 3.5),
    "model": (0.3, 0.6, 0.95),
    "model_family": (0.5, 0.95),
    "items": (0.02, 0.1, 0.6),
    "headroom": (0.8, 3.0),
    "noise": (0.3, 3.0),
}


def logit(percent: np.ndarray) -> np.ndarray:
    return np.log((percent + EPSILON) / (100.0 - percent + EPSILON))


def percent_of(logits: np.ndarray) -> np.ndarray:
    """The inverse of `logit`, within 0 to 100."""
    share = 1.0 / (1.0 + np.exp(-logits))
    return np.clip((100.0 + 2.0 * EPSILON) * share - EPSILON, 0.0, 100.0)


class Columns:
    """Cases as columns."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = tuple(cases)
        self.bits = np.array([case.bits for case in cases], dtype=float).reshape(-1, 3)
        self.size = np.log(np.array([case.size_b for case in cases], dtype=float))
        self.baseline = np.array([case.baseline for case in cases], dtype=float)
        self.items = np.array([case.items for case in cases], dtype=float)
        self.words = {
            "variant": np.array([f"{case.method} {case.variant}" for case in cases], dtype=object),
            **{
                name: np.array([getattr(case, name) for case in cases], dtype=object)
                for name in ("method", "group", "model", "family", "origin", "task", "trained")
            },
        }

    def noise(self) -> np.ndarray:
        """Variance of a reported logit: binomial, of the baseline's accuracy, on the benchmark's items."""
        share = np.clip(self.baseline, 5.0, 95.0) / 100.0
        return 0.25 / (self.items * share * (1.0 - share)) + 0.002


class Likeness:
    """What two sets of cases have in common, worked out once for all shapes."""

    def __init__(self, a: Columns, b: Columns) -> None:
        self.a, self.b = a, b
        same = {name: (a.words[name][:, None] == b.words[name][None, :]).astype(float) for name in a.words}
        for name in ("model", "family"):
            same[name] *= (a.words[name] != "")[:, None]
        self.same = same
        self.size = (a.size[:, None] - b.size[None, :]) ** 2
        self.headroom = (logit(a.baseline)[:, None] - logit(b.baseline)[None, :]) ** 2


def damage(columns: Columns, shape: Shape) -> np.ndarray:
    """How much can be lost [cases]: 1 for weights of 4 bits."""
    left = _left(columns, shape)
    total: np.ndarray = left @ np.array([1.0, shape.act, shape.kv])
    return total


def _left(columns: Columns, shape: Shape) -> np.ndarray:
    return np.where(columns.bits < 16.0, np.exp((_ANCHOR - columns.bits) / shape.bits_per_e), 0.0)


def covariance(like: Likeness, shape: Shape) -> np.ndarray:
    """Prior covariance of what the cases of `like.a` and of `like.b` lose, in squared logits."""
    left_a, left_b = _left(like.a, shape), _left(like.b, shape)
    reach = np.array([1.0, 2.5, 1.0]) * shape.reach
    gap = (((left_a[:, None, :] - left_b[None, :, :]) / reach) ** 2).sum(2)
    scale = np.exp(-0.5 * gap) * np.outer(damage(like.a, shape), damage(like.b, shape))
    same = like.same

    def short(name: str, value: float) -> np.ndarray:
        return value + (1.0 - value) * same[name]

    kin = np.where(same["group"] > 0, shape.family, shape.other * (0.5 + 0.5 * same["trained"]))
    method = np.where(same["method"] > 0, 0.97 + 0.03 * same["variant"], kin)
    model = (
        np.exp(-0.5 * like.size / shape.size**2)
        * short("family", shape.model_family)
        * short("origin", 0.95)
        * short("model", shape.model)
    )
    bench = np.exp(-0.5 * like.headroom / shape.headroom**2) * short("task", 0.95)
    blend = (
        0.2
        + shape.methods * method
        + shape.models * (0.3 + method) * model
        + shape.items * (1.0 + model + method * model) * bench
    )
    full: np.ndarray = scale * blend
    return full


def coarser(cases: Sequence[Case]) -> tuple[list[Case], np.ndarray]:
    """Each case with more bits, in the steps of LADDER, and the place of the case that it comes from."""
    found, places = [], []
    for place, case in enumerate(cases):
        last = case.bits
        for step in LADDER:
            bits = (max(last[0], step), max(last[1], step), max(last[2], step))
            if bits != last:
                found.append(replace(case, weight_bits=bits[0], act_bits=bits[1], kv_bits=bits[2]))
                places.append(place)
                last = bits
    return found, np.array(places, dtype=int)


def left_out(
    covariances: tuple[np.ndarray, np.ndarray],
    places: np.ndarray,
    noise: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of each group's targets from all the others'; a mean is never above one with more bits.

    Args:
        covariances: of the cases among themselves, and of `coarser` ones with the cases.
        places: of which case each coarser one is.
    """
    kernel, across = covariances
    inverse = np.linalg.inv(kernel + np.diag(noise))
    alpha = inverse @ targets
    mean, variance = np.zeros(len(targets)), np.zeros(len(targets))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        block = np.linalg.inv(inverse[np.ix_(rows, rows)])
        mean[rows] = targets[rows] - block @ alpha[rows]
        variance[rows] = np.maximum(np.diag(block) - noise[rows], 1e-9)
        steps = np.flatnonzero(groups[places] == group)
        if len(steps):
            without = alpha - inverse[:, rows] @ (block @ alpha[rows])
            without[rows] = 0.0
            np.minimum.at(mean, places[steps], across[steps] @ without)
    return mean, variance


@dataclass(frozen=True)
class Process:
    """A fitted process. `weights`: the kernel's inverse times the targets."""

    shape: Shape
    columns: Columns
    inverse: np.ndarray
    weights: np.ndarray

    def predict(self, cases: Sequence[Case]) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations of what is lost, in logits. More bits never lose more, step by step of LADDER."""
        asked = Columns(cases)
        steps, places = coarser(cases)
        across = covariance(Likeness(asked, self.columns), self.shape)
        own = prior(asked, self.shape)
        variance = own - np.einsum("ij,jk,ik->i", across, self.inverse, across, optimize=True)
        mean = across @ self.weights
        if steps:
            more = covariance(Likeness(Columns(steps), self.columns), self.shape) @ self.weights
            np.minimum.at(mean, places, more)
        return mean, np.sqrt(np.maximum(variance, 1e-9))


def prior(columns: Columns, shape: Shape) -> np.ndarray:
    """The prior variance of what each case loses: the kernel of a case and itself."""
    return damage(columns, shape) ** 2 * (0.2 + shape.methods + 1.3 * shape.models + 3.0 * shape.items)


def correlations(process: Process, case: Case) -> np.ndarray:
    """How alike the process takes a case and each of those that it learned from, 0 to 1."""
    one = Columns([case])
    across = covariance(Likeness(one, process.columns), process.shape)[0]
    scale = np.sqrt(prior(one, process.shape) * prior(process.columns, process.shape))
    return np.divide(across, scale, out=np.zeros(len(across)), where=scale > 0)


def fit(cases: Sequence[Case], scores: np.ndarray, shape: Shape) -> Process:
    columns = Columns(cases)
    targets = logit(scores) - logit(columns.baseline)
    kernel = covariance(Likeness(columns, columns), shape)
    inverse = np.linalg.inv(kernel + np.diag(shape.noise * columns.noise()))
    return Process(shape, columns, inverse, inverse @ targets)


def choose(cases: Sequence[Case], scores: np.ndarray, groups: np.ndarray) -> Shape:
    """The shape with the least mean absolute error, in points, on groups left out: one pass over STEPS."""
    columns = Columns(cases)
    like = Likeness(columns, columns)
    nothing, nowhere = np.zeros((0, len(cases))), np.zeros(0, dtype=int)  # coarser cases would only cost time
    targets = logit(scores) - logit(columns.baseline)
    noise = columns.noise()

    def error(shape: Shape) -> float:
        mean, _ = left_out((covariance(like, shape), nothing), nowhere, shape.noise * noise, targets, groups)
        return float(np.abs(percent_of(logit(columns.baseline) + mean) - scores).mean())

    best = Shape()
    least = error(best)
    for name, values in STEPS.items():
        for value in values:
            tried = replace(best, **{name: value})
            found = error(tried)
            if found < least - 0.005:  # a smaller gain may be another machine's rounding
                best, least = tried, found
    return best
