"""What is assumed of reported results, measured on them; and what a claims check costs.

    python benchmarks/claims.py

Two scores of one model on the same items are correlated. Averages of three units or more take the correlation as 0.8
(`kb.link.effects.PAIRED`). Here it is estimated: within one source, one setting and one class of model sizes, effects of
units vary by what chance over items brings and by true differences; so their variance bounds what chance brings from
above. 1 minus that variance over the variance that independent scores would have is a lower bound of the correlation.
Writes benchmarks/claims.json and the table in benchmarks/README.md.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from pathlib import Path

from kb.config import load_config
from kb.link.cells import Cell
from kb.link.contradictions import against_full_precision
from kb.link.effects import PAIRED, units_of
from kb.link.scope import SIZES, size_of
from kb.pipeline.claims import check, open_evidence
from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
SMALL = 2.0
"""Points: where much is lost, models differ in truth, and the bound says nothing."""


def correlations() -> list[tuple[str, int, float, float]]:
    """For each group of at least four units whose mean effect is small: name, units, mean, bound of the correlation."""
    config = load_config(HERE.parent, {})
    groups: dict[str, list[Cell]] = {}
    for cell in against_full_precision(open_evidence(config).evidence):
        size = size_of(cell.variant.size_b)
        if cell.variant.kind == "reported" and size is not None:
            name = f"{cell.variant.source}, {cell.setting}, {SIZES[size].title}"
            groups.setdefault(name, []).append(cell)
    found = []
    for name in sorted(groups):
        units = units_of(groups[name])
        known = [unit.variance for unit in units if unit.variance is not None]
        mean = math.fsum(unit.effect for unit in units) / len(units)
        if len(units) >= 4 and len(known) == len(units) and abs(mean) < SMALL:
            spread = statistics.variance([unit.effect for unit in units])
            found.append((name, len(units), mean, 1 - spread / statistics.fmean(known)))
    return found


def main() -> None:
    rows = correlations()
    bounds = sorted(bound for *_, bound in rows)
    started = time.process_time()
    judged, _ = check(load_config(HERE.parent, {}))
    seconds = time.process_time() - started
    above = sum(bound >= PAIRED for bound in bounds) / len(bounds)
    data = {
        "assumed": PAIRED,
        "groups": len(rows),
        "median": round(statistics.median(bounds), 3),
        "quartiles": [round(each, 3) for each in statistics.quantiles(bounds, n=4)],
        "at_least_assumed": round(above, 3),
        "claims": len(judged),
        "check_seconds": round(seconds, 1),
        "rows": [
            {
                "group": name,
                "units": n,
                "mean_effect": round(mean, 2),
                "correlation_at_least": round(bound, 3),
            }
            for name, n, mean, bound in rows
        ],
    }
    (HERE / "claims.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    low, middle, high = statistics.quantiles(bounds, n=4)
    table = (
        f"Correlation of two reported scores of one model on the same items, at least: median {middle:.2f}, quartiles "
        f"{low:.2f} and {high:.2f}, over {len(rows)} groups of units that lose less than {SMALL:g} points; "
        f"{above:.0%} of the groups have the assumed {PAIRED} or more.\n"
        f"{len(judged)} claims are judged in {seconds:.1f} s of processor time."
    )
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(path, "claims", table, "## Verdicts on claims (`claims.py`)"), encoding="utf-8"
    )
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
