"""A built site, and a browser that lets no request out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kb.config import load_config
from kb.pipeline.build import build
from kb.pipeline.search import find_program
from kb.records.candidates import Candidate, CandidateState, render_candidates
from scripts.screenshots import FLAGS, chromium, serve
from tests.library import HOSTILE, make_library
from tests.pipeline.test_build_findings import add_findings

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


@dataclass
class Visit:
    """A browser window that lets nothing out, and what it noticed."""

    page: Any
    base: str
    strangers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        self.page.goto(f"{self.base}/{path}")
        return self.page


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with hostile records, claims, waiting works and a merged key."""
    return make_site(tmp_path_factory.mktemp("browser") / "kb")


@pytest.fixture(scope="session")
def pagefind_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site with Pagefind's search."""
    if find_program() is None:
        pytest.skip("pagefind-bin has no program for this platform")
    return make_site(tmp_path_factory.mktemp("pagefind") / "kb", '[site.search]\nengine = "pagefind"\n')


def make_site(root: Path, settings: str = "") -> Path:
    """The folder of a built site; `settings` are added to its kb.toml."""
    make_library(root, 30)
    with (root / "kb.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    add_findings(root)
    _add_figures(root)
    hostile = [
        Candidate(
            id=f"c{n}",
            state=state,
            title=text,
            url="javascript:window.pwned=9",
            reason=text,
            seen_in=("l x",),
        )
        for n, (text, state) in enumerate((text, state) for text in HOSTILE for state in CandidateState)
    ]
    config = load_config(root, {})
    config.candidates_path.write_text(render_candidates(tuple(hostile)), encoding="utf-8")
    config.decisions_path.write_text("merged:\n  - gone: old2020name\n    into: feng2025efficient\n")
    build(config)
    return (root / "build" / "site").resolve()


def _add_figures(root: Path) -> None:
    """A second source with a large model and another benchmark, so that pictures have something to divide by."""
    folder = root / "results"
    with (folder / "_benchmarks.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: AIME, kind: math, difficulty: 5, items: 120}\n")
    with (folder / "_models.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: Big, family: G, origin: rl, size_b: 70}\n")
    rows = "model,method,weight_bits,act_bits,kv_bits,benchmark,score,baseline_score\n"
    for bits, lost in ((4, 0.5), (3, 4)):
        rows += f"Big,awq,{bits},16,16,AIME,{60 - lost},60\nBig,awq,{bits},16,16,GSM8K,{95 - lost},95\n"
    rows += "Big,awq,8,8,8,AIME,59,60\nBig,awq,8,8,8,GSM8K,95,95\n"
    (folder / "feng2025efficient.csv").write_text(rows, encoding="utf-8")


@pytest.fixture(scope="session")
def base(site: Path) -> Iterator[str]:
    yield from _served(site)


@pytest.fixture(scope="session")
def pagefind_base(pagefind_site: Path) -> Iterator[str]:
    yield from _served(pagefind_site)


def _served(site: Path) -> Iterator[str]:
    server = serve(site)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """System Chromium; skipped with the reason where there is none, unless KB_REQUIRE_BROWSER=1."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    required = os.environ.get("KB_REQUIRE_BROWSER") == "1"
    with playwright_api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        except playwright_api.Error as error:
            if required:
                raise
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def visit(browser: Any, base: str) -> Iterator[Visit]:
    yield from _visit(browser, base, DESKTOP)


@pytest.fixture
def pagefind_visit(browser: Any, pagefind_base: str) -> Iterator[Visit]:
    yield from _visit(browser, pagefind_base, DESKTOP)


@pytest.fixture
def phone(browser: Any, base: str) -> Iterator[Visit]:
    yield from _visit(browser, base, PHONE)


def _visit(browser: Any, base: str, viewport: dict[str, int]) -> Iterator[Visit]:
    """A window; when the test is over, nothing may have gone out and nothing may have gone wrong."""
    context = browser.new_context(viewport=viewport, color_scheme="light")
    seen = Visit(context.new_page(), base)

    def decide(route: Any) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            seen.strangers.append(route.request.url)
            route.abort()

    context.route("**/*", decide)
    seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type in {"error", "warning"} else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen
    pwned = seen.page.evaluate("window.pwned")
    context.close()
    assert seen.strangers == []
    assert seen.errors == []
    assert pwned is None
