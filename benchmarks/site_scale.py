"""A large site, built and read: `kb build` against plain MkDocs Material of the same pages.

    python benchmarks/site_scale.py [--sizes 1000,5000] [--runs 3]

For each number of invented records the whole site is built by `kb build` and, from the same Markdown, by `mkdocs build`
with Material as it comes: its own search, no overrides, and a Markdown table in the place of the table of all papers. Both
sites are then opened in turn in headless Chromium (KB_CHROMIUM names one) from a local server that compresses nothing:
the table until it can be used, and a search until its first result is there, typed as soon as the box is. Writes
benchmarks/site_scale.json and the table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import yaml

HERE = Path(__file__).parent
REPO = HERE.parent
sys.path.insert(0, str(REPO))

from benchmarks.site_build import run  # noqa: E402
from benchmarks.survey_table import WATCH, plain_table  # noqa: E402
from kb.pipeline.figures import readme_with_figures  # noqa: E402
from scripts.screenshots import FLAGS, chromium, until  # noqa: E402

# Each in a process of its own, which prints seconds (those of the programs it ran included) and its peak memory in MiB.
_MEASURED = """
import json, resource, sys, time
start = time.monotonic()
{work}
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({{"wall_s": time.monotonic() - start, "cpu_s": sum(u.ru_utime + u.ru_stime for u in used),
    "peak_mib": used[0].ru_maxrss / 1024}}))
"""
_KB = _MEASURED.format(
    work="""
from pathlib import Path
from kb.config import load_config
from kb.pipeline.build import build
build(load_config(Path(sys.argv[1]), {}))
"""
)
_MKDOCS = _MEASURED.format(
    work="""
