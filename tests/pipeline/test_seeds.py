"""The user's three seed documents through `kb import` and `kb sync arxiv`: quiet the second time, the same in any order.

The documents and arXiv's facts lie outside the repository; the same guarantees are proved with invented entries in
tests/reconcile/test_reconcile.py and tests/pipeline/test_sync_scorecard.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.kbase import ArxivServer, KnowledgeBase
from tests.servers.base import running

SHARED = Path(__file__).parents[2].parent / "shared"
SEEDS = {
    "awesome_list": ("reasoning-economy-list.md", "--name", "seed", "--create", "--keep-notes"),
    "survey_readme": ("survey-readme.md",),
    "daily_papers": ("daily-papers.txt", "--create"),
}
ROUNDS = 12  # arXiv is asked for a bounded number of titles a sync

pytestmark = pytest.mark.skipif(
    not (SHARED / "seeds").is_dir() or not list(SHARED.glob("data/*_dev.jsonl")),
    reason="the seed documents are not in this checkout",
)


@pytest.fixture
def seeds(base: KnowledgeBase) -> Iterator[KnowledgeBase]:
    with running(ArxivServer.from_jsonl(sorted(SHARED.glob("data/*_dev.jsonl")))) as arxiv:
        base.configure(arxiv=arxiv.url)
        yield base


def bring_in(base: KnowledgeBase, order: tuple[str, ...]) -> None:
    for source in order:
        name, *options = SEEDS[source]
        assert base.run("import", source, str(SHARED / "seeds" / name), *options).code in (0, 7)


def settle(base: KnowledgeBase) -> None:
    """Sync with arXiv until nothing is left to ask."""
    for _ in range(ROUNDS):
        before = base.tree()
        assert base.run("sync", "arxiv").code in (0, 7)
        if base.tree() == before:
            return
    pytest.fail(f"not at rest after {ROUNDS} syncs")


def contents(base: KnowledgeBase) -> list[Any]:
    """Every record without its key, sets in one order."""
    found = []
    for paper in base.store().library.values():
        data = paper.to_data()
        for name in ("labels", "notes"):
            data[name] = sorted(data.get(name, []), key=str)
        data["links"] = {kind: sorted(urls) for kind, urls in data.get("links", {}).items()}
        found.append(data)
    return sorted(found, key=str)


@pytest.mark.slow
def test_importing_the_seeds_again_changes_nothing(seeds: KnowledgeBase) -> None:
    """Neither the import nor the sync writes a byte the second time; the records pass the checks that are errors."""
    bring_in(seeds, tuple(SEEDS))
    settle(seeds)
    before = seeds.tree()
    assert len(seeds.keys()) >= 10
    assert len(seeds.candidates()) >= 10
    bring_in(seeds, tuple(SEEDS))
    assert seeds.run("sync", "arxiv").code in (0, 7)
    assert seeds.tree() == before
    found = [line for line in seeds.run("check", "--errors").out.splitlines() if "branches-exist" not in line]
    assert not [line for line in found if line.startswith("error")], found


@pytest.mark.slow
def test_the_order_of_the_seeds_does_not_show_in_the_records(seeds: KnowledgeBase, tmp_path: Path) -> None:
    """Whichever document comes first, the records say the same."""
    said = []
    for number, order in enumerate(itertools.permutations(SEEDS)):
        other = KnowledgeBase(tmp_path / f"order{number}", seeds.capsys, seeds.env)
        other.configure((seeds.root / "kb.toml").read_text())
        bring_in(other, order)
        settle(other)
        said.append(contents(other))
    assert all(one == said[0] for one in said[1:])
