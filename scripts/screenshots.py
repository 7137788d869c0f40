"""Pictures of the built site: each kind of page, on a desktop and a phone, light and dark, into build/screenshots.

    python scripts/screenshots.py [--site build/site] [--out build/screenshots]

The site has to be built already. Needs Playwright and a Chromium (KB_CHROMIUM names one).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


def chromium() -> str | None:
    """The browser to use; None leaves the choice to Playwright."""
    named = os.environ.get("KB_CHROMIUM")
    if named:
        return named
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def serve(folder: Path) -> ThreadingHTTPServer:
    """`folder` on a free port of 127.0.0.1, until shutdown() is called."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def until(page: Any, expression: str, timeout_s: float = 10, *, arg: Any = None) -> None:
    """Wait until `expression` is true in the page; a function of `arg`, if it is one.

    Playwright's own `wait_for_function` evaluates text inside the page, which the content security policy of the pages
    forbids once the first try has failed.

    Raises:
        TimeoutError: it does not come true.
    """
    end = time.monotonic() + timeout_s
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise TimeoutError(f"in {timeout_s:g} s it did not come true that {expression}")
        page.wait_for_timeout(30)


def kinds(site: Path) -> dict[str, str]:
    """One page of each kind, by name of the kind."""
    papers = [
        p for p in sorted((site / "papers").glob("*.html")) if b'http-equiv="refresh"' not in p.read_bytes()
    ]
    reviewed = [p for p in papers if b"kb-card-done" in p.read_bytes() or b"kb-card-draft" in p.read_bytes()]
    longest = max(reviewed or papers, key=lambda path: path.stat().st_size, default=None)
    shortest = min(papers, key=lambda path: path.stat().st_size, default=None)
    years = sorted((site / "survey").glob("[0-9]*.html"))
    branches = sorted((site / "branches").rglob("quantization.html")) or sorted(
        (site / "branches").rglob("*.html")
    )
    claims = [p for p in sorted((site / "claims").glob("*/*.html")) if b'<svg class="kb-f"' in p.read_bytes()]
    pages = {path.stem: path for path in sorted(site.glob("*.html")) if path.name not in _NO_KIND}
    for name, path in (
        ("paper-reviewed", longest),
        ("paper-bare", shortest),
        ("table", site / "survey/table.html"),
        ("year", years[-1] if years else None),
        ("branch", branches[0] if branches else None),
        ("claim", max(claims, key=lambda path: path.stat().st_size, default=None)),
        ("claims", site / "claims/index.html"),
        ("results", site / "results/index.html"),
        ("bits", site / "results/bits.html"),
        ("memory", site / "results/memory.html"),
        ("benchmark", next(iter(sorted((site / "results/benchmarks").glob("*.html"))), None)),
        ("method", next(iter(sorted((site / "results/methods").glob("*.html"))), None)),
        ("experiments", site / "experiments/index.html"),
        ("experiment", next(iter(sorted((site / "experiments").glob("l*.html"))), None)),
    ):
        if path is not None and path.is_file():
            pages[name] = path
    return {name: path.relative_to(site).as_posix() for name, path in pages.items()}


_NO_KIND = ("404.html",)


def take(site: Path, out: Path) -> Iterator[Path]:
    """Take all pictures; gives each path once it is written."""
    from playwright.sync_api import sync_playwright

    server = serve(site)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            for size, (width, height) in SIZES.items():
                for scheme in SCHEMES:
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme
                    )
                    page = context.new_page()
                    for name, path in kinds(site).items():
                        page.goto(f"http://127.0.0.1:{server.server_port}/{path}")
                        target = out / f"{name}-{size}-{scheme}.png"
                        page.screenshot(path=str(target), full_page=True, animations="disabled")
                        yield target
                    context.close()
            browser.close()
    finally:
        server.shutdown()
        server.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--site", type=Path, default=Path("build/site"))
    parser.add_argument("--out", type=Path, default=Path("build/screenshots"))
    given = parser.parse_args()
    if not (given.site / "index.html").is_file():
        sys.stderr.write(f"{given.site} holds no site; run kb build first\n")
        return 2
    for path in take(given.site, given.out):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
