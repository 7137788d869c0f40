"""What a run's results say, every figure with its interval.

    accuracy      right, unscored, pass@k, majority@k
    calibration   how sure against how right: ECE, Brier, reliability curves
    steps         where the chain of thought first goes wrong, and how
    outputs       how long, how often cut off, how far from the baseline's
    summary       all of it, over all and by group

A figure that nobody can know is NaN (null in data): reported, never ranked.
"""

from kb.harness.metrics.accuracy import Accuracy, accuracy, majority_at, pass_at, pass_at_k
from kb.harness.metrics.calibration import Bin, Binned, Calibration, Pick, calibration, confidence, ece
from kb.harness.metrics.outputs import Divergence, Lengths, Tokens, divergence, tokens, truncated
from kb.harness.metrics.steps import Hazard, Share, Steps, steps
from kb.harness.metrics.summary import Part, RunLike, Summary, summary

__all__ = [
    "Accuracy",
    "Bin",
    "Binned",
    "Calibration",
    "Divergence",
    "Hazard",
    "Lengths",
    "Part",
    "Pick",
    "RunLike",
    "Share",
    "Steps",
    "Summary",
    "Tokens",
    "accuracy",
    "calibration",
    "confidence",
    "divergence",
    "ece",
    "majority_at",
    "pass_at",
    "pass_at_k",
    "steps",
    "summary",
    "tokens",
    "truncated",
]
