"""`kb serve`: the preview follows the records."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from kb.config import load_config
from kb.pipeline.build import build
from kb.pipeline.preview import PreviewServer
from kb.pipeline.serve import rebuilder, watched
from tests.library import REPO, make_library


def test_a_failed_rebuild_is_told_and_keeps_the_last_site(tmp_path: Path) -> None:
    """A person who saves a half-written record sees one line and can go on."""
    make_library(tmp_path / "kb", 3)
    config = load_config(tmp_path / "kb", {})
    build(config)
    told: list[str] = []
    rebuild = rebuilder(config, told.append)
    record = config.papers_dir / "feng2025efficient.yaml"
    good = record.read_text(encoding="utf-8")
    record.write_text("title: [", encoding="utf-8")
    rebuild()
    assert "feng2025efficient.yaml" in told[-1]
    assert (config.build_dir / "site/papers/feng2025efficient.html").is_file()
    record.write_text(good.replace("A Survey", "Another Survey"), encoding="utf-8")
    rebuild()
    assert told[-1].startswith("Made")


def test_everything_that_a_build_reads_is_watched(tmp_path: Path) -> None:
    """Records, templates, site/, taxonomy and settings."""
    make_library(tmp_path / "kb", 3)
    names = {path.name for path in watched(load_config(tmp_path / "kb", {}))}
    assert names == {"papers", "templates", "site", "taxonomy.yaml", "kb.toml"}


def test_only_the_previews_own_script_may_stand_in_a_page(tmp_path: Path) -> None:
    """The policy of a previewed page names a word that this script alone carries, another one each time."""
    make_library(tmp_path / "kb", 3)
    config = load_config(tmp_path / "kb", {})
    page = build(config).index.read_bytes()
    server = PreviewServer(lambda: None, "127.0.0.1", 0, str(config.build_dir / "site"))
    try:
        shown = [server._inject_js_into_html(page, epoch).decode() for epoch in (1, 2)]
    finally:
        server.server_close()
    words = [re.findall(r"nonce[-=\"]+([\w-]{12,})", text) for text in shown]
    assert all(len(found) == 2 and found[0] == found[1] for found in words)
    assert words[0] != words[1]
    assert all(
        "livereload" in text.rpartition(f'<script nonce="{found[0]}">')[2]
        for text, found in zip(shown, words, strict=True)
    )
    assert all("unsafe-inline" not in text for text in shown)


@pytest.mark.slow
def test_a_changed_record_shows_in_the_preview(tmp_path: Path) -> None:
    """A real server on localhost: the page changes after the record did, and Ctrl-C ends it."""
    make_library(tmp_path / "kb", 3)
    script = (
        "import sys; from pathlib import Path; from kb.config import load_config; from kb.pipeline.serve import serve\n"
        "try: serve(load_config(Path(sys.argv[1]), {}), 0)\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "kb")],
        cwd=REPO,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stderr is not None
    try:
        base = None
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                base = found.group()
                break
        assert base is not None
        page = f"{base}papers/feng2025efficient.html"
        assert "Efficient Reasoning Models: A Survey" in _read(page)
        record = tmp_path / "kb/papers/feng2025efficient.yaml"
        record.write_text(record.read_text().replace("A Survey", "Another Survey"))
        deadline = time.monotonic() + 20
        while "Another Survey" not in _read(page) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert "Another Survey" in _read(page)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
    finally:
        process.kill()
        process.stderr.close()
        process.wait()


def _read(url: str) -> str:
    for _ in range(50):
        try:
            with urlopen(url) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
