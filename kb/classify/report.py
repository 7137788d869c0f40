"""Every figure about the classifier, and the Markdown that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kb.classify import evaluate
from kb.classify.cues import Cues
from kb.classify.data import Example, Part, count
from kb.classify.evaluate import Answers, Step, Trained, gold_rows, no_step, summary
from kb.classify.screening import screen
from kb.classify.simulate import decisions_needed
from kb.classify.table import table_of
from kb.classify.text import Document


def figures(
    items: Sequence[Example],
    vectors: np.ndarray | None,
    titles: np.ndarray | None,
    described: np.ndarray | None,
    cues: Cues,
    *,
    repeats: int = 5,
    step: Step = no_step,
) -> dict[str, Any]:
    """Everything `kb classify evaluate` reports.

    Args:
        vectors, titles: embeddings of the texts and of the titles alone; None measures words alone.
        described: embeddings of the three directions' descriptions.
    """
    table = table_of((item.document for item in items), vectors, cues)
    bare = table_of((Document(item.document.title) for item in items), titles, cues)
    rows = gold_rows(items)
    gold = [items[i] for i in rows]
    subsets = {
        "all": np.ones(len(rows), dtype=bool),
        "with an abstract": np.array([bool(item.document.abstract) for item in gold]),
        "first list's own chapters": np.array([item.tier == "gold" for item in gold]),
        "two or more lists, all agree": np.array(
            [len(item.votes) > 1 and len({d for _, d in item.votes}) == 1 for item in gold]
        ),
    }
    trained: Trained = {}
    runs: dict[str, list[Answers]] = {}
    proposes: dict[str, list[np.ndarray]] = {}
    if vectors is not None:
        runs["kb"], proposes["kb"] = evaluate.direction_runs(
            items,
            table,
            lexical=False,
            repeats=repeats,
            trained=trained,
            step=step,
            what="words and embeddings",
        )
        if titles is not None:
            runs["kb, title only"], _ = evaluate.direction_runs(
                items,
                table,
                lexical=False,
                repeats=repeats,
                test_table=bare,
                trained=trained,
                step=step,
                what="titles",
            )
    runs["kb, words only"], proposes["kb, words only"] = evaluate.direction_runs(
        items, table, lexical=True, repeats=repeats, trained=trained, step=step, what="words"
    )
    runs["kb, words only, title only"], _ = evaluate.direction_runs(
        items,
        table,
        lexical=True,
        repeats=repeats,
        test_table=bare,
        trained=trained,
        step=step,
        what="words of titles",
    )
    if vectors is not None:
        regression = evaluate.regression_runs(items, vectors, repeats=repeats)
        if regression is not None:
            runs["MiniLM + logistic regression"] = regression
        if described is not None:
            runs["MiniLM zero-shot, branch descriptions"] = [evaluate.zero_shot(items, vectors, described)]
    largest = np.zeros((len(rows), 3))
    largest[:, int(np.bincount(runs["kb, words only"][0].labels).argmax())] = 1.0
    runs["always the largest class"] = [
        Answers(largest, runs["kb, words only"][0].labels, runs["kb, words only"][0].classes)
    ]
    best = "kb" if "kb" in runs else "kb, words only"
    lexical = best != "kb"
    reliable = evaluate.reliability(gold)
    return {
        "papers": count(items),
        "repeats": repeats,
        "direction": {
            name: {subset: summary([run.only(inside) for run in each]) for subset, inside in subsets.items()}
            for name, each in runs.items()
        },
        "per_class": {
            name: {c: {k: round(v, 3) for k, v in row.items()} for c, row in each[0].per_class().items()}
            for name, each in runs.items()
            if name in {"kb", "kb, words only"}
        },
        "proposals": {
            name: {
                "coverage": round(float(np.mean([p.mean() for p in each])), 4),
                "accuracy": round(
                    float(np.mean([r.right[p].mean() for r, p in zip(runs[name], each, strict=True)])), 4
                ),
            }
            for name, each in proposes.items()
        },
        "risk_coverage": {
            name: evaluate.risk_coverage(each)
            for name, each in runs.items()
            if name in {"kb", "kb, words only", "MiniLM + logistic regression"}
        },
        "lists": {
            "pairs": evaluate.list_agreement(gold),
            "reliability": round(reliable, 4),
            "with_one_list": evaluate.with_one_list(items, runs[best], reliable),
            "unseen": evaluate.unseen_lists(items, table),
        },
        "branches": evaluate.branch_runs(
            items, table, lexical=lexical, repeats=min(3, repeats), trained=trained, step=step
        ),
        "stage": evaluate.facet_runs(items, table, "stage", lexical=lexical, repeats=repeats, step=step)
        if sum(item.part is Part.RECORD for item in items) >= 20
        else None,
        "scope": evaluate.facet_runs(items, table, "scope", lexical=lexical, repeats=1, step=step),
        "screening": screen(items, table, step=step),
        "triage": decisions_needed(items, table, step=step),
    }


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def markdown(found: Mapping[str, Any]) -> str:
    """The figures as Markdown tables."""
    lines = [
        f"Direction (shorter, smaller, faster) of {found['direction']['kb, words only']['all']['papers']} papers that curated "
        f"lists filed, by models that never saw the paper: nested five-fold cross-validation, {found['repeats']} times. Per cent.",
        "",
        "| | Accuracy | Macro-F1 | ECE | Accuracy at 75 % coverage | With an abstract: accuracy, F1 | Several lists agree: accuracy, F1, at 75 % |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, each in found["direction"].items():
        a, b, c = each["all"], each["with an abstract"], each["two or more lists, all agree"]
        lines.append(
            f"| {name} | {_percent(a['accuracy'])} ± {_percent(a['accuracy_sd'])} | {_percent(a['macro_f1'])} | "
            f"{_percent(a['ece'])} | {_percent(a['accuracy_at_75'])} | {_percent(b['accuracy'])}, {_percent(b['macro_f1'])} | "
            f"{_percent(c['accuracy'])}, {_percent(c['macro_f1'])}, {_percent(c['accuracy_at_75'])} |"
        )
    lines += ["", "What people agree on: the same paper in two lists, under the same direction.", ""]
    lines += ["| Lists | Papers | Agree |", "|---|---:|---:|"]
    lines += [
        f"| {' and '.join(p['lists'])} | {p['papers']} | {_percent(p['agree'])} |"
        for p in found["lists"]["pairs"]
    ]
    if unseen := found["lists"]["unseen"]:
        lines += [
            "",
            "A whole list unseen: papers that it alone files, by a classifier that learned from the others.",
            "",
        ]
        lines += [
            "| List | Papers | Accuracy | Macro-F1 | Accuracy at 75 % coverage |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {u['list']} | {u['papers']} | {_percent(u['accuracy'])} | {_percent(u['macro_f1'])} | "
            f"{_percent(u['accuracy_at_75'])} |"
            for u in unseen
        ]
    one = found["lists"]["with_one_list"]
    if one["papers"]:
        lines += [
            "",
            f"On the {one['papers']} papers that a second list files: the text alone is right on "
            f"{_percent(one['text']['accuracy'])} %, the second list's heading on {_percent(one['another_list'])} %, both together "
            f"on {_percent(one['both']['accuracy'])} %.",
        ]
    for name, each in found["proposals"].items():
        lines.append("")
        lines.append(
            f"{name}: proposes a direction for {_percent(each['coverage'])} % of the papers, right on {_percent(each['accuracy'])} %; "
            "else it abstains."
        )
    lines += ["", "| Class | Papers | Precision | Recall | F1 |", "|---|---:|---:|---:|---:|"]
    best = "kb" if "kb" in found["per_class"] else "kb, words only"
    for name, row in found["per_class"][best].items():
        lines.append(
            f"| {name} | {row['papers']:.0f} | {_percent(row['precision'])} | {_percent(row['recall'])} | {_percent(row['f1'])} |"
        )
    lines += ["", "Accuracy on the surest share of the papers (risk and coverage):", ""]
    curves = found["risk_coverage"]
    shares = [0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0]
    lines += [
        f"| Coverage | {' | '.join(f'{100 * s:.0f} %' for s in shares)} |",
        f"|---|{'---:|' * len(shares)}",
    ]
    for name, curve in curves.items():
        at = {point["coverage"]: point["accuracy"] for point in curve}
        lines.append(f"| {name} | {' | '.join(_percent(at.get(s)) for s in shares)} |")
    b = found["branches"]
    lines += [
        "",
        f"Sub-branches ({b['papers']} papers, {len(b['sizes'])} branches): the right one first {_percent(b['first'])} %, among the first "
        f"three {_percent(b['among_three'])} % (always naming the three commonest: {_percent(b['three_commonest'])} %).",
    ]
    for name in ("stage", "scope"):
        row = found[name]
        if row:
            lines += [
                "",
                f"{name.capitalize()} ({row['papers']} papers, {len(row['per_class'])} classes): accuracy {_percent(row['accuracy'])} % "
                f"(always the largest class: {_percent(row['largest_class'])} %), macro-F1 {_percent(row['macro_f1'])} %, ECE "
                f"{_percent(row['ece'])} %; proposes for {_percent(row['proposes'])} %, right on {_percent(row['right_where_it_proposes'])} %.",
            ]
    s = found["screening"]
    names = list(s["strata"])
    lines += [
        "",
        f"Screening: {s['relevant']} relevant papers among {s['irrelevant']} others. WSS@95 in per cent (share to read for 95 % recall). "
        "The others were drawn by keyword rules, not by a person: expect less on real candidates, and read the hard negatives first.",
        "",
        f"| Order | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for name, row in s["rankings"].items():
        cells = [f"{_percent(row[n]['wss95'])} ({_percent(row[n]['read_for_95'])})" for n in names]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "Reading from one known paper of each kind, learning after every 25 (WSS@95): "
        + ", ".join(f"{name} {_percent(value)}" for name, value in s["active"].items())
        + ".",
    ]
    t = found["triage"]
    lines += [
        "",
        f"Triage, simulated: with all {t['all_decisions']} decisions {_percent(t['full_accuracy'])} % of held-out papers are right; "
        f"the queue's order gets within half a point after {t['needed']['queue']}, a random order after {t['needed']['random']}.",
    ]
    return "\n".join(lines)
