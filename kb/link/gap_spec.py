"""A ready spec for the harness for one cell of the gap matrix: `kb eval sweep FILE` runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kb.errors import UsageError
from kb.harness.quant import QUANTIZERS
from kb.link.evidence import FULL, NONE
from kb.link.gaps import Gap, Row
from kb.link.scope import SIZES
from kb.records.claims import Origin, TaskKind
from kb.records.results import Model

ITEMS = 400
"""Of generated tasks. Data sets are asked whole."""
_TASKS: Mapping[TaskKind, tuple[dict[str, Any], int]] = {
    TaskKind.MATH: ({"name": "dataset", "preset": "math-500"}, 500),
    TaskKind.SCIENCE: ({"name": "dataset", "preset": "gpqa-diamond"}, 198),
    TaskKind.CODE: ({"name": "dataset", "preset": "livecodebench"}, 268),
    TaskKind.ARITHMETIC: ({"name": "gym", "families": ["arithmetic"]}, ITEMS),
    TaskKind.LOGIC: ({"name": "gym", "families": ["logic"]}, ITEMS),
    TaskKind.TEMPORAL: ({"name": "gym", "families": ["temporal order"]}, ITEMS),
}
_BEST = (Origin.DISTILLED, Origin.RL, Origin.HYBRID, Origin.INSTRUCT)
"""Reasoning models first."""
DATA = "DATA.jsonl"
"""Stands for a file of questions (`kb eval tasks`), where no task of the kind comes with the harness."""
CHECKPOINT = "CHECKPOINT"
"""Stands for a checkpoint that somebody else quantized, where the harness does not have the method."""


def spec_text(gap: Gap, models: Mapping[str, Model]) -> str:
    """A sweep of the full-precision model and the quantized one, as YAML (JSON flow style).

    Args:
        models: of the vocabulary; the one of the cell's size whose origin is nearest to a reasoning model is taken, and
            of those the largest.

    Raises:
        UsageError: no model of that size has an address on the hub.
    """
    model = _model(gap, models)
    task, items = _TASKS.get(gap.task_kind, ({"name": "dataset", "path": DATA}, ITEMS))
    hub = next(alias for alias in model.aliases if "/" in alias)
    options = quantizer_of(gap.row)
    lines = [f"# {gap.name}: {_bears(gap)}", f"# {model.name}. Run: kb eval sweep FILE"]
    if options is None:
        lines += [
            f"# The harness has no {gap.row.method} at {gap.row.bits}: put the address or folder of a checkpoint that was",
            f"# quantized so in the place of {CHECKPOINT}.",
            f"model: {json.dumps([hub, CHECKPOINT])}",
        ]
    else:
        lines.append(f"model: {json.dumps([hub])}")
        if options["method"] != NONE:
            lines += ["quantizer:", "  - none", f"  - {json.dumps(options)}"]
    if gap.task_kind not in _TASKS:
        lines.append(
            f"# No task of the kind {gap.task_kind.value} comes with the harness: put a file in the place of {DATA}."
        )
    if gap.row.kv_bits != FULL and options is not None:
        lines.append(f"kv: {json.dumps([None, {'bits': int(gap.row.kv_bits)}])}")
    lines += [
        f"task: {json.dumps(task)}",
        f"n: {items}",
        "chat: true",
        'decoding: {"temperature": 0.6, "top_p": 0.95, "max_new_tokens": 32768, "samples_per_item": 3}',
    ]
    if (
        options is not None
    ):  # a checkpoint counts as a model of its own: kb eval compare holds the two runs together
        lines.append("baseline: full")
    return "\n".join(lines) + "\n"


def ready(gap: Gap) -> bool:
    """Whether the spec can be run as it is."""
    return gap.task_kind in _TASKS and quantizer_of(gap.row) is not None


def quantizer_of(row: Row) -> dict[str, Any] | None:
    """The harness's options for a row; None if it has no such method or bits.

    Group sizes and whatever else a paper chose are left at the harness's defaults: the run's manifest says them.
    """
    weight, act, kv = row.weight_bits, row.act_bits, row.kv_bits
    if any(bits != int(bits) for bits in (weight, act, kv)) or kv not in {2, 4, 8, FULL}:
        return None
    if row.method in {"quarot", "hadamard"} and act in {4, 8, FULL} and weight != FULL:
        return {"method": "hadamard", "bits": int(weight), "inputs": int(act)}
    if row.method == "smoothquant":
        return {"method": "smoothquant"} if (weight, act) == (8, 8) else None
    if row.method not in QUANTIZERS or act != FULL:
        return None
    if weight == FULL:
        return {"method": "none"} if kv != FULL else None
    known = QUANTIZERS[row.method].known_bits
    if int(weight) not in known:
        return None
    return {"method": row.method, "bits": int(weight)} if len(known) > 1 else {"method": row.method}


def _model(gap: Gap, models: Mapping[str, Model]) -> Model:
    size = SIZES[gap.size]
    fit = [
        model
        for model in models.values()
        if size.low <= model.size_b < size.high
        and model.origin in _BEST
        and any("/" in alias for alias in model.aliases)
    ]
    if not fit:
        raise UsageError(
            f"no model of {size.title} in results/_models.yaml has an address on the hub among its aliases"
        )
    return min(fit, key=lambda model: (_BEST.index(model.origin), -model.size_b, model.name))


def _bears(gap: Gap) -> str:
    n = len(gap.claims)
    return f"bears on {n} undecided claim{'s' if n != 1 else ''}" if n else "nothing was measured here"
