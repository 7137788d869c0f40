"""A kernel machine small enough to solve exactly, and probabilities from it that mean what they say.

Kernel ridge regression on class indicators. Its leave-one-out predictions have a closed form, so that the settings and
the calibration are chosen on predictions that never saw the paper they are about, and training takes less than a
second. Nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """The solution: scores are `kernel @ alpha + offset`. `left_out` are the scores of each row without itself."""

    alpha: np.ndarray
    offset: np.ndarray
    left_out: np.ndarray


def fit(kernel: np.ndarray, targets: np.ndarray, weights: np.ndarray, ridge: float) -> Fit:
    """Solve for `targets` [n, classes], each row counting `weights` times."""
    offset = (targets * weights[:, None]).sum(0) / weights.sum()
    inverse = np.linalg.inv(kernel + ridge * np.diag(1.0 / weights))
    alpha = inverse @ (targets - offset)
    left_out = targets - alpha / np.diag(inverse)[:, None]
    return Fit(alpha, offset, left_out)


def radial(a: np.ndarray, b: np.ndarray, gamma: float = 2.0) -> np.ndarray:
    """exp(-gamma (1 - cosine)) of unit rows."""
    product = a.astype(np.float64) @ b.astype(np.float64).T
    return np.exp(-gamma * (1.0 - np.clip(product, -1.0, 1.0)))


def softmax(scores: np.ndarray) -> np.ndarray:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True)
class Calibration:
    """Scores become probabilities: softmax(scale * score + bias)."""

    scale: float
    bias: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return softmax(self.scale * scores + self.bias)


def calibrate(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, pull: float = 1.0) -> Calibration:
    """The scale and the biases under which `labels` are likeliest (Newton); `pull` draws biases to nothing."""
    n, classes = scores.shape
    scale, bias = 4.0, np.zeros(classes)
    truth = np.eye(classes)[labels]
    for _ in range(50):
        p = softmax(scale * scores + bias)
        error = (p - truth) * weights[:, None]
        gradient = np.concatenate([[(error * scores).sum() + 1e-3 * scale], error.sum(0) + pull * bias])
        features = np.zeros((n, classes, classes + 1))
        features[:, :, 0] = scores
        features[:, np.arange(classes), np.arange(classes) + 1] = 1.0
        mean = np.einsum("nc,ncf->nf", p, features)
        hessian = np.einsum("n,nc,ncf,ncg->fg", weights, p, features, features, optimize=True)
        hessian -= np.einsum("n,nf,ng->fg", weights, mean, mean, optimize=True)
        hessian += np.diag([1e-3] + [pull] * classes) + 1e-9 * np.eye(classes + 1)
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 5.0 / max(1e-12, np.abs(step).max()))
        scale, bias = max(0.05, scale - step[0]), bias - step[1:]
        if np.abs(step).max() < 1e-8:
            break
    return Calibration(float(scale), bias)


def log_loss(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    picked = np.clip(probabilities[np.arange(len(labels)), labels], 1e-9, 1.0)
    return float(-(np.log(picked) * weights).sum() / weights.sum())


def expected_error(probabilities: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """ECE: how far the stated probability of the answer is from its share of right ones, over equal bins of it."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = 0.0
    for each in range(bins):
        inside = which == each
        if inside.any():
            total += abs(float(right[inside].mean()) - float(probabilities[inside].mean())) * inside.mean()
    return float(total)


def threshold(probabilities: np.ndarray, right: np.ndarray, precision: float, least: float = 0.0) -> float:
    """The lowest probability above which answers are right as often as `precision` asks; 1.01 if there is none."""
    order = np.argsort(-probabilities, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= precision)
    if not len(good):
        return 1.01
    return max(least, float(probabilities[order][good[-1]]))
