"""How long `kb build` takes, and what it grows like.

    python benchmarks/site_build.py [--sizes 200,1000,5000]

For each number of invented records: a full build, a build after one record changed, and MkDocs' own `mkdocs build` of
the same staged pages. Each in a process of its own. Writes benchmarks/site_build.json and the table in
benchmarks/README.md (between its two markers).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
REPO = HERE.parent

# Prints times in seconds, peak memory in MiB and the mode; a process of its own, so that nothing is warm but the disk.
_KB = """
import json, resource, sys, time
from pathlib import Path
from kb.config import load_config
from kb.pipeline.build import build
start = time.monotonic()
report = build(load_config(Path(sys.argv[1]), {}))
print(json.dumps({"wall": time.monotonic() - start, "cpu": time.process_time(), "mode": report.mode, "pages": report.written,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
_MKDOCS = """
import json, resource, sys, time
start = time.monotonic()
from mkdocs.commands.build import build
from mkdocs.config import load_config
config = load_config(config_file=sys.argv[1], site_dir=sys.argv[2])
config.plugins.on_startup(command="build", dirty=False)
build(config)
print(json.dumps({"wall": time.monotonic() - start, "cpu": time.process_time(),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def run(code: str, *arguments: str) -> dict[str, Any]:
    """What the program `code` printed as JSON."""
    environ = dict(os.environ) | {"PYTHONPATH": str(REPO), "SOURCE_DATE_EPOCH": "315532800"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ, check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(records: int, folder: Path) -> dict[str, Any]:
    """All builds of `records` invented records, made under `folder`."""
    sys.path.insert(0, str(REPO))
    from tests.library import make_library

    root = folder / str(records)
    make_library(root, records)
    full = run(_KB, str(root))
    changed = root / "papers" / "feng2025efficient.yaml"
    changed.write_text(changed.read_text(encoding="utf-8") + "venue: ICML 2025\n", encoding="utf-8")
    one = run(_KB, str(root))
    nothing = run(_KB, str(root))
    plain = run(_MKDOCS, str(root / "build" / ".stage" / "mkdocs.yml"), str(folder / "plain"))
    if (one["mode"], nothing["mode"]) != ("incremental", "unchanged"):
        raise SystemExit(f"unexpected modes: {one['mode']}, {nothing['mode']}")
    return {
        "records": records,
        "pages": full["pages"],
        "full_cpu_s": round(full["cpu"], 2),
        "full_wall_s": round(full["wall"], 2),
        "one_changed_cpu_s": round(one["cpu"], 2),
        "one_changed_wall_s": round(one["wall"], 2),
        "one_changed_pages": one["pages"],
        "nothing_changed_cpu_s": round(nothing["cpu"], 2),
        "mkdocs_cpu_s": round(plain["cpu"], 2),
        "mkdocs_wall_s": round(plain["wall"], 2),
        "one_changed_share": round(one["cpu"] / full["cpu"], 4),
        "full_over_mkdocs": round(full["cpu"] / plain["cpu"], 3),
        "peak_mib": round(full["peak_mib"]),
        "mkdocs_peak_mib": round(plain["peak_mib"]),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| Records | Pages | Full | One record changed | Share | Nothing changed | `mkdocs build` | Peak memory |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['records']:,} | {row['pages']:,} | {row['full_cpu_s']:.1f} s | {row['one_changed_cpu_s']:.2f} s "
        f"({row['one_changed_pages']} made) | {row['one_changed_share']:.1%} | {row['nothing_changed_cpu_s']:.2f} s | "
        f"{row['mkdocs_cpu_s']:.1f} s | {row['peak_mib']} MiB |"
        for row in rows
    ]
    lines.append("")
    for before, after in pairwise(rows):
        records = after["records"] / before["records"]
        seconds = after["full_cpu_s"] / before["full_cpu_s"]
        lines.append(f"- {records:.0f} times the records: {seconds:.1f} times as long")
    return "\n".join(lines)


def write_readme(text: str) -> None:
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(path, "site_build", text, "## Building the site (`site_build.py`)"),
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure kb build.")
    parser.add_argument("--sizes", default="200,1000,5000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            rows.append(measure(size, Path(folder)))
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
    where = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    (HERE / "site_build.json").write_text(
        json.dumps({"where": where, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    write_readme(
        table(rows)
        + f"\n\nPython {where['python']}, {where['cores']} cores; processor time, start of the program included."
    )


if __name__ == "__main__":
    main()
