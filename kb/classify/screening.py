"""Screening what comes in: how much reading a ranking saves, if hardly a relevant paper may be lost.

Recall comes first. The figure is WSS@95 (work saved over sampling): the share of papers that need not be read to find 95 %
of the relevant ones, less the 5 % that reading at random would save too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from kb.classify import ridge
from kb.classify.data import Example
from kb.classify.evaluate import Step, folds, no_step, out_of_fold
from kb.classify.table import Table
from kb.classify.text import BUCKETS, Sparse, bucket, inverse_frequency, packed, weigh

_CHEAPER = re.compile(
    r"efficien|compress|quantiz|prun|distil|token|overthink|concise|shorter|latency|accelerat|faster|speculative|early[ -]exit"
    r"|kv[ -]cache|budget|latent|self-consistency|test-time|small(er)? (language )?models?|routing|adaptive",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"reason|chain[ -]of[ -]thought|\bcot\b|think|\bllms?\b|language model", re.IGNORECASE
)


def recall_at(scores: np.ndarray, relevant: np.ndarray, share: float) -> float:
    """The share of relevant papers among the first `share` of the ranking."""
    order = np.argsort(-scores, kind="stable")
    return float(relevant[order[: round(share * len(order))]].sum() / max(1, relevant.sum()))


def read_for(scores: np.ndarray, relevant: np.ndarray, recall: float = 0.95) -> float:
    """The share of papers to read, best first, until this share of the relevant ones is found."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(relevant[order])
    return float(np.searchsorted(found, np.ceil(recall * relevant.sum() - 1e-9)) + 1) / len(order)


def wss(scores: np.ndarray, relevant: np.ndarray, recall: float = 0.95) -> float:
    return recall - read_for(scores, relevant, recall)


def keyword_scores(items: Sequence[Example]) -> np.ndarray:
    """How many words of efficiency a text has, if it has one of reasoning: what a filter would go by."""
    return np.array(
        [
            len(_CHEAPER.findall(item.document.text)) * bool(_REASONING.search(item.document.text))
            for item in items
        ],
        dtype=np.float64,
    )


def naive_bayes(train: Sparse, relevant: np.ndarray, asked: Sparse) -> np.ndarray:
    """Multinomial naive Bayes over TF-IDF with add-one smoothing, the usual default of screening tools."""
    sums = np.stack(
        [
            np.bincount(rows.columns, weights=rows.values, minlength=BUCKETS)
            for rows in (train.take(np.flatnonzero(~relevant)), train.take(np.flatnonzero(relevant)))
        ]
    )
    used = sums.sum(0) > 0
    log = np.log(sums + 1.0) - np.log((sums + 1.0)[:, used].sum(1, keepdims=True))
    log[:, ~used] = 0.0
    scores: np.ndarray = asked.dot((log[1] - log[0])[:, None])[:, 0]
    return scores


def spelled_counts(items: Sequence[Example]) -> Sparse:
    """Damped counts of words and pairs as they are spelled: a baseline is not to suffer from what suits kb."""
    rows = []
    for item in items:
        said = Counter(
            gram for words in item.document.kept for gram in (*words, *map(" ".join, pairwise(words)))
        )
        columns, place = np.unique([bucket(gram) for gram in said], return_inverse=True)
        times = np.bincount(place, weights=np.fromiter(said.values(), float, len(said)))
        rows.append((columns, 1 + np.log(times)))
    return packed(rows)


