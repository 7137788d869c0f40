"""An invented world of quantized models in which the loss follows a known law, and figures that sources report of it."""

from __future__ import annotations

import random

import numpy as np

from kb.link.predict.cases import Case, Evidence
from kb.link.predict.kernel import logit, percent_of

BENCHMARKS = (
    ("Quiz", "math", 2.0, 500.0, 1.2),
    ("Olympiad", "math", 5.0, 120.0, -1.0),
    ("Code", "code", 4.0, 300.0, -0.2),
)
MODELS = (
    ("Ox-1B", "Ox", 1.0),
    ("Ox-7B", "Ox", 7.0),
    ("Ox-32B", "Ox", 32.0),
    ("Elk-3B", "Elk", 3.0),
    ("Elk-14B", "Elk", 14.0),
)
METHODS = (("plain", "rounding", 2.0), ("careful", "rounding", 1.0), ("turned", "rotation", 0.6))
BITS = ((8.0, 16.0, 16.0), (4.0, 16.0, 16.0), (3.0, 16.0, 16.0), (4.0, 4.0, 4.0))


def case(
    model: str = "Ox-7B",
    method: str = "careful",
    bits: tuple[float, float, float] = (4.0, 16.0, 16.0),
    benchmark: str = "Quiz",
    *,
    source: str = "one",
    baseline: float | None = None,
) -> Case:
    """A case of this world."""
    name, family, size = next(each for each in MODELS if each[0] == model)
    way, group, _ = next(each for each in METHODS if each[0] == method)
    bench, task, difficulty, items, ease = next(each for each in BENCHMARKS if each[0] == benchmark)
    start = float(percent_of(np.array(ease + 0.5 * np.log(size)))) if baseline is None else baseline
    return Case(
        source,
        name,
        family,
        "distilled",
        size,
        way,
        "",
        group,
        False,
        *bits,
        bench,
        task,
        difficulty,
        items,
        round(start, 1),
    )


def truth(one: Case) -> float:
    """The law: the odds fall with the error of rounding, less so for large models and careful methods."""
    harm = next(each[2] for each in METHODS if each[0] == one.method)
    error = sum(2.0 ** (3.0 - bits) for bits in one.bits if bits < 16)
    lost = harm * error * (1.0 + 2.0 / one.size_b**0.5)
    return float(percent_of(logit(np.array(one.baseline)) - lost))


def world(seed: int = 0) -> tuple[Evidence, ...]:
    """Three sources, each with some of the configurations, and the noise of counting."""
    rng = random.Random(seed)
    found = []
    for source in ("one", "two", "three"):
        for model, _, _ in MODELS:
            for method, _, _ in METHODS:
                for bits in BITS:
                    if rng.random() < 0.45:
                        continue
                    for benchmark, *_ in BENCHMARKS:
                        one = case(model, method, bits, benchmark, source=source)
                        share = truth(one) / 100.0
                        noise = rng.gauss(0.0, 100.0 * (share * (1 - share) / one.items) ** 0.5)
                        score = round(min(100.0, max(0.0, 100.0 * share + noise)), 1)
                        found.append(Evidence(one, score, f"{one.configuration}/{benchmark}"))
    return tuple(found)
