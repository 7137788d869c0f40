"""How long until the papers can be read and sorted in the survey table, against a Markdown table of the same content.

    python benchmarks/survey_table.py [--sizes 454,5000] [--runs 5]

For each number of invented records: the page of the table, and a page with a plain Markdown table of the same default
columns, both made by MkDocs Material and opened in turn in headless Chromium (KB_CHROMIUM names one) from a local server
that compresses nothing. Writes benchmarks/survey_table.json and the table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
REPO = HERE.parent
PLAIN = "survey/plain.md"

# Notes when the first row is painted, and when all is there: the table's script says so, the plain page has been read to its end.
WATCH = """
window.seen = {};
const note = name => requestAnimationFrame(() => setTimeout(() => { window.seen[name] ??= performance.now(); }));
const look = () => {
  if (document.querySelector("article tbody tr td")) note("rows");
  const app = document.getElementById("kb-table-app");
  if (app ? "ready" in app.dataset : document.readyState !== "loading") note("ready");
  if (!window.seen.ready) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_WEIGHT = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map(e => [new URL(e.name).pathname, e.decodedBodySize])
"""


def make_site(records: int, folder: Path) -> Path:
    """Both pages, with all that they load."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config as mkdocs_config

    from kb.config import load_config
    from kb.pipeline.build import make_stage
    from kb.render.survey_table import BIBTEX, DATA, PAGE
    from tests.library import make_library

    root = folder / f"kb{records}"
    make_library(root, records)
    stage, _ = make_stage(load_config(root, {}))
    kept = {f"docs/{name}" for name in (PAGE, DATA, BIBTEX)}
    files = {
        name: data for name, data in stage.items() if name in kept or name.startswith(("docs/assets", "over"))
    }
    files[f"docs/{PLAIN}"] = plain_table(json.loads(files[f"docs/{DATA}"])).encode()
    files["mkdocs.yml"] = b"INHERIT: base.yml\nnav: [survey/table.md, survey/plain.md]\n"
    files["base.yml"] = stage["mkdocs.yml"]
    for name, data in files.items():
        path = folder / f"stage{records}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    site = folder / f"site{records}"
    build(mkdocs_config(str(folder / f"stage{records}" / "mkdocs.yml"), site_dir=str(site)))
    return site


def plain_table(data: dict[str, Any]) -> str:
    """The default columns as a Markdown table."""
    from kb.render.escape import escape_text

    lines = [
        "---\nhide: [toc]\nsearch: {exclude: true}\n---\n# All papers\n",
        "| Title | Published | Venue | Direction | Branch | Code | Review |",
        "|---|---|---|---|---|---|---|",
    ]
    for cells in data["papers"]:
        paper = dict(zip(data["columns"], cells, strict=False))
        labels = [(at, "✓") for at in paper.get("confirmed") or []]
        labels += [(at, "?") for at in paper.get("proposed") or []]
        chips = [(data["branches"][at], sign) for at, sign in labels if data["branches"][at][2] == 0]
        tops = {branch[0].split("/")[0]: sign for branch, sign in chips}
        below = [
            f"[{escape_text(branch[1])}{sign}](https://example.com/{branch[0]})"
            for branch, sign in chips
            if "/" in branch[0]
        ]
        row = (
            f"[{escape_text(paper['title'])}](https://example.com/{paper['key']}) <small>{escape_text(paper['byline'])}</small>",
            paper.get("published", ""),
            paper.get("venue", ""),
            " ".join(f"[{top}{sign}](https://example.com/{top})" for top, sign in tops.items()),
            " ".join(below),
            " ".join(f"[code]({url})" for url in paper.get("code") or []),
            paper.get("review", ""),
        )
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def measure(records: int, runs: int, folder: Path, browser: Any) -> dict[str, Any]:
    """Medians in seconds, weights in bytes."""
    from scripts.screenshots import serve, until

    site = make_site(records, folder)
    server = serve(site)
    times: dict[str, list[dict[str, float]]] = {"table": [], "plain": []}
    weights: dict[str, dict[str, int]] = {}
    for _ in range(runs):
        for name in times:  # in turn, so that a busy moment of the machine meets both
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.add_init_script(WATCH)
            chromium = context.new_cdp_session(page)
            chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(f"http://127.0.0.1:{server.server_port}/survey/{name}.html", wait_until="commit")
            until(page, "window.seen.ready && window.seen.rows", 120)
            metrics = {
                each["name"]: each["value"] for each in chromium.send("Performance.getMetrics")["metrics"]
            }
            times[name].append(page.evaluate("window.seen") | {"cpu": metrics["TaskDuration"] * 1000})
            weights[name] = dict(page.evaluate(_WEIGHT))
            context.close()
    server.shutdown()
    server.server_close()
    data = (site / "survey/papers.json").read_bytes()
    median = {
        name: {
            what: round(statistics.median(run[what] for run in each) / 1000, 3)
            for what in ("rows", "ready", "cpu")
        }
        for name, each in times.items()
    }
    return {
        "records": records,
        "before_rows_bytes": sum(
            size for path, size in weights["table"].items() if path.endswith((".html", ".css", ".js"))
        ),
        "data_bytes": len(data),
        "data_gzip_bytes": len(gzip.compress(data, 6, mtime=0)),
        "plain_html_bytes": (site / "survey/plain.html").stat().st_size,
        "table": median["table"],
        "plain": median["plain"],
        "cpu_ratio": round(median["plain"]["cpu"] / median["table"]["cpu"], 2),
        "ready_ratio": round(median["plain"]["ready"] / median["table"]["ready"], 2),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| Papers | Page before rows | Data (gzip) | Processor time | Until it is ready | Markdown table: its HTML | "
        "processor time | until it is ready | Processor time, against ours |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['records']:,} | {row['before_rows_bytes'] / 1000:.0f} kB | {row['data_bytes'] / 1000:,.0f} kB "
        f"({row['data_gzip_bytes'] / 1000:.0f} kB) | {row['table']['cpu']:.2f} s | {row['table']['ready']:.2f} s | "
        f"{row['plain_html_bytes'] / 1000:,.0f} kB | {row['plain']['cpu']:.2f} s | {row['plain']['ready']:.2f} s | "
        f"{row['cpu_ratio']:.1f}x |"
        for row in rows
    ]
    return "\n".join(lines)


def write_readme(text: str) -> None:
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(path, "survey_table", text, "## The table of all papers (`survey_table.py`)"),
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the survey table in a browser.")
    parser.add_argument("--sizes", default="454,5000")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    sys.path.insert(0, str(REPO))
    from playwright.sync_api import sync_playwright

    from scripts.screenshots import FLAGS, chromium

    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for size in map(int, given.sizes.split(",")):
            rows.append(measure(size, given.runs, Path(folder), browser))
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
        where = {"browser": f"Chromium {browser.version}"}
        browser.close()
    (HERE / "survey_table.json").write_text(
        json.dumps({"where": where, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    write_readme(
        table(rows)
        + f"\n\n{where['browser']}, headless, 2 cores; median of {given.runs} visits, each with an empty cache, in turn; "
        "invented papers; nothing is\ncompressed on the way. Processor time is that of the page's main thread until its rows are there (the table's can then be\nfiltered and sorted). Before rows: HTML, styles and scripts (the index of the "
        "site's search, which Material fetches\nin the background, is not counted)."
    )


if __name__ == "__main__":
    main()
