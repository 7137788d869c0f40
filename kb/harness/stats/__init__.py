"""Statistics of evaluations: how sure a figure is, whether two differ, whether two are as good as equal.

    interval      Interval, and plain data
    proportions   one proportion; two independent ones; what a reported figure can be
    items         means and rates when several completions share an item: items are the unit
    paired        two runs on the same items: McNemar, Tango, Newcombe, bootstrap, sign flips
    equivalence   two one-sided tests: as good as, within a margin
    planning      how many items would show it
    multiple      several tests at once: Holm, Benjamini-Hochberg

Proportions, differences and margins are fractions (0.01 is one point of 100). Differences are second minus first:
variant minus baseline. Everything is deterministic: resampling has a fixed seed. scipy is loaded when first needed.
"""

from kb.harness.stats.equivalence import Equivalence, tost_independent, tost_mean, tost_paired
from kb.harness.stats.interval import NAN, Interval, nothing, plain
from kb.harness.stats.items import bootstrap_items, mean, mean_difference, median, rate
from kb.harness.stats.multiple import benjamini_hochberg, holm
from kb.harness.stats.paired import Pairs, mcnemar, newcombe_paired, sign_flip, tango
from kb.harness.stats.planning import (
    items_for_independent,
    items_for_mcnemar,
    items_for_paired,
    items_for_width,
    margin_shown_independent,
    margin_shown_paired,
    power_of_mcnemar,
)
from kb.harness.stats.proportions import (
    clopper_pearson,
    newcombe_independent,
    reported,
    reported_counts,
    score_independent,
    wilson,
)

__all__ = [
    "NAN",
    "Equivalence",
    "Interval",
    "Pairs",
    "benjamini_hochberg",
    "bootstrap_items",
    "clopper_pearson",
    "holm",
    "items_for_independent",
    "items_for_mcnemar",
    "items_for_paired",
    "items_for_width",
    "margin_shown_independent",
    "margin_shown_paired",
    "mcnemar",
    "mean",
    "mean_difference",
    "median",
    "newcombe_independent",
    "newcombe_paired",
    "nothing",
    "plain",
    "power_of_mcnemar",
    "rate",
    "reported",
    "reported_counts",
    "score_independent",
    "sign_flip",
    "tango",
    "tost_independent",
    "tost_mean",
    "tost_paired",
    "wilson",
]
