"""How long until the map and the graph of papers can be used, and how smoothly they move; and what they cost a build.

    python benchmarks/graph_page.py [--sizes 454,2000,5000] [--runs 5]

For each number of invented records: both pages, made by MkDocs Material and opened in headless Chromium (KB_CHROMIUM names
one) from a local server that compresses nothing. Frames are those of a drag by the mouse across the zoomed picture, and of
the wheel. For the build: likes and places of all records by the words of their titles, which is the most that a build ever
works out itself. Writes benchmarks/graph_page.json and the table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
REPO = HERE.parent
PAGES = ("map", "graph")

_WATCH = """
const look = () => {
  const app = document.getElementById("kb-graph-app") ?? document.getElementById("kb-map-app");
  if (app && "ready" in app.dataset) requestAnimationFrame(() => setTimeout(() => { window.seen = performance.now(); }));
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_FRAMES = """
() => {
  window.frames_ = []; let last = performance.now();
  const tick = now => { window.frames_.push(now - last); last = now; window.running_ = requestAnimationFrame(tick); };
  window.running_ = requestAnimationFrame(tick);
}
"""


def make_site(records: int, folder: Path) -> tuple[Path, dict[str, int]]:
    """Both pages with all that they load, and the sizes of their data."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config as mkdocs_config

    from kb.config import load_config
    from kb.link.graph import paper_graph
    from kb.pipeline.stage import frame, read_site, read_templates
    from kb.records.taxonomy import load_taxonomy
    from kb.render.env import make_environment, render_template
    from kb.render.graph_pages import add_graph
    from kb.render.views import row_of
    from tests.library import invent_papers, make_library

    root = folder / f"kb{records}"
    make_library(root, 0)
    taxonomy = load_taxonomy(root / "taxonomy.yaml")
    papers = {paper.key: paper for paper in invent_papers(records)}
    rows = {key: row_of(paper, taxonomy) for key, paper in papers.items()}
    environment = make_environment(read_templates(root))
    made: dict[str, str] = {}

    def add(path: str, template: str, **values: Any) -> None:
        made[path] = render_template(environment, template, path, **values)

    graph = paper_graph(papers, taxonomy)
    add_graph(add, made.__setitem__, graph, papers, rows, taxonomy, "A test survey")
    site_files, _ = read_site(root)
    files = {name: data for name, data in site_files.items() if name.startswith(("docs/assets", "over"))}
    files |= {f"docs/{name}": text.encode() for name, text in made.items()}
    files["base.yml"] = frame(load_config(root, {}), taxonomy, made, {})
    files["mkdocs.yml"] = b"INHERIT: base.yml\nnav: [map.md, graph.md]\n"
    for name, data in files.items():
        path = folder / f"stage{records}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    site = folder / f"site{records}"
    build(mkdocs_config(str(folder / f"stage{records}" / "mkdocs.yml"), site_dir=str(site)))
    return site, {name: len(text.encode()) for name, text in made.items() if name.endswith(".json")}


def build_cost(records: int) -> dict[str, float]:
    """Seconds for likes, places and edges of `records` papers by words alone: what a build does without a map."""
    from kb.link.graph import Edge, paper_graph
    from kb.records.taxonomy import load_taxonomy
    from tests.library import invent_papers

    papers = {paper.key: paper for paper in invent_papers(records)}
    taxonomy = load_taxonomy(REPO / "taxonomy.yaml")
    start = time.process_time()
    graph = paper_graph(papers, taxonomy)
    edges = graph.edges(Edge.SIMILAR)
    return {"seconds": round(time.process_time() - start, 2), "edges": len(edges)}


def measure_page(browser: Any, base: str, name: str, runs: int) -> dict[str, Any]:
    """Medians over `runs` visits, each with an empty cache."""
    from scripts.screenshots import until

    ready, cpu, drag, wheel, cost = [], [], [], [], []
    for _ in range(runs):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        chromium = context.new_cdp_session(page)
        chromium.send(
            "Performance.enable", {"timeDomain": "threadTicks"}
        )  # processor time, whatever else runs
        page.add_init_script(_WATCH)
        page.goto(f"{base}/{name}.html")
        until(page, "window.seen", 60)
        ready.append(page.evaluate("window.seen"))
        cpu.append(processor(chromium))
        app = f"#kb-{name}-app"
        page.locator(f"{app} [data-action=in]").click()
        page.locator(f"{app} [data-action=in]").click()
        target = "#kb-map" if name == "map" else "#kb-graph-canvas"
        page.locator(target).scroll_into_view_if_needed()
        box = page.locator(target).bounding_box()
        x, y = box["x"] + box["width"] / 2, max(box["y"], 0) + 250
        page.mouse.move(x, y)
        before = processor(chromium)
        found = frames(page, lambda page=page, x=x, y=y: sweep(page, x, y))
        drag += found
        cost.append(1000 * (processor(chromium) - before) / max(len(found), 1))
        page.keyboard.down("Shift")
        wheel += frames(
            page, lambda page=page: [page.mouse.wheel(0, 40 if n % 2 else -40) for n in range(24)]
        )
        page.keyboard.up("Shift")
        context.close()
    return {
        "ready_s": round(statistics.median(ready) / 1000, 2),
        "cpu_s": round(statistics.median(cpu), 2),
        "drag_ms": spread(drag),
        "drag_cpu_ms": round(statistics.median(cost), 1),
        "wheel_ms": spread(wheel),
    }


def processor(chromium: Any) -> float:
    """Seconds of processor time that the page's main thread has taken."""
    told = chromium.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in told if each["name"] == "TaskDuration"))


