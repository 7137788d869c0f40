"""Statistics agree with scipy, statsmodels and the papers they come from, and hold what an interval must hold."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from kb.errors import UsageError
from kb.harness import stats
from kb.harness.stats import Interval, Pairs
from kb.harness.stats.items import RESAMPLES, SEED
from kb.harness.stats.paired import tango_z
from kb.harness.stats.proportions import restricted

counts = st.integers(0, 60)
cells = st.tuples(counts, counts, counts, counts).filter(lambda c: sum(c) > 0)
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])


# ------------------------------------------------------------------------------------------- one proportion


@given(st.integers(0, 200), st.integers(1, 200), levels)
def test_wilson_and_clopper_pearson_are_scipys(right: int, n: int, level: float) -> None:
    """For whole numbers both intervals are those of scipy."""
    right = min(right, n)
    for made, name in (
        (stats.wilson(right, n, level), "wilson"),
        (stats.clopper_pearson(right, n, level), "exact"),
    ):
        bounds = binomtest(right, n).proportion_ci(level, method=name)
        assert (made.low, made.high) == pytest.approx((bounds.low, bounds.high), abs=1e-12)
        assert made.low <= made.value <= made.high


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_of_newcombes_paper(right: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    made = stats.wilson(right, n)
    assert (made.low, made.high) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_proportions_interval_mirrors(right: int, n: int) -> None:
    """What is right and what is wrong swap, and so do the bounds."""
    right = min(right, n)
    for interval in (stats.wilson, stats.clopper_pearson):
        one, other = interval(right, n), interval(n - right, n)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(2, 9))
def test_more_items_narrow_an_interval(right: int, n: int, times: int) -> None:
    """At one proportion, the interval of more items lies within that of fewer."""
    right = min(right, n)
    for interval in (stats.wilson, stats.clopper_pearson):
        few, many = interval(right, n), interval(right * times, n * times)
        assert many.high - many.low < few.high - few.low


def test_wilson_covers_as_often_as_it_says() -> None:
    """Mean coverage over proportions, by enumeration at 40 items, is the level."""
    covered = []
    for p in np.linspace(0.02, 0.98, 97):
        held = [stats.wilson(k, 40).holds(p) for k in range(41)]
        covered.append(float(np.dot(held, binom.pmf(range(41), 40, p))))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_nothing_seen_is_not_a_number() -> None:
    """No items give NaN, which plain data say as null, and which is not known."""
    for made in (stats.wilson(0, 0), stats.clopper_pearson(0, 0), stats.mean([]), stats.rate([], [])):
        assert not made.known
        assert made.to_data()["value"] is None


@pytest.mark.parametrize("call", [
    lambda: stats.wilson(3, 2),
    lambda: stats.wilson(math.nan, 2),
    lambda: stats.wilson(1, 2, level=95),
    lambda: stats.clopper_pearson(-1, 2),
    lambda: stats.mean([1.0, math.nan]),
    lambda: stats.rate([2.0], ["a"]),
    lambda: stats.rate([1.0], ["a", "b"]),
    lambda: stats.mcnemar(-1, 2),
    lambda: stats.sign_flip([math.inf]),
    lambda: stats.tost_paired(Pairs(1, 1, 1, 1), 1.5),
    lambda: stats.tost_paired(Pairs(1, 1, 1, 1), 0.1, alpha=0.6),
    lambda: stats.tost_mean([2.0] * 20, range(20), 0.1),
    lambda: Pairs(-1, 0, 0, 0),
    lambda: Pairs.of([1.0], [1.0, 0.0]),
    lambda: stats.holm([0.1, math.nan]),
    lambda: stats.benjamini_hochberg([1.2]),
    lambda: stats.reported(70, 30),
    lambda: stats.reported(0.7, 0),
    lambda: stats.items_for_paired(0.01, discordant=0.05, difference=-0.01),
    lambda: stats.items_for_paired(0.01, discordant=0.05, difference=0.02, equivalence=True),
    lambda: stats.items_for_paired(0.01, discordant=0.01, difference=0.02),
    lambda: stats.items_for_independent(0.01, p=0.999, difference=0.005),
    lambda: stats.items_for_mcnemar(0.0, discordant=0.1),
    lambda: stats.items_for_width(0.5, 0.0),
])  # fmt: skip
def test_impossible_input_is_one_clear_line(call) -> None:
    """What has no answer is refused in words, not with a traceback of the arithmetic or a NaN."""
    with pytest.raises(UsageError) as caught:
        call()
    assert "\n" not in str(caught.value)


# -------------------------------------------------------------------------------------- reported figures


def test_seeds_narrow_a_reported_figure_only_as_far_as_items_let_them() -> None:
    """Without a spread seeds count for nothing; with one, the interval lies between those of n and n x seeds items."""
    plain = stats.reported(0.7, 30)
    assert plain == stats.reported(0.7, 30, seeds=8)
    with_spread = stats.reported(0.7, 30, seeds=8, spread=0.05)
    widest, narrowest = stats.wilson(21, 30), stats.wilson(21 * 8, 30 * 8)
    assert (plain.low, plain.high) == (widest.low, widest.high)
    assert widest.low < with_spread.low < narrowest.low < narrowest.high < with_spread.high < widest.high


def test_reported_figure_with_all_its_variance_between_seeds() -> None:
    """If items do not differ at all in difficulty, n items with s seeds are as good as n s items."""
    p, n, seeds = 0.5, 40, 4
    made = stats.reported(p, n, seeds=seeds, spread=math.sqrt(p * (1 - p) / n))
    every = stats.wilson(p * n * seeds, n * seeds)
    assert (made.low, made.high) == pytest.approx((every.low, every.high))


def test_reported_variance_is_that_of_simulated_benchmarks() -> None:
    """The variance behind the interval is that of simulated means over items with difficulties and several seeds."""
    draw = np.random.default_rng(1)
    n, seeds = 30, 4
    means, spreads = [], []
    for _ in range(4000):
        difficulty = draw.beta(2, 1, n)  # mean 2/3
        scores = (draw.random((seeds, n)) < difficulty).mean(axis=1)
        means.append(scores.mean())
        spreads.append(scores.var(ddof=1))
    p = 2 / 3
    predicted = p * (1 - p) / n - np.mean(spreads) * (1 - 1 / seeds)
    assert predicted == pytest.approx(np.var(means), rel=0.06)


@given(st.integers(1, 400), st.integers(1, 5), st.data())
def test_a_possible_figure_is_possible(items: int, seeds: int, data: st.DataObject) -> None:
    """Every count, printed with one decimal, is among the counts that the figure can stand for."""
    right = data.draw(st.integers(0, items * seeds))
    printed = float(f"{100 * right / (items * seeds):.1f}")
    assert right in stats.reported_counts(printed, items, seeds=seeds)


def test_an_impossible_figure_has_no_counts() -> None:
    """66.5 % of 30 is no number of right answers; 66.7 % is 20. Of 28, a mean of 5.19 is none (GRIM's example, whole numbers)."""
    assert stats.reported_counts(66.7, 30) == [20]
    assert stats.reported_counts(66.5, 30) == []
    assert all(abs(total / 28 - 5.19) > 0.005 for total in range(28 * 8))
    assert stats.reported_counts(51.9, 28) == []


# ------------------------------------------------------------------------------------------ items as the unit


def test_one_answer_an_item_is_wilson() -> None:
    """A rate of single right-or-wrong answers is the binomial one."""
    made = stats.rate([1, 1, 0, 1], "abcd")
    assert (made.low, made.high) == (stats.wilson(3, 4).low, stats.wilson(3, 4).high)


def test_repeated_completions_are_no_new_evidence() -> None:
    """Ten copies of each answer leave the interval about as wide as one of each: items are the unit."""
    answers = [float(at % 3 > 0) for at in range(60)]
    once = stats.rate(answers, range(60))
    copies = stats.rate([a for a in answers for _ in range(10)], [at for at in range(60) for _ in range(10)])
    assert copies.value == pytest.approx(once.value)
    assert copies.n == 60
    assert copies.high - copies.low == pytest.approx(once.high - once.low, rel=0.05)
    if_independent = stats.wilson(sum(answers) * 10, 600)
    assert copies.high - copies.low > 2 * (if_independent.high - if_independent.low)


def test_items_that_are_all_alike_keep_an_interval() -> None:
    """All right, four times each: as sure as so many items, not more, and not certain."""
    made = stats.rate([1.0] * 40, [at // 4 for at in range(40)])
    assert (made.low, made.high) == (stats.wilson(10, 10).low, 1.0)


def test_clustered_rate_is_scipys_bootstrap() -> None:
    """The interval is that of scipy.stats.bootstrap on the items' means with the same seed."""
    draw = random.Random(4)
    rows = [[float(draw.random() < ease) for _ in range(4)] for ease in (draw.random() for _ in range(30))]
    made = stats.rate([v for row in rows for v in row], [at for at, row in enumerate(rows) for _ in row])
    theirs = scipy_bootstrap(
        (np.array([np.mean(row) for row in rows]),),
        np.mean,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    assert (made.low, made.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


@pytest.mark.slow
def test_clustered_rate_covers_as_often_as_it_says() -> None:
    """On simulated items of unequal difficulty the interval holds the truth in about 95 of 100 evaluations."""
    draw = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        ease = draw.beta(1, 1, 50)
        right = (draw.random((50, 4)) < ease[:, None]).astype(float)
        held += stats.rate(right.ravel().tolist(), np.repeat(np.arange(50), 4).tolist()).holds(0.5)
    assert 0.92 <= held / 400 <= 0.98


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
@settings(max_examples=30, deadline=None)
def test_a_mean_lies_in_its_interval_and_mirrors(values: list[float]) -> None:
    """The interval holds the mean, is the same twice, and turns with the sign of the values."""
    made = stats.mean(values)
    assert made.holds(made.value)
    assert made == stats.mean(values)
    mirrored = -stats.mean([-value for value in values])
    scale = max(1e-6, max(values) - min(values))
    assert mirrored.low == pytest.approx(made.low, abs=0.05 * scale)
    assert mirrored.high == pytest.approx(made.high, abs=0.05 * scale)


def test_median_by_order_statistics() -> None:
    """Conover's ranks: of 20 values the 6th and the 15th (their binomial probability is 0.959); exact by enumeration."""
    made = stats.median([float(value) for value in range(1, 21)])
    assert (made.value, made.low, made.high) == (10.5, 6.0, 15.0)
    for n in (6, 9, 37, 100):
        made = stats.median([float(value) for value in range(n)])
        below = int(made.low) + 1
        assert 1 - 2 * binom.cdf(below - 1, n, 0.5) >= 0.95 > 1 - 2 * binom.cdf(below, n, 0.5)
    assert math.isnan(stats.median([1.0, 2.0, 3.0]).low)


def test_median_of_repeated_completions_resamples_items() -> None:
    """Copies do not narrow the interval of a median."""
    values = [float(v) for v in range(40)]
    once = stats.median(values)
    copies = stats.median([v for v in values for _ in range(8)], [at for at in range(40) for _ in range(8)])
    assert copies.holds(copies.value)
    assert copies.high - copies.low > 0.6 * (once.high - once.low)


def test_welch_on_a_published_example() -> None:
    """Difference of the means of two samples as scipy's ttest_ind with unequal variances, and as its formula by hand."""
    a = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    b = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.1]
    made = stats.mean_difference(a, range(15), b, range(15))
    assert made.value == pytest.approx(np.mean(b) - np.mean(a))
    va, vb = np.var(a, ddof=1) / 15, np.var(b, ddof=1) / 15
    freedom = (va + vb) ** 2 / (va**2 / 14 + vb**2 / 14)
    from scipy.stats import t

    half = t.ppf(0.975, freedom) * math.sqrt(va + vb)
    assert (made.low, made.high) == pytest.approx((made.value - half, made.value + half))


# ------------------------------------------------------------------------------------------------ paired


def test_tango_of_tangos_paper() -> None:
    """Statistics in Medicine 17 (1998) 891, section 6.1 (soft contact lenses): 43 both, 0 and 1 discordant, margin 0.1."""
    pairs = Pairs(both=43, only_a=1, only_b=0, neither=0)
    tested = stats.tost_paired(pairs, margin=0.1, alpha=0.05)
    assert round(tango_z(pairs, -0.1), 3) == 1.709
    assert round(tested.p_drop, 3) == 0.044
    assert round(tested.interval.low, 3) == -0.096
    assert tested.non_inferior


def test_tango_and_newcombe_on_fagerlands_example() -> None:
    """Airway reactivity, Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850: 1, 1, 7, 12."""
    pairs = Pairs(both=1, only_a=7, only_b=1, neither=12)
    assert [round(bound, 3) for bound in (stats.tango(pairs).low, stats.tango(pairs).high)] == [
        -0.517,
        -0.026,
    ]
    made = stats.newcombe_paired(pairs)
    assert [round(bound, 3) for bound in (made.low, made.high)] == [-0.507, -0.026]


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((18, 12, 2, 18), 0.0562, 0.3290),
        ((36, 14, 0, 0), 0.1528, 0.4167),
        ((35, 14, 0, 1), 0.1461, 0.4175),
        ((2, 97, 1, 0), 0.8721, 0.9854),
        ((0, 29, 1, 0), 0.6666, 0.9882),
        ((1, 98, 0, 1), 0.9171, 0.9916),
        ((54, 0, 0, 0), -0.0664, 0.0664),
        ((53, 0, 0, 1), -0.0729, 0.0729),
        ((27, 0, 0, 27), -0.0351, 0.0351),
    ],
)
def test_newcombe_paired_of_newcombes_paper(cells: tuple[int, ...], low: float, high: float) -> None:
    """Statistics in Medicine 17 (1998) 2635, table III, method 10. The paper's difference is first minus second."""
    both, first, second, neither = cells
    made = stats.newcombe_paired(Pairs(both, only_a=second, only_b=first, neither=neither))
    assert (made.low, made.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [((48, 80), (56, 70), 0.0524, 0.3339), ((3, 10), (9, 10), 0.1705, 0.8090)],
)
def test_newcombe_independent_of_newcombes_paper(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    """Statistics in Medicine 17 (1998) 873, table II, method 10."""
    made = stats.newcombe_independent(*a, *b)
    assert (made.low, made.high) == pytest.approx((low, high), abs=6e-5)


@given(cells, levels)
def test_a_paired_interval_holds_its_estimate_and_mirrors(c: tuple[int, int, int, int], level: float) -> None:
    """Swapping the runs swaps and negates the bounds; both stay within -1 and 1 and hold the difference."""
    pairs = Pairs(*c)
    for interval in (stats.tango, stats.newcombe_paired):
        made, swapped = interval(pairs, level), -interval(pairs.swapped(), level)
        assert -1 <= made.low <= made.value <= made.high <= 1
        assert (made.low, made.value, made.high) == pytest.approx(
            (swapped.low, swapped.value, swapped.high), abs=1e-8
        )


@given(cells, st.integers(2, 6))
def test_more_pairs_narrow_the_interval(c: tuple[int, int, int, int], times: int) -> None:
    """At the same shares, more pairs never widen the interval."""
    few, many = stats.tango(Pairs(*c)), stats.tango(Pairs(*(times * count for count in c)))
    assert many.high - many.low <= few.high - few.low + 1e-9


@given(cells)
def test_tangos_bounds_solve_its_test(c: tuple[int, int, int, int]) -> None:
    """At each bound that is not the end of the scale the statistic is the quantile."""
    pairs = Pairs(*c)
    made = stats.tango(pairs)
    for bound, z in ((made.low, 1.959964), (made.high, -1.959964)):
        if -1 < bound < 1 and bound != made.value:
            assert tango_z(pairs, bound) == pytest.approx(z, abs=1e-4)


def test_at_no_difference_tango_is_mcnemar() -> None:
    """(c - b) / sqrt(b + c), as section 6.2 of the paper notes."""
    assert tango_z(Pairs(5, 3, 9, 2), 0.0) == pytest.approx((9 - 3) / math.sqrt(12))


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_fair_coin(only_a: int, only_b: int) -> None:
    """The exact p value, summed by hand; the same whichever run comes first; 1 without discordant pairs."""
    n, k = only_a + only_b, min(only_a, only_b)
    by_hand = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)
    assert stats.mcnemar(only_a, only_b) == pytest.approx(by_hand)
    assert stats.mcnemar(only_a, only_b) == stats.mcnemar(only_b, only_a)


@given(st.integers(0, 9), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_sign_flips_of_right_or_wrong_are_mcnemar(only_a: int, only_b: int) -> None:
    """The permutation test of single answers is the exact McNemar test."""
    differences = [-1.0] * only_a + [1.0] * only_b + [0.0] * 7
    assert stats.sign_flip(differences) == pytest.approx(stats.mcnemar(only_a, only_b))


def test_sign_flips_of_fishers_plants() -> None:
    """Darwin's maize, Fisher, The Design of Experiments, section 21: p is 0.05267 (of 32768 sign patterns, 863 twice).

    15 pairs are more than 9999 patterns, so that the p value is drawn: within four standard errors of the published one.
    """
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    drawn = stats.sign_flip([value / 8 for value in eighths])
    assert drawn == pytest.approx(0.05267, abs=4 * math.sqrt(0.05267 / 9999))
    assert drawn == stats.sign_flip([-value / 8 for value in eighths])


# ------------------------------------------------------------------------------------------- equivalence


@given(cells, st.sampled_from([0.01, 0.05, 0.2]))
def test_equivalence_and_its_interval_agree(c: tuple[int, int, int, int], margin: float) -> None:
    """Both tests reject exactly if the 90 % interval lies within the margins."""
    tested = stats.tost_paired(Pairs(*c), margin)
    inside = -margin < tested.interval.low and tested.interval.high < margin
    near = min(abs(tested.p_drop - 0.05), abs(tested.p_gain - 0.05)) < 1e-6
    assert near or tested.equivalent == inside
    assert not (tested.non_inferior and tested.worse)
    turned = stats.tost_paired(Pairs(*c).swapped(), margin)
    assert (turned.p_drop, turned.p_gain) == pytest.approx((tested.p_gain, tested.p_drop), abs=1e-9)


def test_thirty_items_cannot_show_a_one_point_drop() -> None:
    """Not even when no answer differs; 268 items that all agree can."""
    assert not stats.tost_paired(Pairs(20, 0, 0, 10), 0.01).non_inferior
    assert not stats.tost_paired(Pairs(160, 0, 0, 107), 0.01).non_inferior
    assert stats.tost_paired(Pairs(160, 0, 0, 108), 0.01).non_inferior
    assert stats.items_for_paired(0.01, discordant=0.0) == 268
    assert stats.margin_shown_paired(268) == pytest.approx(0.01, abs=2e-5)


def test_several_completions_are_tested_over_items() -> None:
    """Many differing items: t tests on the items' means. Few: Tango's test on the masses of the differences."""
    from scipy.stats import ttest_1samp

    draw = random.Random(3)
    means = [draw.gauss(0, 0.1) for _ in range(80)]
    values = [mean + wobble for mean in means for wobble in (-0.05, 0.05)]
    tested = stats.tost_mean(values, [at for at in range(80) for _ in range(2)], 0.05)
    assert tested.p_drop == pytest.approx(ttest_1samp(means, -0.05, alternative="greater").pvalue)
    assert tested.p_gain == pytest.approx(ttest_1samp(means, 0.05, alternative="less").pvalue)
    few = stats.tost_mean([0.0] * 28 + [0.5, 0.5, -0.5, -0.5], [at // 2 for at in range(32)], 0.05)
    assert few.p_drop == pytest.approx(stats.tost_paired(Pairs(0, 0.5, 0.5, 15), 0.05).p_drop)
    assert not stats.tost_mean([0.0] * 8, range(8), 0.01).equivalent


# ------------------------------------------------------------------------------- agreement with statsmodels

pairs_of_proportions = [
    ((48, 80), (56, 70)),
    ((3, 10), (9, 10)),
    ((0, 20), (10, 10)),
    ((395, 400), (180, 200)),
]


@pytest.mark.slow  # pandas takes its time
@pytest.mark.parametrize(("a", "b"), pairs_of_proportions)
def test_independent_proportions_are_those_of_statsmodels(a: tuple[int, int], b: tuple[int, int]) -> None:
    """Newcombe's interval and the score test of no difference agree with statsmodels.

    At other differences statsmodels up to 0.15.0 takes proportions that are not the most likely ones (its issue 10269):
    there the papers' figures and a search for the maximum speak.
    """
    theirs = pytest.importorskip("statsmodels.stats.proportion")
    interval = stats.newcombe_independent(*a, *b)
    assert (interval.low, interval.high) == pytest.approx(
        theirs.confint_proportions_2indep(*b, *a, method="newcomb"), abs=1e-9
    )
    z = theirs.score_test_proportions_2indep(*b, *a, value=0, correction=False).statistic
    assert stats.score_independent(*a, *b, 0.0) == pytest.approx(z, abs=1e-7)


@given(st.integers(1, 50), st.integers(1, 50), st.data())
@settings(max_examples=40, deadline=None)
def test_restricted_proportions_are_the_most_likely(n_a: int, n_b: int, data: st.DataObject) -> None:
    """The closed form finds the maximum of the likelihood among pairs with this difference."""
    x_a, x_b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    difference = data.draw(st.floats(-0.9, 0.9))

    def unlikely(q_a: float, q_b: float) -> float:
        cells = ((x_a, q_a), (n_a - x_a, 1 - q_a), (x_b, q_b), (n_b - x_b, 1 - q_b))
        return -sum(count * math.log(max(p, 1e-12)) for count, p in cells if count)

    found = restricted(x_a / n_a, x_b / n_b, n_a / n_b, difference)
    assert found[1] - found[0] == pytest.approx(difference, abs=1e-9)
    grid = np.linspace(max(0.0, difference), min(1.0, 1 + difference), 2001)
    best = min(unlikely(q - difference, q) for q in grid)
    assert unlikely(*found) <= best + 1e-6


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ((48, 80), (56, 70), 0.0533, 0.3377),
        ((3, 10), (9, 10), 0.1821, 0.8370),
        ((2, 7), (6, 7), 0.0544, 0.8478),
        ((0, 29), (5, 56), -0.0313, 0.1926),
        ((0, 20), (10, 10), 0.7225, 1.0),
    ],
)
def test_score_interval_of_newcombes_paper(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 5 (Mee; SAS calls it Farrington-Manning)."""
    made = stats.tost_independent(*a, *b, margin=0.1, alpha=0.025).interval
    assert (made.low, made.high) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30), st.floats(0.02, 0.3))
@settings(deadline=None)
def test_independent_equivalence_and_its_interval_agree(
    x: int, n: int, y: int, m: int, margin: float
) -> None:
    """Both tests reject exactly if the interval lies within the margins; swapping the sides swaps the tests."""
    x, y = min(x, n), min(y, m)
    tested = stats.tost_independent(x, n, y, m, margin)
    near = min(abs(tested.p_drop - 0.05), abs(tested.p_gain - 0.05)) < 1e-6
    assert tested.interval.holds(tested.interval.value)
    assert near or tested.equivalent == (-margin < tested.interval.low and tested.interval.high < margin)
    turned = stats.tost_independent(y, m, x, n, margin)
    assert (turned.p_drop, turned.p_gain) == pytest.approx((tested.p_gain, tested.p_drop), abs=1e-7)


@pytest.mark.slow  # pandas takes its time
@given(st.lists(st.floats(0, 1), max_size=12))
def test_adjusted_p_values_are_those_of_statsmodels(p_values: list[float]) -> None:
    """Holm and Benjamini-Hochberg agree with multipletests, in the order given."""
    theirs = pytest.importorskip("statsmodels.stats.multitest")
    for adjust, name in ((stats.holm, "holm"), (stats.benjamini_hochberg, "fdr_bh")):
        wanted = theirs.multipletests(p_values, method=name)[1] if p_values else []
        assert adjust(p_values) == pytest.approx(list(wanted))


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03, 0.005 times 3, 1, 2, 4, never falling: 0.03, 0.06, 0.06, 0.02 (Holm's rule)."""
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.slow  # pandas takes its time
@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (6, 12), (59, 6), (40, 41)])
def test_mcnemar_is_that_of_statsmodels(only_a: int, only_b: int) -> None:
    """The exact p value agrees with statsmodels.stats.contingency_tables.mcnemar."""
    theirs = pytest.importorskip("statsmodels.stats.contingency_tables")
    wanted = theirs.mcnemar([[9, only_a], [only_b, 7]], exact=True).pvalue
    assert stats.mcnemar(only_a, only_b) == pytest.approx(wanted)


# ---------------------------------------------------------------------------------------------- planning


@pytest.mark.parametrize(
    ("margin", "discordant", "difference", "equivalence"),
    [(0.1, 0.2, 0.0, False), (0.1, 0.2, -0.03, False), (0.05, 0.05, 0.0, False), (0.1, 0.15, 0.0, True)],
)
def test_planned_pairs_have_the_power(
    margin: float, discordant: float, difference: float, equivalence: bool
) -> None:
    """Enumerating every outcome, so many pairs show it with 80 % power, within what a normal approximation gives."""
    n = stats.items_for_paired(margin, discordant=discordant, difference=difference, equivalence=equivalence)
    p_a, p_b = (discordant - difference) / 2, (discordant + difference) / 2
    reached = 0.0
    for d in range(n + 1):
        chance_d = float(binom.pmf(d, n, discordant))
        if chance_d < 1e-7:
            continue
        for only_b in range(d + 1):
            chance = chance_d * float(binom.pmf(only_b, d, p_b / (p_a + p_b)))
            if chance < 1e-7:
                continue
            pairs = Pairs(n - d, d - only_b, only_b, 0)
            rejects = tango_z(pairs, -margin) > 1.644854
            if equivalence:
                rejects = rejects and tango_z(pairs, margin) < -1.644854
            reached += chance * rejects
    assert reached == pytest.approx(0.8, abs=0.05)


def test_planned_independent_items_have_the_power() -> None:
    """The same for two independent figures."""
    n = stats.items_for_independent(0.2, p=0.7)
    reached = sum(
        float(binom.pmf(x, n, 0.7) * binom.pmf(y, n, 0.7))
        for x, y in product(range(n + 1), repeat=2)
        if stats.score_independent(x, n, y, n, -0.2) > 1.644854
    )
    assert reached == pytest.approx(0.8, abs=0.03)


def test_items_for_mcnemar_by_connors_formula() -> None:
    """Connor, Biometrics 43 (1987) 207, by hand: (1.95996 sqrt(.2) + .84162 sqrt(.19))^2 / .01 = 154.6."""
    assert stats.items_for_mcnemar(0.1, discordant=0.2) == 155
    assert stats.power_of_mcnemar(155, 0.15, 0.05) == pytest.approx(0.8, abs=0.05)
    assert stats.power_of_mcnemar(155, 0.15, 0.05) == pytest.approx(stats.power_of_mcnemar(155, 0.05, 0.15))


def test_exact_power_of_mcnemar_by_enumeration() -> None:
    """Over all 3^6 outcomes of six pairs the power is the share that the exact test rejects."""
    chances = {-1: 0.6, 1: 0.1, 0: 0.3}
    reached = 0.0
    for outcome in product(chances, repeat=6):
        if stats.mcnemar(outcome.count(-1), outcome.count(1)) <= 0.05:
            reached += math.prod(chances[value] for value in outcome)
    assert stats.power_of_mcnemar(6, 0.6, 0.1) == pytest.approx(reached)


@given(st.floats(0.01, 0.2), st.floats(0.0, 0.4), st.floats(0.005, 0.05))
def test_a_wider_margin_never_needs_more(margin: float, discordant: float, more: float) -> None:
    """Items fall as the margin grows and rise as the runs disagree more."""
    needed = stats.items_for_paired(margin, discordant=discordant)
    assert stats.items_for_paired(margin + more, discordant=discordant) <= needed
    assert stats.items_for_paired(margin, discordant=discordant + more) >= needed
    shown = stats.margin_shown_paired(needed, discordant=discordant)
    assert shown <= margin + 2e-6


@given(st.floats(0.0, 1.0), st.floats(0.01, 0.3))
def test_items_for_a_width_are_just_enough(p: float, half: float) -> None:
    """So many items keep Wilson's interval as narrow as asked; one fewer does not."""

    def width(n: int) -> float:
        made: Interval = stats.wilson(p * n, n)
        return made.high - made.low

    n = stats.items_for_width(p, half)
    assert width(n) <= 2 * half + 1e-12
    assert n == 1 or width(n - 1) > 2 * half