from mkdocs.commands.build import build
from mkdocs.config import load_config
build(load_config(config_file=sys.argv[1], site_dir=sys.argv[2]))
"""
)
# Words that name one paper of every invented library.
_WORDS = "quantization hurts reasoning"
# Types, and notes when the paper is in the list.
_TYPE = """words => {
  const box = document.querySelector('.md-search__input');
  box.focus();
  box.value = words;
  window.typed = performance.now();
  for (const kind of ['input', 'keyup']) box.dispatchEvent(new Event(kind, {bubbles: true}));
  const there = hit => /Quantization\\s+Hurts/i.test(hit.textContent);
  const look = () => {
    if ([...document.querySelectorAll('.md-search-result__item')].some(there)) window.found = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}"""


def plain_project(stage: Path, folder: Path) -> Path:
    """The same pages as a project for MkDocs Material as it comes; gives its mkdocs.yml."""
    docs = folder / "docs"
    for path in (stage / "docs").rglob("*"):
        if path.suffix in {".md", ".svg", ".png"}:
            target = docs / path.relative_to(stage / "docs")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    data = json.loads((stage / "docs/survey/papers.json").read_text(encoding="utf-8"))
    (docs / "survey/table.md").write_text(plain_table(data), encoding="utf-8")
    frame = yaml.safe_load((stage / "mkdocs.yml").read_text(encoding="utf-8"))
    kept = {name: frame[name] for name in ("site_name", "nav", "markdown_extensions", "use_directory_urls")}
    settings = kept | {
        "docs_dir": "docs",
        "theme": {"name": "material", "font": False},
        "plugins": ["search"],
    }
    path = folder / "mkdocs.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def weight(site: Path) -> dict[str, float]:
    """Files and megabytes of a site."""
    files = [path for path in site.rglob("*") if path.is_file()]
    return {"files": len(files), "mb": round(sum(path.stat().st_size for path in files) / 1e6, 1)}


class _Counting(SimpleHTTPRequestHandler):
    """Serves files, and notes how many bytes of which went out."""

    sent: dict[str, int]

    def copyfile(self, source: Any, outputfile: Any) -> None:
        self.sent[urlsplit(self.path).path] = os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Reader:
    """Serves one site and opens pages of it, each in a window with an empty cache."""

    def __init__(self, browser: Any, site: Path) -> None:
        self.browser = browser
        self.sent: dict[str, int] = {}
        handler = type("Handler", (_Counting,), {"sent": self.sent})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site)))
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _open(self, path: str) -> tuple[Any, Any]:
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        self.sent.clear()
        page.add_init_script(WATCH)
        page.goto(f"http://127.0.0.1:{self.server.server_port}/{path}", wait_until="commit")
        return context, page

    def table(self) -> dict[str, float]:
        """Milliseconds until the table of all papers can be used, and bytes fetched by then."""
        context, page = self._open("survey/table.html")
        until(page, "window.seen.ready && window.seen.rows", 300)
        seconds = page.evaluate("window.seen.ready") / 1000
        page.wait_for_timeout(200)
        found = {"table_s": seconds, "table_bytes": sum(self.sent.values())}
        context.close()
        return found

    def search(self) -> dict[str, float]:
        """Seconds from opening a page until the first result, and bytes that the search fetched for it."""
        context, page = self._open("about.html")
        until(page, "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd > 0", 60)
        page.evaluate(_TYPE, _WORDS)
        until(page, "window.found", 300)
        before, after = page.evaluate("[window.typed, window.found]")
        page.wait_for_timeout(200)
        searched = {
            path: size
            for path, size in self.sent.items()
            if any(word in path for word in ("search", "pagefind"))
        }
        context.close()
        return {
            "first_result_s": after / 1000,
            "answer_s": (after - before) / 1000,
            "search_bytes": sum(searched.values()),
        }


def measure(records: int, runs: int, folder: Path, browser: Any) -> dict[str, Any]:
    """Builds and visits of `records` invented records; medians."""
    from tests.library import make_library

    root = folder / str(records)
    make_library(root, records)
    built = {"kb": run(_KB, str(root))}
    frame = plain_project(root / "build/.stage", root / "plain")
    built["plain"] = run(_MKDOCS, str(frame), str(root / "plain/site"))
    sites = {"kb": (root / "build/site").resolve(), "plain": root / "plain/site"}
    readers = {name: Reader(browser, site) for name, site in sites.items()}
    visits: dict[str, list[dict[str, float]]] = {"kb": [], "plain": []}
    for _ in range(runs):
        for name, reader in readers.items():  # in turn, so that a busy moment of the machine meets both
            visits[name].append(reader.table() | reader.search())
    for reader in readers.values():
        reader.close()
    row: dict[str, Any] = {"records": records}
    for name, site in sites.items():
        median = {what: statistics.median(visit[what] for visit in visits[name]) for what in visits[name][0]}
        row[name] = {what: round(value, 3) for what, value in (built[name] | median).items()} | weight(site)
    row["engine"] = "pagefind" if (sites["kb"] / "pagefind").is_dir() else "material"
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| Records | Site | Build: processor time | on the clock | Peak memory | Files | Size | Table ready | Its bytes "
        "| First search result | of it, after typing | Bytes of the search |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    names = {"kb": "kb", "plain": "plain MkDocs Material"}
    for row in rows:
        for name, title in names.items():
            one = row[name]
            label = f"{title} ({row['engine']})" if name == "kb" else title
            lines.append(
                f"| {row['records']:,} | {label} | {one['cpu_s']:.1f} s | {one['wall_s']:.1f} s | {one['peak_mib']:.0f} MiB | "
                f"{one['files']:,} | {one['mb']:,.0f} MB | {one['table_s']:.2f} s | {one['table_bytes'] / 1e6:.2f} MB | "
                f"{one['first_result_s']:.2f} s | {one['answer_s']:.2f} s | {one['search_bytes'] / 1e6:.2f} MB |"
            )
    lines.append("")
    for before, after in pairwise(rows):
        many = after["records"] / before["records"]
        for name, title in names.items():
            times = after[name]["cpu_s"] / before[name]["cpu_s"]
            memory = after[name]["peak_mib"] / before[name]["peak_mib"]
            lines.append(
                f"- {title}, {many:.0f} times the records: {times:.1f} times the time, {memory:.1f} times the memory"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build and read large sites.")
    parser.add_argument("--sizes", default="1000,5000")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    rows = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for size in map(int, given.sizes.split(",")):
            rows.append(measure(size, given.runs, Path(folder), browser))
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
        where = {
            "browser": f"Chromium {browser.version}",
            "cores": os.cpu_count(),
            "load_before": round(load, 1),
        }
        browser.close()
    (HERE / "site_scale.json").write_text(
        json.dumps({"where": where, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    busy = (
        f"\nThe machine was busy with other work (load {load:.0f} before the run): compare the two rows of one size."
        if load > 0.7
        else ""
    )
    text = (
        f"{table(rows)}\n\n{where['browser']}, headless, {where['cores']} cores; browser figures are medians of {given.runs} "
        "visits, each with an empty cache, in turn; invented\nrecords; nothing is compressed on the way. The plain site has the "
        "same Markdown pages, Material's own search and a\nMarkdown table of the papers. First search result: from opening the "
        "page, with the words typed as soon as its scripts\nrun; Material starts to fetch its index before that, kb at that moment; it "
        "fetches it with each page, so that it is among the bytes of the plain table. "
        f"Peak memory is that of the building program.{busy}"
    )
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(path, "site_scale", text, "## A large site, built and read (`site_scale.py`)"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
