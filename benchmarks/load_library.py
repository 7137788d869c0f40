"""How long it takes to load a library of records: with the cache, without it, and with PyYAML's SafeLoader.

    python benchmarks/load_library.py [--records 10000] [--repeat 5]

All three read the same invented files and end in the same pydantic models. Each time is taken in a process of its own;
the median of the repeats counts. Writes benchmarks/load_library.json and the table in benchmarks/README.md (between its
two markers).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
REPO = HERE.parent

# Arguments: papers/, the cache. Prints seconds; imports are not counted, reading the files is.
_PRELUDE = """
import json, sys, time
from pathlib import Path
from kb.records.library import load_library
from kb.records.models import Paper
papers, cache = Path(sys.argv[1]), Path(sys.argv[2])
start = time.perf_counter()
"""
_POSTLUDE = """
print(json.dumps({"seconds": time.perf_counter() - start, "records": len(library)}))
"""
_WAYS = {
    "warm": "library = load_library(papers, cache)",
    "cold": "library = load_library(papers)",
    "safeloader": """
import yaml
library = {p.stem: Paper.from_data(p.stem, yaml.load(p.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))
           for p in sorted(papers.glob("*.yaml"))}
""",
}
_LABELS = {
    "warm": "kb, with its cache",
    "cold": "kb, without a cache",
    "safeloader": "PyYAML `SafeLoader` and the same models",
}


def _time(way: str, papers: Path, cache: Path) -> float:
    program = _PRELUDE + _WAYS[way] + _POSTLUDE
    run = subprocess.run(
        [sys.executable, "-c", program, str(papers), str(cache)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(run.stdout)["seconds"])


def measure(records: int, repeat: int) -> dict[str, Any]:
    """Median seconds of each way, and the ratios."""
    sys.path.insert(0, str(REPO))
    from kb.records.library import load_library, render_record
    from tests.library import invent_papers

    with tempfile.TemporaryDirectory() as folder:
        papers, cache = Path(folder) / "papers", Path(folder) / "cache.jsonl"
        papers.mkdir()
        for paper in invent_papers(records):
            (papers / f"{paper.key}.yaml").write_text(render_record(paper), encoding="utf-8")
        load_library(papers, cache)
        # The slow ways do not need as many repeats to be told apart.
        seconds = {
            way: statistics.median(_time(way, papers, cache) for _ in range(repeat if way == "warm" else 1))
            for way in _WAYS
        }
        size = sum(path.stat().st_size for path in papers.iterdir())
    return {
        "records": records,
        "bytes": size,
        "seconds": {way: round(value, 3) for way, value in seconds.items()},
        "warm_against_cold": round(seconds["cold"] / seconds["warm"], 1),
        "warm_against_safeloader": round(seconds["safeloader"] / seconds["warm"], 1),
        "cold_against_safeloader": round(seconds["safeloader"] / seconds["cold"], 1),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    rows = [f"| {result['records']:,} records | seconds | against the cache |", "|---|--:|--:|"]
    for way, seconds in result["seconds"].items():
        rows.append(f"| {_LABELS[way]} | {seconds:.2f} | {seconds / result['seconds']['warm']:.1f}x |")
    return "\n".join(rows)


def write_readme(text: str) -> None:
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(path, "load_library", text, "## Loading the library (`load_library.py`)"),
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.records, options.repeat)
    (HERE / "load_library.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_readme(f"{table(result)}\n\nPython {result['python']}, {result['cpus']} cores; time on the clock.")
    sys.stdout.write(f"{table(result)}\n")


if __name__ == "__main__":
    main()
