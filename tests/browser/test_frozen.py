"""The site of an archive, unpacked and opened from disk: no server, no network."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kb.config import load_config
from kb.pipeline.freeze import freeze
from scripts.screenshots import until
from tests.browser.conftest import DESKTOP
from tests.library import make_library
from tests.pipeline.test_build_findings import add_findings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("git"), reason="no git here"),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name holds a space, as downloads do."""
    root = tmp_path_factory.mktemp("frozen")
    make_library(root / "kb", 12)
    add_findings(root / "kb")
    (root / "kb" / ".gitignore").write_text("/build/\n.kb/\n")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "state")):
        subprocess.run(["git", *who, *words], cwd=root / "kb", check=True, capture_output=True)
    archive = freeze(load_config(root / "kb", {}), out=root / "a.zip", environ={}).path
    shutil.rmtree(root / "kb")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(root / "my downloads")
    (folder,) = (root / "my downloads").iterdir()
    return folder


def _counts(message: Any) -> bool:
    """An error or a warning; not of the table's data, which the page asks for ahead of time and has a second way to."""
    ahead = "papers.json" in f"{message.text} {message.location['url']}"
    return message.type in {"error", "warning"} and not ahead


def test_it_is_read_from_disk(unpacked: Path, browser: Any) -> None:
    """Home, a branch, a paper by clicks, the table, every page of the navigation: nothing fails, nothing goes out."""
    context = browser.new_context(viewport=DESKTOP)
    page, errors, strangers = context.new_page(), list[str](), list[str]()
    page.on(
        "console",
        lambda message: errors.append(message.text) if _counts(message) else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            strangers.append(request.url) if not request.url.startswith(("file:", "data:")) else None
        ),
    )
    page.goto((unpacked / "site" / "index.html").as_uri())
    assert "A test survey" in page.inner_text("h1")
    assert page.evaluate("getComputedStyle(document.querySelector('.kb-tile')).borderTopStyle") == "solid"
    page.click(".kb-tile h3 a >> nth=0")
    page.wait_for_url("**/branches/*.html")
    page.click("article table a >> nth=0")
    page.wait_for_url("**/papers/*.html")
    assert page.locator("article h1").count() == 1
    page.goto((unpacked / "site" / "survey" / "table.html").as_uri())
    until(page, "document.querySelectorAll('article table tbody tr').length >= 12")
    home = (unpacked / "site" / "index.html").as_uri()
    page.goto(home)
    links = page.eval_on_selector_all(
        ".md-nav a[href]", "found => found.map(each => each.href.split('#')[0])"
    )
    pages = sorted(set(links))
    assert len(pages) > 12
    for each in pages:
        page.goto(each)
        assert page.locator("article h1").count() == 1, each
    context.close()
    assert errors == []
    assert strangers == []
