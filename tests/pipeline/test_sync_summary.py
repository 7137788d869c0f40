"""kb sync --summary: what came in, what waits, and above all what failed, for who reviews it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.kbase import ArxivServer, KnowledgeBase, ZoteroServer, paper
from tests.servers.base import status
from tests.servers.zotero import item


@pytest.fixture
def both(both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer) -> KnowledgeBase:
    """Zotero holds a paper, which arXiv knows as well."""
    zotero.library.add(
        item(
            "AAAA1111",
            "Short Chains",
            authors=["Ada Almeida"],
            date="2025",
            url="https://arxiv.org/abs/2505.00001",
        )
    )
    arxiv.papers.append(paper("2505.00001", "Short Chains", "Ada Almeida", published="2025-05-01T00:00:00Z"))
    return both


def summed_up(base: KnowledgeBase, *words: str) -> tuple[int, str]:
    path = base.root / "build" / "sync.md"
    out = base.run("sync", "--summary", str(path), *words)
    return out.code, path.read_text(encoding="utf-8") if path.exists() else ""


def test_what_came_in_is_told_with_who_named_it(both: KnowledgeBase) -> None:
    """The first line is the title of a pull request."""
    code, text = summed_up(both)
    assert code == 0
    assert text.splitlines()[0] == "# Sync: 1 new paper"
    assert "- Short Chains (2025), `papers/almeida2025short.yaml`: no branch yet" in text
    assert "Failed or incomplete" not in text


def test_nothing_new_is_said_as_such(both: KnowledgeBase) -> None:
    summed_up(both)
    code, text = summed_up(both)
    assert (code, text.splitlines()[0]) == (0, "# Sync: nothing came in")


def test_a_failed_source_never_looks_like_nothing_new(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """It is in the title, stands first, and is told with its reason; the others count."""
    summed_up(both)
    zotero.faults.extend([status(503)] * 20)
    code, text = summed_up(both)
    assert code == 4
    assert text.splitlines()[0] == "# Sync: nothing came in; 1 source failed"
    first = text.split("### ")[1]
    assert first.startswith("Failed or incomplete: nothing is known of what is new there")
    assert "`zotero`: failed: " in first


def test_what_needs_a_decision_is_told_with_the_command(both: KnowledgeBase, arxiv: ArxivServer) -> None:
    """Candidates of a saved search, and conflicts between a person and the sources."""
    summed_up(both)
    both.edit("almeida2025short", "Short Chains", "Shorter Chains")
    arxiv.papers[0]["title"] = "Shortest Chains"
    arxiv.papers.append(paper("2505.00002", "Another Exit", "Bo Chen", published="2025-05-02T00:00:00Z"))
    text = (both.root / "kb.toml").read_text()
    both.configure(
        text.replace(
            "[sources.arxiv.http]",
            '[[sources.arxiv.queries]]\nname = "exit"\nquery = "ti:exit"\n[sources.arxiv.http]',
        )
    )
    code, told = summed_up(both, "arxiv")
    assert code == 0, told
    needs = told.split("### ")[1]
    assert needs.startswith("Needs a decision")
    assert "`kb resolve almeida2025short title --mine`" in needs
    assert "Another Exit" in needs
    assert "`kb accept c-" in needs
    assert told.count("Shortest Chains") == 1


def test_a_sync_that_could_not_begin_is_summed_up_too(both: KnowledgeBase) -> None:
    """A workflow that shows the summary shows why."""
    (both.root / "taxonomy.yaml").write_text("facets: [\n")
    code, text = summed_up(both)
    assert code == 3
    assert text.splitlines()[0] == "# Sync: failed"
    assert "taxonomy.yaml" in text


def test_hostile_titles_stay_text(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    title = "<img src=x> @octocat #7 [x](javascript:y)"
    zotero.library.add(
        item("BBBB2222", title, authors=["Bo Chen"], date="2025", url="https://arxiv.org/abs/2505.00003")
    )
    _, text = summed_up(both, "zotero")
    assert "<img" not in text
    assert "@octocat" not in text
    assert "](javascript" not in text


def test_a_dry_run_is_summed_up_and_changes_nothing(both: KnowledgeBase) -> None:
    code, text = summed_up(both, "--dry-run")
    assert (code, text.splitlines()[0]) == (0, "# Sync: 1 new paper")
    assert both.keys() == []


def test_a_summary_is_never_longer_than_a_pull_request_takes(
    both: KnowledgeBase, zotero: ZoteroServer
) -> None:
    """However much came in."""
    for number in range(120):
        url = f"https://arxiv.org/abs/2505.{number + 100:05}"
        zotero.library.add(
            item(f"K{number:07}", f"{'Long ' * 60}{number}", authors=["Bo Chen"], date="2025", url=url)
        )
    _, text = summed_up(both, "zotero")
    assert "121 new papers" in text.splitlines()[0]
    assert len(text) < 21_000


def test_a_folder_that_cannot_be_written_is_an_error(both: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = both.run("sync", "--summary", str(tmp_path / "file" / "x.md"))
    assert out.code == 1
    assert out.err.count("\n") == 1
