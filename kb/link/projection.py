"""Papers on a plane: laid out by t-SNE, turned to lie as they lay before, and what comes later put among its like.

A map that jumps at every new paper cannot be remembered. So places are kept; a new paper goes to the middle of those
most like it; and when a person asks for a new layout, it is turned, mirrored and scaled onto the old one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kb.errors import KbError
from kb.link.neighbours import Near

Places = dict[str, tuple[float, float]]
"""Where papers lie, by key: the longer side of the map goes from -100 to 100."""
HALF_SIDE = 100.0
DIGITS = 1
_APART = 1.6  # of two dots on the map: those that would lie closer are moved to free ground
_SEED = 0


def layout(likeness: np.ndarray) -> np.ndarray:
    """Places [papers, 2] by t-SNE of `likeness` [papers, papers], seeded; not scaled yet. A squared distance is what is
    missing to the highest likeness.

    van der Maaten and Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html, started from the first two principal
    coordinates, which makes the large shape repeatable (Kobak and Berens 2019, https://doi.org/10.1038/s41467-019-13056-x).

    Raises:
        KbError: scikit-learn is missing.
    """
    count = len(likeness)
    if count < 5:
        return _circle(count)
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise KbError(
            "a layout needs scikit-learn, which is not installed", fix="pip install 'kb-survey[classify]'"
        ) from None
    both = ((likeness + likeness.T) / 2).astype(np.float64)
    apart = np.sqrt(np.maximum(both[~np.eye(count, dtype=bool)].max() - both, 0.0))
    np.fill_diagonal(apart, 0.0)
    perplexity = min(30.0, (count - 1) / 3)
    tsne = TSNE(
        perplexity=perplexity, metric="precomputed", init=_coordinates(both), random_state=_SEED, n_jobs=1
    )
    return np.asarray(tsne.fit_transform(apart), dtype=float)


def _coordinates(likeness: np.ndarray) -> np.ndarray:
    """The first two principal coordinates [papers, 2], as small as t-SNE wants its start."""
    from scipy.sparse.linalg import eigsh

    centred = likeness - likeness.mean(axis=0) - likeness.mean(axis=1)[:, None] + likeness.mean()
    _, axes = eigsh(centred, k=2, v0=np.linspace(1.0, 2.0, len(likeness)))
    axes = axes[:, ::-1] * np.sign(axes[np.argmax(np.abs(axes), axis=0), (0, 1)])[::-1]
    return np.asarray(axes / max(float(axes[:, 0].std()), 1e-12) * 1e-4, dtype=np.float32)


def _circle(count: int) -> np.ndarray:
    angles = [2 * math.pi * number / max(count, 1) for number in range(count)]
    return np.array([(math.cos(angle), math.sin(angle)) for angle in angles]).reshape(count, 2)


def scaled(places: np.ndarray) -> np.ndarray:
    """`places` [papers, 2] moved to the middle of the map and scaled to fill it; the shape stays."""
    if not len(places):
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    side = float((high - low).max()) or 1.0
    return np.asarray((places - (low + high) / 2) * (2 * HALF_SIDE / side))


def turned_onto(
    places: np.ndarray, keys: Sequence[str], old: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """`places` [papers, 2] of `keys` turned and mirrored so that papers that lay somewhere before lie as near to that as
    they can: orthogonal Procrustes, by the singular vectors of the cross-covariance (Schönemann 1966)."""
    known = [at for at, key in enumerate(keys) if key in old]
    if len(known) < 3:
        return places
    before = np.array([old[keys[at]] for at in known])
    now = places[known]
    left, _, right = np.linalg.svd((now - now.mean(axis=0)).T @ (before - before.mean(axis=0)))
    return np.asarray((places - now.mean(axis=0)) @ (left @ right))


def among(near: Near, places: Mapping[str, tuple[float, float]], most: int = 5) -> tuple[float, float] | None:
    """The middle of the nearest papers that have a place, each as heavy as the square of its likeness; None if none has."""
    known = [(places[key], max(likeness, 0.01) ** 2) for key, likeness in near if key in places][:most]
    if not known:
        return None
    weight = sum(heavy for _, heavy in known)
    x = sum(place[0] * heavy for place, heavy in known) / weight
    y = sum(place[1] * heavy for place, heavy in known) / weight
    return x, y


class Ground:
    """The map's free ground: finds a place near a wanted one where no dot is hidden by another."""

    def __init__(self, taken: Iterable[tuple[float, float]] = ()) -> None:
        self._cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
        for place in taken:
            self._put(place)

    def settle(self, key: str, wanted: tuple[float, float]) -> tuple[float, float]:
        """The first free place on a spiral around `wanted` (where it starts is decided by `key`), taken from now on."""
        start = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=2).digest()) / 65536
        place = wanted
        for step in range(400):
            angle, radius = 2 * math.pi * start + 2.4 * step, 0.35 * _APART * math.sqrt(step)
            place = (
                round(_inside(wanted[0] + radius * math.cos(angle)), DIGITS),
                round(_inside(wanted[1] + radius * math.sin(angle)), DIGITS),
            )
            if self._free(place):
                break
        self._put(place)
        return place

    def _free(self, place: tuple[float, float]) -> bool:
        column, row = _cell(place)
        around = ((column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1))
        return all(
            math.dist(place, other) >= _APART for cell in around for other in self._cells.get(cell, ())
        )

    def _put(self, place: tuple[float, float]) -> None:
        self._cells.setdefault(_cell(place), []).append(place)


