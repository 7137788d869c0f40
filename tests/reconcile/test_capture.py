"""The estimate of what no list has: exact where Chapman's is, and its interval holds what it promises."""

from __future__ import annotations

import random
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.reconcile.capture import ENOUGH, chapman


def test_a_worked_example() -> None:
    """By hand: 201 * 151 / 51 - 1; variance 201 * 151 * 150 * 100 / (51**2 * 52) = 3366.08, 294.12 unseen."""
    found = chapman(200, 150, 50)
    assert found.total == pytest.approx(594.117647)
    assert found.seen == 300
    assert found.unseen == pytest.approx(294.117647)
    spread = (found.high - 300) / found.unseen
    assert (found.low - 300) * spread == pytest.approx(found.unseen)
    assert spread == pytest.approx(2.718281828 ** (1.959964 * 0.1953566), rel=1e-4)


@pytest.mark.parametrize(("works", "first", "second"), [(10, 6, 4), (12, 7, 9), (20, 12, 8), (30, 15, 25)])
def test_it_is_unbiased_where_the_lists_must_overlap(works: int, first: int, second: int) -> None:
    """Over all ways to draw two lists that together are as long as the field, the mean is the field, exactly."""
    mean = sum(
        comb(first, both)
        * comb(works - first, second - both)
        / comb(works, second)
        * chapman(first, second, both).total
        for both in range(max(0, first + second - works), min(first, second) + 1)
    )
    assert mean == pytest.approx(works)


@pytest.mark.parametrize(("works", "first", "second"), [(500, 250, 200), (800, 150, 120), (300, 60, 60)])
def test_the_interval_covers_as_often_as_it_says(works: int, first: int, second: int) -> None:
    """Of 1000 pairs of independent lists, about 950 intervals hold the true number."""
    rng = random.Random(works)
    held = 0
    for _ in range(1000):
        both = len(set(rng.sample(range(works), first)) & set(rng.sample(range(works), second)))
        found = chapman(first, second, both)
        held += found.low <= works <= found.high
    assert 925 <= held <= 985


@given(st.integers(0, 500), st.integers(0, 500), st.data())
def test_it_never_falls_below_what_was_seen(first: int, second: int, data: st.DataObject) -> None:
    both = data.draw(st.integers(0, min(first, second)))
    found = chapman(first, second, both)
    assert found.seen <= found.low <= found.total <= found.high
    assert found.usable is (both >= ENOUGH)


def test_a_list_within_the_other_leaves_nothing_to_guess() -> None:
    found = chapman(40, 100, 40)
    assert (found.total, found.low, found.high) == (100, 100, 100)


@pytest.mark.parametrize("sizes", [(3, 5, 4), (3, 5, -1)])
def test_an_impossible_overlap_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="cannot share"):
        chapman(*sizes)
