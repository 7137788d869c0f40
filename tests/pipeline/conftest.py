"""Fixtures of the pipeline's tests: one knowledge base, one Zotero, one arXiv, all on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.kbase import ArxivServer, KnowledgeBase, ZoteroServer
from tests.servers.base import running


@pytest.fixture
def zotero() -> Iterator[ZoteroServer]:
    with running(ZoteroServer()) as server:
        yield server


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with running(ArxivServer()) as server:
        yield server


@pytest.fixture
def base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> KnowledgeBase:
    """An empty knowledge base; the environment is this test's own."""
    cache = str(tmp_path / "cache")
    for name in ("ZOTERO_API_KEY", "KB_ZOTERO_BASE_URL", "KB_ARXIV_BASE_URL", "KB_PERSON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KB_CACHE_DIR", cache)
    return KnowledgeBase(tmp_path / "kb", capsys, {"KB_CACHE_DIR": cache})


@pytest.fixture
def both(base: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer) -> KnowledgeBase:
    """The knowledge base, set to sync with both servers."""
    base.configure(zotero=zotero.url, arxiv=arxiv.url)
    return base
