"""A small knowledge base whose papers want sorting: two lists, a classifier and people disagree about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.pipeline.sync import sync
from kb.records.models import Assignment, Witness
from tests.pipeline.kbase import KnowledgeBase

TAXONOMY = """\
# What the survey sorts by.
facets:
  - id: direction
    title: Direction
    description: What gets less.
    branches:
      - id: shorter  # the oldest branch
        title: Shorter
        description: Fewer tokens.
        aliases: [Short chains]
        branches:
          # two ways to get there
          - id: rl
            title: Rewards
            description: A reward for brevity.
            aliases:
              - Reinforcement learning
          - id: prompt
            title: Prompts
            description: Asking for less.
      - id: smaller
        title: Smaller
        description: Fewer bits.
        aliases: [Both of them]
        branches:
          - id: quantization
            title: Quantization
            description: Few bits.
            aliases: [Post-training quantization, KV cache quantization]
      - id: faster
        title: Faster
        description: Less time.
        aliases: [Both of them]
        branches:
          - id: early
            title: Early exit
            description: Stopping.  # in time
          - id: rl
            title: Faster rewards
            description: Rewards for speed.
  - id: scope
    title: Scope
    description: How close.
    single: true
    branches:
      - id: core
        title: Core
        description: In the middle.
      - id: adjacent
        title: Adjacent
        description: At the edge.
"""
HEADINGS = (
    "Short chains",
    "Reinforcement learning",
    "Prompts",
    "Post-training quantization",
    "KV cache quantization",
    "Both of them",
    "Early exit",
    "Faster rewards",
    "Core",
    "Unheard of",
)
COMMENTS = ("# What the survey sorts by.", "# the oldest branch", "# two ways to get there", "# in time")


def one_list(name: str, first: int) -> str:
    lines = [f"# {name}\n"]
    for number, heading in enumerate(HEADINGS):
        paper = first + number
        lines += [
            f"## {heading}\n",
            f"- Frugal chains of thought, part {paper} [[Paper]](https://arxiv.org/abs/2501.{paper:05})\n",
        ]
    return "\n".join(lines)


def make(root: Path, capsys: pytest.CaptureFixture[str] | None = None) -> KnowledgeBase:
    """Twelve papers that two lists name, with headings of every kind, and people's labels on some."""
    base = KnowledgeBase(root, capsys)
    (root / "taxonomy.yaml").write_text(TAXONOMY)
    lists = ""
    for number, name in enumerate(("a/list", "b/list")):
        (root / f"list{number}.md").write_text(one_list(name, number * 2))
        lists += f'[[sources.lists]]\nname = "{name}"\npath = "list{number}.md"\ncreates = true\n'
    base.configure(lists=lists)
    papers = root / "papers"
    papers.mkdir()
    for number in range(12):
        (papers / f"almeida2025frugal{number}.yaml").write_text(
            f"title: Frugal chains of thought, part {number}\nauthors:\n  - Ada Almeida\n"
            f'identifiers:\n  arxiv_id: "2501.{number:05}"\ndates:\n  published: "2025-01"\n'
        )
    sync(base.config)
    say(base, 0, "shorter", state="confirmed")
    say(base, 1, "shorter/rl", state="confirmed")
    say(base, 3, "smaller/quantization", state="confirmed", source="Jun")
    say(base, 3, "faster/early", by="classifier", source="v1", confidence=0.4)
    say(base, 3, "shorter/prompt", by="classifier", source="v1", confidence=0.7)
    say(base, 4, "faster/early", state="rejected")
    say(base, 6, "core", state="confirmed")
    return base


def key(number: int) -> str:
    return f"almeida2025frugal{number}"


def say(base: KnowledgeBase, number: int, branch: str, **fields: object) -> None:
    """A label written by hand at the end of a record."""
    text = base.text(key(number))
    values = {"branch": branch, "by": "person", "source": "Ada", **fields}
    lines = [f"{name}: {value}" for name, value in values.items()]
    if "labels:" not in text:
        text += "labels:\n"
    base.path(key(number)).write_text(text + "  - " + "\n    ".join(lines) + "\n")


def labels(base: KnowledgeBase, number: int) -> list[Assignment]:
    return list(base.store().library[key(number)].labels)


def branches(base: KnowledgeBase, number: int, by: Witness | None = None) -> list[str]:
    return [label.branch for label in labels(base, number) if by in (None, label.by)]