def sweep(page: Any, x: float, y: float) -> None:
    page.mouse.down()
    for step in range(60):
        page.mouse.move(x + 3 * (step if step < 30 else 60 - step), y + step)
    page.mouse.up()


def frames(page: Any, act: Any) -> list[float]:
    """Milliseconds between frames while `act` goes on."""
    page.evaluate(_FRAMES)
    act()
    found: list[float] = page.evaluate(
        "() => { cancelAnimationFrame(window.running_); return window.frames_; }"
    )
    return found[1:]


def spread(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| Papers | Edges | Data | Likes and places by words, in a build | Map: until it is ready | processor | a frame of a drag | "
        "Graph: until it is ready | processor | a frame of a drag | of the wheel | its processor time |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        one, two = row["map"], row["graph"]
        cells = [
            f"{row['records']:,}",
            f"{row['build']['edges']:,}",
            f"{sum(row['bytes'].values()) / 1000:,.0f} kB",
            f"{row['build']['seconds']:.1f} s",
            f"{one['ready_s']:.2f} s",
            f"{one['cpu_s']:.2f} s",
            _frame(one["drag_ms"]),
            f"{two['ready_s']:.2f} s",
            f"{two['cpu_s']:.2f} s",
            _frame(two["drag_ms"]),
            _frame(two["wheel_ms"]),
            f"{two['drag_cpu_ms']:.1f} ms",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _frame(found: dict[str, float]) -> str:
    return f"{found['median']:.0f} ms ({found['p95']:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the map and the graph of papers.")
    parser.add_argument("--sizes", default="454,2000,5000")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    sys.path.insert(0, str(REPO))
    from playwright.sync_api import sync_playwright

    from scripts.screenshots import FLAGS, chromium, serve

    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for size in map(int, given.sizes.split(",")):
            site, sizes = make_site(size, Path(folder))
            server = serve(site)
            base = f"http://127.0.0.1:{server.server_port}"
            row: dict[str, Any] = {"records": size, "bytes": sizes, "build": build_cost(size)}
            row |= {name: measure_page(browser, base, name, given.runs) for name in PAGES}
            server.shutdown()
            server.server_close()
            rows.append(row)
            sys.stdout.write(f"{json.dumps(row)}\n")
            sys.stdout.flush()
        where = {"browser": f"Chromium {browser.version}", "load": round(os.getloadavg()[1], 1)}
        browser.close()
    found = {"where": where, "runs": given.runs, "rows": rows}
    (HERE / "graph_page.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_readme(found)


def write_readme(found: dict[str, Any]) -> None:
    path = HERE / "README.md"
    where = found["where"]
    text = (
        f"{table(found['rows'])}\n\n{where['browser']}, headless, without a graphics card, 2 cores, load average {where['load']:.0f} (above 2, times on the clock are too "
        f"long); median\nof {found['runs']} visits, each with an empty cache; invented papers. A frame's figure is the median time between two frames, and in "
        "brackets the 95th\npercentile; 16.7 ms is as smooth as a screen can show. Processor time is that of the page's main thread; of a build, in "
        "seconds of one core.\n`python benchmarks/graph_page.py` writes this."
    )
    path.write_text(
        readme_with_figures(path, "graph_page", text, "## The map and the graph of papers (`graph_page.py`)"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
