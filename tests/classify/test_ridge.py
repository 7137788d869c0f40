"""The kernel machine and its probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from kb.classify import ridge


def _problem(n: int = 40, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    x = rng.normal(size=(n, 6)) + 1.5 * np.eye(6)[labels]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return ridge.radial(x, x), np.eye(classes)[labels], labels


def test_left_out_scores_are_those_of_a_model_without_the_row():
    kernel, targets, _ = _problem()
    weights = np.linspace(0.5, 2.0, len(kernel))
    whole = ridge.fit(kernel, targets, weights, 0.7)
    for row in (0, 7, 39):
        rest = np.delete(np.arange(len(kernel)), row)
        inverse = np.linalg.inv(kernel[np.ix_(rest, rest)] + 0.7 * np.diag(1 / weights[rest]))
        alone = kernel[row, rest] @ inverse @ (targets[rest] - whole.offset) + whole.offset
        assert np.allclose(whole.left_out[row], alone)


def test_probabilities_add_up_and_calibration_finds_the_true_scale():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(4000, 3))
    truth = ridge.softmax(2.5 * scores)
    labels = np.array([rng.choice(3, p=p) for p in truth])
    found = ridge.calibrate(scores, labels, np.ones(len(labels)))
    assert found.scale == pytest.approx(2.5, abs=0.2)
    assert np.allclose(found(scores).sum(1), 1.0)
    assert ridge.expected_error(found(scores).max(1), found(scores).argmax(1) == labels) < 0.03


def test_calibration_survives_scores_that_separate_perfectly_or_say_nothing():
    labels = np.arange(30) % 2
    perfect = ridge.calibrate(np.eye(2)[labels], labels, np.ones(30))
    nothing = ridge.calibrate(np.zeros((30, 2)), labels, np.ones(30))
    assert np.isfinite(perfect.scale)
    assert np.isfinite(perfect.bias).all()
    assert np.allclose(nothing(np.zeros((1, 2))), 0.5)


def test_ece_is_zero_for_honest_and_large_for_boastful_probabilities():
    honest = np.array([1.0] * 10 + [0.5] * 10)
    assert ridge.expected_error(honest, np.array([True] * 15 + [False] * 5)) == pytest.approx(0.0)
    assert ridge.expected_error(np.ones(10), np.array([True] * 5 + [False] * 5)) == pytest.approx(0.5)


def test_the_threshold_is_the_lowest_at_which_answers_are_right_often_enough():
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert ridge.threshold(p, np.array([True, True, True, True, False]), 0.9) == 0.6
    assert ridge.threshold(p, np.array([False] * 5), 0.9) > 1
    assert ridge.threshold(p, np.array([True] * 5), 0.9, least=0.55) == 0.55


def test_the_same_input_gives_the_same_bytes():
    kernel, targets, _ = _problem()
    a, b = (ridge.fit(kernel, targets, np.ones(len(kernel)), 1.0) for _ in range(2))
    assert a.alpha.tobytes() == b.alpha.tobytes()
