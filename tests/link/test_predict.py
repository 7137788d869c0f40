"""Predictions of what quantization costs: the parts of the model, on an invented world whose law is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from kb.errors import DataError
from kb.link.predict import kernel
from kb.link.predict.cases import Case, Evidence
from kb.link.predict.evaluate import MODEL, Errors, cross_validate, parts_of
from kb.link.predict.hull import Hull
from kb.link.predict.kernel import Columns, Likeness, Shape
from kb.link.predict.model import LEVELS, Predictor, bounds, fit
from kb.link.predict.report import markdown
from tests.link.quantized import BITS, MODELS, case, truth, world

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def seen() -> tuple[Evidence, ...]:
    return world()


@pytest.fixture(scope="module")
def fitted(seen: tuple[Evidence, ...]) -> Predictor:
    return fit(seen)


@pytest.fixture(scope="module")
def errors(seen: tuple[Evidence, ...]) -> Errors:
    return cross_validate(seen, "configuration", parts=4)


def test_leaving_out_in_closed_form_is_leaving_out(seen: tuple[Evidence, ...]) -> None:
    """`left_out` gives what fits without each group give, mean and variance."""
    few = seen[:60]
    cases, scores = [one.case for one in few], np.array([one.score for one in few])
    groups = np.array([sorted({c.configuration for c in cases}).index(c.configuration) for c in cases])
    columns, shape = Columns(cases), Shape()
    targets = kernel.logit(scores) - kernel.logit(columns.baseline)
    steps, places = kernel.coarser(cases)
    covariances = (
        kernel.covariance(Likeness(columns, columns), shape),
        kernel.covariance(Likeness(Columns(steps), columns), shape),
    )
    mean, variance = kernel.left_out(covariances, places, shape.noise * columns.noise(), targets, groups)
    for group in np.unique(groups):
        others, rows = np.flatnonzero(groups != group), np.flatnonzero(groups == group)
        process = kernel.fit([cases[i] for i in others], scores[others], shape)
        expected, deviation = process.predict([cases[i] for i in rows])
        assert mean[rows] == pytest.approx(expected, abs=1e-8)
        assert np.sqrt(variance[rows]) == pytest.approx(deviation, abs=1e-6)


def test_the_kernel_is_a_covariance(seen: tuple[Evidence, ...]) -> None:
    """Symmetric, without negative eigenvalues, and its diagonal is the prior variance."""
    columns = Columns([one.case for one in seen])
    matrix = kernel.covariance(Likeness(columns, columns), Shape())
    assert np.allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-8
    assert np.diag(matrix) == pytest.approx(kernel.prior(columns, Shape()))


def test_scores_and_logits_are_inverse() -> None:
    """Back and forth changes nothing, and nothing leaves 0 to 100."""
    percents = np.array([0.0, 0.3, 50.0, 99.0, 100.0])
    assert kernel.percent_of(kernel.logit(percents)) == pytest.approx(percents)
    assert kernel.percent_of(np.array([-50.0, 50.0])).tolist() == [0.0, 100.0]


def test_bounds_hold_the_share_that_they_say() -> None:
    """Over many draws a new error lies between them as often as the level says, or a little more often."""
    rng = np.random.default_rng(1)
    for level in LEVELS:
        inside = []
        for _ in range(400):
            low, high = bounds(np.sort(rng.normal(size=99)).tolist(), level)
            inside.append(low <= rng.normal() <= high)
        assert level - 5 <= 100 * np.mean(inside) <= level + 6
    assert bounds([-2.0, 0.5, 3.0], 95) == (-2.0, 3.0)


@pytest.mark.slow
def test_it_finds_the_law(errors: Errors) -> None:
    """On configurations left out it errs little more than counting does, and less than every simple way."""
    figures = errors.summary()["errors"]
    assert figures[MODEL]["mae"] < 0.7 * min(row["mae"] for name, row in figures.items() if name != MODEL)
    counting = np.mean([abs(one.score - truth(one.case)) for one in errors.evidence])
    assert figures[MODEL]["mae"] < 2.5 * counting


@pytest.mark.slow
def test_intervals_hold_what_they_promise(errors: Errors) -> None:
    """80 % and 95 % intervals hold about that share of configurations left out, and the wider one is wider."""
    found = errors.summary()["intervals"]
    assert 72 <= found["80"]["coverage"] <= 90
    assert found["95"]["coverage"] >= 90
    assert found["80"]["width"] < found["95"]["width"] < 40


def test_every_group_is_left_out_whole(seen: tuple[Evidence, ...]) -> None:
    """No configuration, source or model stands in two parts."""
    for scheme, name in (("configuration", "configuration"), ("source", "source"), ("model", "model")):
        parts = parts_of(seen, scheme, 4)
        where: dict[str, set[int]] = {}
        for one, part in zip(seen, parts.tolist(), strict=True):
            where.setdefault(getattr(one.case, name), set()).add(part)
        assert all(len(each) == 1 for each in where.values())
        assert len(set(parts.tolist())) == min(4, len(where))


def test_fewer_bits_are_never_predicted_better(fitted: Predictor) -> None:
    """Along 8, 4, 3 bits no score rises by more than the noise of counting."""
    for model, *_ in MODELS:
        for method in ("plain", "careful", "turned"):
            scores = _scores(fitted, [case(model, method, bits) for bits in BITS[:3]])
            assert scores[0] >= scores[1] - 1.0
            assert scores[1] >= scores[2] - 1.0


def test_trees_know_that_bits_help(fitted: Predictor) -> None:
    """What the trees say is monotone in every number of bits, exactly."""
    for part in range(3):
        rows = [[4.0, 4.0, 4.0] for _ in range(8)]
        for row, bits in zip(rows, (2.0, 2.7, 3.0, 3.59, 4.0, 6.0, 8.0, 16.0), strict=True):
            row[part] = bits
        cases = [case(bits=(w, a, kv)) for w, a, kv in rows]
        assert (np.diff(fitted.forest.predict(cases)) >= 0).all()


def test_it_is_the_same_twice_and_in_any_order(seen: tuple[Evidence, ...], fitted: Predictor) -> None:
    """Two fits answer alike to the last digit, and a question is answered alike alone and among others."""
    questions = [one.case for one in seen[::7]]
    again = fit(seen)
    assert again.calibration == fitted.calibration
    assert _scores(again, questions) == _scores(fitted, questions)
    assert _scores(fitted, questions[:1]) == pytest.approx(_scores(fitted, questions)[:1], abs=1e-9)


def test_what_is_not_quantized_is_its_own_baseline(fitted: Predictor) -> None:
    found = fitted.predict([case(bits=(16.0, 16.0, 16.0), baseline=61.5)], [False])[0]
    assert found.score == 61.5
    assert (found.intervals[95].low, found.intervals[95].high) == (61.5, 61.5)


def test_beyond_the_evidence_intervals_are_no_narrower(fitted: Predictor) -> None:
    one = case(bits=(3.0, 16.0, 16.0))
    inside, outside = (fitted.predict([one], [out])[0] for out in (False, True))
    for level in LEVELS:
        assert outside.intervals[level].low <= inside.intervals[level].low
        assert outside.intervals[level].high >= inside.intervals[level].high


def test_the_nearest_evidence_is_the_same_setting(fitted: Predictor) -> None:
    """For a reported setting it comes first; another method comes later."""
    asked = fitted.evidence[0].case
    first, alike = fitted.nearest(asked, 3)[0]
    assert (first.case.method, first.case.bits, first.case.model) == (asked.method, asked.bits, asked.model)
    assert alike > 0.9


@pytest.mark.parametrize(
    ("asked", "field", "by"),
    [
        (case(bits=(2.0, 16.0, 16.0)), "weight_bits", 1.0),
        (case(bits=(4.0, 16.0, 3.0)), "kv_bits", 1.0),
        (replace(case(), size_b=64.0), "model_size", 2.0),
        (replace(case(), size_b=0.5), "model_size", 2.0),
        (replace(case(), method="magic"), "method", None),
        (replace(case(), benchmark="Riddles"), "benchmark", None),
        (replace(case(), baseline=99.9), "baseline", None),
        (case(bits=(16.0, 16.0, 4.0)), "bits", None),
    ],
)
def test_what_lies_outside_is_named_with_how_far(
    seen: tuple[Evidence, ...], asked: Case, field: str, by: float | None
) -> None:
    found = {each.input: each for each in Hull(seen).outside(asked)}
    assert field in found
    if by is not None:
        assert found[field].by == pytest.approx(by)


def test_what_is_reported_lies_inside(seen: tuple[Evidence, ...]) -> None:
    hull = Hull(seen)
    assert not [each for one in seen for each in hull.outside(one.case)]


def test_too_little_is_refused(seen: tuple[Evidence, ...]) -> None:
    with pytest.raises(DataError, match="too few to learn from"):
        fit(seen[:10])


@pytest.mark.slow
def test_the_figures_as_tables(errors: Errors) -> None:
    """Every way to predict has a row, and no figure is made up."""
    summary = errors.summary()
    text = markdown(
        {
            "rows": 1,
            "configurations": 1,
            "sources": 1,
            "models": 1,
            "parts": 4,
            "schemes": dict.fromkeys(("configuration", "source", "model"), summary),
        }
    )
    for name, row in summary["errors"].items():
        assert f"| {name} | {row['mae']:.2f} |" in text
    assert "nan" not in text


def _scores(predictor: Predictor, cases: Sequence[Case]) -> list[float]:
    return [each.score for each in predictor.predict(cases, [False] * len(cases))]
