"""Every figure about the predictions, and the Markdown that shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kb.link.predict.cases import Evidence
from kb.link.predict.evaluate import MODEL, SCHEMES, cross_validate
from kb.link.predict.model import LEVELS

_LEFT_OUT = {
    "configuration": "Configurations left out (a model, quantized in one way, in one source)",
    "source": "Sources left out",
    "model": "Models left out",
}


def figures(
    evidence: Sequence[Evidence],
    *,
    parts: int = 5,
    step: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, Any]:
    """Everything `kb predict evaluate` reports."""
    cases = [one.case for one in evidence]
    return {
        "rows": len(evidence),
        "configurations": len({case.configuration for case in cases}),
        "sources": len({case.source for case in cases}),
        "models": len({case.model for case in cases}),
        "parts": parts,
        "schemes": {
            scheme: cross_validate(evidence, scheme, parts=parts, step=step).summary() for scheme in SCHEMES
        },
    }


def markdown(found: Mapping[str, Any]) -> str:
    """The figures as Markdown tables."""
    lines = [
        f"{found['rows']} reported accuracies of {found['configurations']} quantized configurations of {found['models']} models, "
        f"from {found['sources']} sources. Each is predicted by models that never saw the group that it belongs to, in "
        f"{found['parts']} parts. Errors in points of accuracy.",
    ]
    for scheme, each in found["schemes"].items():
        lines += [
            "",
            f"{_LEFT_OUT[scheme]}: {each['outside']} of {each['rows']} rows then lie outside the evidence.",
            "",
            "| | Mean absolute error | Root mean square | Median absolute error | Mean error |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {name} | {row['mae']:.2f} | {row['rmse']:.2f} | {row['median']:.2f} | {row['bias']:+.2f} |"
            for name, row in each["errors"].items()
        ]
    lines += [
        "",
        "Intervals: how often the reported score lies within, and how wide they are on average (at the median), in points.",
        "",
        f"| Left out | {' | '.join(f'{level} %: within | wide' for level in LEVELS)} |",
        f"|---|{'---:|---:|' * len(LEVELS)}",
    ]
    lines += [f"| {scheme} | {_intervals(each['intervals'])} |" for scheme, each in found["schemes"].items()]
    lines += [
        "",
        "The same by the fewest bits of the configuration, with configurations left out. The second column of errors is of the "
        "mean drop of method and bits.",
        "",
        f"| Bits | Rows | {MODEL} | Mean drop | {' | '.join(f'{level} %: within | wide' for level in LEVELS)} |",
        f"|---|---:|---:|---:|{'---:|---:|' * len(LEVELS)}",
    ]
    for band in found["schemes"]["configuration"]["bands"]:
        if band["rows"]:
            mean = band["mae"]["mean drop of method and bits"]
            lines.append(
                f"| {band['band']} | {band['rows']} | {band['mae'][MODEL]:.2f} | {mean:.2f} | {_intervals(band['intervals'])} |"
            )
    return "\n".join(lines)


def _intervals(found: Mapping[str, Any]) -> str:
    cells = []
    for level in LEVELS:
        each = found[str(level)]
        cells += [f"{each['coverage']:.1f} %", f"{each['width']:.1f} ({each['median_width']:.1f})"]
    return " | ".join(cells)
