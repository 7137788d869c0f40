"""A small knowledge base in a folder, and the servers that it syncs with. Commands are run as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kb import cli
from kb.config import Config, load_config
from kb.pipeline.store import Store, open_store
from tests.servers.arxiv import ArxivServer
from tests.servers.zotero import GROUP, ZoteroServer

TAXONOMY = """\
facets:
  - id: direction
    title: Direction
    description: What gets less.
    branches:
      - id: shorter
        title: Shorter
        description: Fewer tokens.
        aliases: [Short chains]
      - id: smaller
        title: Smaller
        description: Fewer bits.
      - id: faster
        title: Faster
        description: Less time.
"""
UNREACHABLE = "http://127.0.0.1:9"


def settings(
    zotero: str = "", arxiv: str = "", *, queries: str = "", lists: str = "", timeout_s: float = 5.0
) -> str:
    """A kb.toml with tiny waits; a source without an address is off."""
    http = f"timeout_s = {timeout_s}\ntries = 3\nbackoff_s = 0.01\nmax_wait_s = 2.0\n"
    return (
        f"[sources.zotero]\nenabled = {str(bool(zotero)).lower()}\ngroup = {GROUP}\n"
        f'base_url = "{zotero or UNREACHABLE}"\n[sources.zotero.http]\n{http}'
        f"[sources.arxiv]\nenabled = {str(bool(arxiv)).lower()}\ndelay_s = 0.0\n"
        f'base_url = "{arxiv or UNREACHABLE}"\n{queries}[sources.arxiv.http]\n{http}'
        f"[sources.list_http]\n{http}{lists}"
    )


@dataclass
class Outcome:
    """What a command did: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class KnowledgeBase:
    """A knowledge base under `root`.

    `run` needs `capsys`; `spawn` runs the command in a process of its own.
    """

    root: Path
    capsys: pytest.CaptureFixture[str] | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "taxonomy.yaml").write_text(TAXONOMY)
        self.configure()

    def configure(self, text: str | None = None, **sources: Any) -> None:
        (self.root / "kb.toml").write_text(settings(**sources) if text is None else text)

    def arguments(self, *words: str) -> list[str]:
        return ["--root", str(self.root), *words]

    def run(self, *words: str) -> Outcome:
        assert self.capsys is not None
        self.capsys.readouterr()
        code = cli.main(self.arguments(*words))
        said = self.capsys.readouterr()
        return Outcome(code, said.out, said.err)

    def spawn(
        self, *words: str, program: Sequence[str] = ("-m", "kb"), under: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Args: under: the command that starts the program."""
        return subprocess.Popen(
            [*under, sys.executable, *program, *self.arguments(*words)],
            cwd=Path(__file__).parents[2],
            env=os.environ | self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def config(self) -> Config:
        return load_config(self.root)

    def store(self) -> Store:
        return open_store(self.config)

    def path(self, key: str) -> Path:
        return self.root / "papers" / f"{key}.yaml"

    def text(self, key: str) -> str:
        return self.path(key).read_text(encoding="utf-8")

    def edit(self, key: str, old: str, new: str) -> None:
        """A person's edit of a record's file."""
        text = self.text(key)
        assert old in text, text
        self.path(key).write_text(text.replace(old, new), encoding="utf-8")

    def keys(self) -> list[str]:
        return sorted(path.stem for path in (self.root / "papers").glob("[a-z]*.yaml"))

    def candidates(self) -> list[dict[str, Any]]:
        path = self.root / "papers" / "_candidates.jsonl"
        return [json.loads(line) for line in path.read_text().split("\n") if line] if path.exists() else []

    def cursors(self) -> dict[str, Any]:
        path = self.root / "papers" / "_sources" / "_cursors.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def tree(self) -> dict[str, bytes]:
        """Every file that git sees."""
        return tree(self.root)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".tmp" and ".kb" not in path.relative_to(root).parts
    }


def leftovers(root: Path) -> list[str]:
    """Temporary files, wherever they are."""
    return [str(path.relative_to(root)) for path in root.rglob("*.tmp")]


def paper(arxiv_id: str, title: str, *authors: str, **fields: Any) -> dict[str, Any]:
    """What the arXiv server serves for one paper."""
    return {"id": arxiv_id, "title": title, "authors": list(authors) or ["Ada Almeida"], **fields}


__all__ = [
    "ArxivServer",
    "KnowledgeBase",
    "Outcome",
    "ZoteroServer",
    "leftovers",
    "paper",
    "settings",
    "tree",
]
