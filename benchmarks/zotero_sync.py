"""How long `kb sync zotero` takes, how much it asks, and what it changes: a first sync, one with nothing new, one with little.

A made-up group library of 10,000 items is served on 127.0.0.1 by a process of its own. Each sync is a process of its
own, too, measured from its start to its end; so is a plain download of the same library with pyzotero,
`everything(items())`, which the syncs are held against. Run it from the repository:

    python -m benchmarks.zotero_sync [--items 10000] [--repeats 3]

It prints the results and writes them to benchmarks/zotero_sync.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures
from tests.library import invent_papers
from tests.pipeline.kbase import TAXONOMY, settings
from tests.servers.base import Request, Response
from tests.servers.zotero import GROUP, Library, ZoteroServer, item

REPO = Path(__file__).parents[1]
CHANGED = 10
_LABELS = {
    "download": "pyzotero, `everything(items())`, nothing kept",
    "first": "`kb sync zotero`, the first",
    "nothing new": "the second, nothing new",
    "little new": f"the third, {CHANGED} items changed",
}

MEASURED = """
import json, resource, sys, time
start = time.perf_counter()
{body}
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 ** 2)
print("\\n" + json.dumps({{"seconds": time.perf_counter() - start, "peak_mib": peak, "cpu_s": usage.ru_utime + usage.ru_stime}}))
"""
SYNC = "from kb.cli import main\nassert main(['--root', {root!r}, 'sync', 'zotero']) == 0"
PLAIN = (
    "from pyzotero import zotero\n"
    "client = zotero.Zotero({group}, 'group')\n"
    "client.endpoint = {url!r}\n"
    "assert len(client.everything(client.items(limit=100))) == {items}"
)


class Served(ZoteroServer):
    """The library, and two questions of the benchmark's own: how many requests, and a change of some items."""

    def answer(self, request: Request) -> Response:
        if request.path == "/benchmark/requests":
            count = sum(not r.path.startswith("/benchmark") for r in self.requests)
            return Response(200, str(count).encode(), {"Content-Type": "text/plain"})
        if request.path == "/benchmark/change":
            for key in list(self.library.items)[:: max(1, len(self.library.items) // CHANGED)][:CHANGED]:
                title = self.library.items[key]["title"]
                self.library.update(key, title=f"{title}, Revised")
            return Response(200, b"changed", {"Content-Type": "text/plain"})
        return super().answer(request)


def serve(items: int) -> None:
    """Serve until the parent goes away."""
    server = Served(invent_library(items))
    sys.stdout.write(server.url + "\n")
    sys.stdout.flush()
    server.serve_forever()


def invent_library(items: int) -> Library:
    library = Library()
    library.add_collection("COLL0001", "Shorter")
    library.add_collection("COLL0002", "Smaller")
    for number, paper in enumerate(invent_papers(items)):
        library.add(
            item(
                f"{number:08d}",
                f"{paper.title}, Study {number}",
                "conferencePaper" if paper.venue else "preprint",
                authors=[author.name for author in paper.authors],
                date=paper.dates.published,
                archiveID=f"arXiv:{paper.identifiers.arxiv_id}",
                abstractNote="An invented sentence about chains of thought. " * 25,
                collections=[f"COLL000{1 + number % 2}"],
            )
        )
    return library


@contextmanager
def server(items: int) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.zotero_sync", "--serve", "--items", str(items)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.terminate()
        process.wait()


def ask(url: str, what: str) -> str:
    with urllib.request.urlopen(f"{url}/benchmark/{what}") as answer:  # noqa: S310 - our own server
        return str(answer.read().decode())


def measured(body: str, url: str) -> dict[str, Any]:
    """What a process that runs `body` took."""
    before = int(ask(url, "requests"))
    env = os.environ | {"PYTHONPATH": str(REPO), "NO_PROXY": "127.0.0.1"}
    program = [sys.executable, "-c", MEASURED.format(body=body)]
    done = subprocess.run(program, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"requests": int(ask(url, "requests")) - before}


def hashes(root: Path) -> dict[str, tuple[int, str]]:
    """Size and content of every file that git would see."""
    return {
        str(path.relative_to(root)): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in root.rglob("*")
        if path.is_file() and ".kb" not in path.relative_to(root).parts
    }


def one_round(items: int) -> dict[str, dict[str, Any]]:
    root = Path(tempfile.mkdtemp(prefix="kb-benchmark-"))
    try:
        with server(items) as url:
            (root / "taxonomy.yaml").write_text(TAXONOMY)
            (root / "kb.toml").write_text(settings(url, timeout_s=60.0))
            sync = SYNC.format(root=str(root))
            rows: dict[str, dict[str, Any]] = {}
            rows["download"] = measured(PLAIN.format(group=GROUP, url=url, items=items), url)
            for name in ("first", "nothing new", "little new"):
                if name == "little new":
                    ask(url, "change")
                before = hashes(root)
                rows[name] = measured(sync, url)
                after = hashes(root)
                changed = [path for path in after if before.get(path) != after[path]]
                rows[name] |= {"files": len(changed), "bytes": sum(after[path][0] for path in changed)}
            return rows
    finally:
        shutil.rmtree(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.items)
        return
    rounds = [one_round(options.items) for _ in range(options.repeats)]
    report: dict[str, Any] = {}
    for name in rounds[0]:
        each = [one[name] for one in rounds]
        seconds = [one["seconds"] for one in each]
        report[name] = each[0] | {
            "seconds": round(statistics.median(seconds), 3),
            "seconds_all": [round(one, 3) for one in seconds],
            "cpu_s": round(statistics.median(one["cpu_s"] for one in each), 3),
            "peak_mib": round(max(one["peak_mib"] for one in each), 1),
        }
    for row in report.values():
        row["times_download"] = round(row["seconds"] / report["download"]["seconds"], 3)
    if report["nothing new"]["bytes"] or report["little new"]["files"] != CHANGED + 2:
        raise SystemExit(f"a sync changed more than it had to: {report}")
    result = {
        "items": options.items,
        "repeats": options.repeats,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "runs": report,
    }
    (REPO / "benchmarks" / "zotero_sync.json").write_text(json.dumps(result, indent=1) + "\n")
    table = _table(result)
    _put_into_readme(table)
    sys.stdout.write(table)


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"| {result['items']:,} items | Seconds | Against the download | Peak memory | Requests | Files | Bytes |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in result["runs"].items():
        files, size = (f"{row[key]:,}" if key in row else "" for key in ("files", "bytes"))
        lines.append(
            f"| {_LABELS[name]} | {row['seconds']:.1f} | {row['times_download']:.1f}x | {row['peak_mib']:.0f} MiB "
            f"| {row['requests']} | {files} | {size} |"
        )
    note = f"{result['machine']}; time on the clock, the median of {result['repeats']}, start of the program included."
    return "\n".join([*lines, "", note, ""])


def _put_into_readme(text: str) -> None:
    path = REPO / "benchmarks" / "README.md"
    path.write_text(
        readme_with_figures(path, "zotero_sync", text, "## Syncing with Zotero (`zotero_sync.py`)"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