def screen(items: Sequence[Example], table: Table, *, seed: int = 0, step: Step = no_step) -> dict[str, Any]:
    """Rankings of all papers of which relevance is known, each by models that never saw the paper (five folds)."""
    rows = np.array([i for i, item in enumerate(items) if item.relevant is not None])
    chosen = [items[i] for i in rows]
    relevant = np.array([bool(item.relevant) for item in chosen])
    fold = folds([str(item.relevant) for item in chosen], 5, seed)
    part, spelled = table.take(rows), spelled_counts(chosen)
    rng = np.random.default_rng(seed)
    rankings: dict[str, np.ndarray] = {
        "random order": rng.random(len(rows)),
        "newest first": _dates(chosen),
        "keyword filter": keyword_scores(chosen),
        "TF-IDF + naive Bayes": np.zeros(len(rows)),
    }
    for number in range(5):
        test, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        words = weigh(spelled, inverse_frequency(spelled.take(rest)))
        rankings["TF-IDF + naive Bayes"][test] = naive_bayes(
            words.take(rest), relevant[rest], words.take(test)
        )
    spread = dict(zip(range(len(rows)), fold.tolist(), strict=True))
    views = [("kb, words only", True)] + ([("kb", False)] if table.vectors is not None else [])
    for name, lexical in views:
        p, classes, _ = out_of_fold(chosen, part, "relevance", spread, lexical=lexical)
        rankings[name] = p[:, classes.index("yes")]
        step("screening", len(rankings) - 4, len(views))
    strata = {
        "all": np.ones(len(rows), dtype=bool),
        "hard negatives: reasoning": relevant | np.array([item.tier == "hard_reasoning" for item in chosen]),
        "hard negatives: efficiency": relevant
        | np.array([item.tier == "hard_efficiency" for item in chosen]),
    }
    return {
        "relevant": int(relevant.sum()),
        "irrelevant": int((~relevant).sum()),
        "strata": {
            name: {"papers": int(inside.sum()), "relevant": int(relevant[inside].sum())}
            for name, inside in strata.items()
        },
        "rankings": {
            ranking: {
                name: {
                    "wss95": round(wss(scores[inside], relevant[inside]), 4),
                    "read_for_95": round(read_for(scores[inside], relevant[inside]), 4),
                    "recall_at_half_read": round(recall_at(scores[inside], relevant[inside], 0.5), 4),
                }
                for name, inside in strata.items()
            }
            for ranking, scores in rankings.items()
        },
        "active": active(chosen, part, relevant, step=step),
    }


def _dates(items: Sequence[Example]) -> np.ndarray:
    dates = sorted({item.date or "" for item in items})
    place = {date: float(i) for i, date in enumerate(dates)}
    return np.array([place[item.date or ""] for item in items])


def active(
    items: Sequence[Example],
    table: Table,
    relevant: np.ndarray,
    *,
    seeds: int = 3,
    batch: int = 25,
    step: Step = no_step,
) -> dict[str, float]:
    """WSS@95 of a reader who starts from one relevant and one irrelevant paper and reads what the model ranks first.

    The model learns again after each batch; nothing but the texts is known beforehand.
    """
    words = weigh(table.words, inverse_frequency(table.words))  # texts are there before any label is
    alike = words.products(words)
    spelled = spelled_counts(items)
    spelled = weigh(spelled, inverse_frequency(spelled))
    if table.vectors is not None:
        alike += ridge.radial(table.vectors, table.vectors)

    def by_kernel(read: np.ndarray, rest: np.ndarray) -> np.ndarray:
        targets = relevant[read].astype(np.float64)[:, None]
        share = targets.mean()
        weights = np.where(targets[:, 0] > 0, 0.5 / share, 0.5 / (1 - share))
        fitted = ridge.fit(alike[np.ix_(read, read)], targets, weights, 1.0)
        scores: np.ndarray = (alike[np.ix_(rest, read)] @ fitted.alpha)[:, 0]
        return scores

    def by_bayes(read: np.ndarray, rest: np.ndarray) -> np.ndarray:
        return naive_bayes(spelled.take(read), relevant[read], spelled.take(rest))

    learners: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "TF-IDF + naive Bayes": by_bayes,
        "kb": by_kernel,
    }
    found = {}
    for number, (name, rank) in enumerate(learners.items()):
        runs = [_read_by(rank, relevant, seed, batch) for seed in range(seeds)]
        found[name] = round(0.95 - float(np.mean(runs)), 4)
        step("active screening", number + 1, len(learners))
    return found


def _read_by(
    rank: Callable[[np.ndarray, np.ndarray], np.ndarray], relevant: np.ndarray, seed: int, batch: int
) -> float:
    """The share that was read when 95 % of the relevant papers were found."""
    rng = np.random.default_rng(seed)
    read = [int(rng.choice(np.flatnonzero(relevant))), int(rng.choice(np.flatnonzero(~relevant)))]
    wanted = np.ceil(0.95 * relevant.sum())
    while True:
        rest = np.setdiff1d(np.arange(len(relevant)), read)
        scores = rank(np.array(read), rest)
        for row in rest[np.argsort(-scores, kind="stable")][:batch].tolist():
            read.append(row)
            if relevant[read].sum() >= wanted:
                return len(read) / len(relevant)