def _cell(place: tuple[float, float]) -> tuple[int, int]:
    return math.floor(place[0] / _APART), math.floor(place[1] / _APART)


def _inside(value: float) -> float:
    return max(-HALF_SIDE, min(HALF_SIDE, value))


def plane_of_words(keys: Sequence[str], weights: Any) -> Places:
    """Places of papers whose words are all that is known: the second and third singular vectors of their TF-IDF rows
    (the first is how common a paper's words are), each spread evenly. Crude, quick, and the same everywhere.

    Args:
        weights: a sparse matrix [papers, words].
    """
    if len(keys) < 5:
        ring = _circle(len(keys)) * HALF_SIDE / 2
        return {key: (round(x, DIGITS), round(y, DIGITS)) for key, (x, y) in zip(keys, ring, strict=True)}
    from scipy.sparse.linalg import svds

    start = np.full(min(weights.shape), 1.0)
    left, _, _ = svds(weights, k=3, v0=start, return_singular_vectors="u")
    axes = left[:, ::-1][:, 1:3]
    return dict(zip(keys, zip(*(_spread(keys, axis) for axis in axes.T), strict=True), strict=True))


def _spread(keys: Sequence[str], values: np.ndarray) -> list[float]:
    """The rank of each value, from one side of the map to the other."""
    told = np.round(values * np.sign(values[np.argmax(np.abs(values))] or 1.0), 6)
    order = sorted(range(len(keys)), key=lambda at: (told[at], keys[at]))
    ranks = {at: rank for rank, at in enumerate(order)}
    step = 2 * HALF_SIDE / max(len(keys) - 1, 1)
    return [round(ranks[at] * step - HALF_SIDE, DIGITS) for at in range(len(keys))]


def kept_share(likeness: np.ndarray, places: np.ndarray, count: int = 10) -> float:
    """How much of a neighbourhood the plane keeps: of the `count` papers most like a paper by `likeness` [papers, papers],
    the share that is also among the `count` that lie nearest to it; the mean over all papers."""
    if len(likeness) <= count:
        return 1.0
    alike, apart = likeness.copy(), ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(alike, -np.inf)
    np.fill_diagonal(apart, np.inf)
    true = np.argpartition(-alike, count, axis=1)[:, :count]
    flat = np.argpartition(apart, count, axis=1)[:, :count]
    return float(np.mean([len(set(a) & set(b)) / count for a, b in zip(true, flat, strict=True)]))
