"""kb check --since: who edits what the program writes is told what to edit instead; who lets the program write is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.test_merge_driver import Repository

RECORD = "title: A\nlabels:\n  - {branch: shorter, by: list, source: x}\n"
PAGE = "# Page\n<!-- kb eval report e.yaml: runs -->\n| 1 |\n| 2 |\n<!-- /kb eval report -->\nBelow.\n"
FILES: dict[str, str | None] = {
    "papers/a2025b.yaml": RECORD,
    "papers/_candidates.jsonl": '{"id":"c-1","state":"candidate","title":"C","reason":"new"}\n',
    "papers/_sources/bibtex.jsonl": json.dumps(
        {"entry": {"source": "bibtex", "entry_id": "x", "title": "A"}, "paper": "a2025b"}
    )
    + "\n",
    "results/_verdicts.jsonl": '{"claim": "a2025b/c1", "state": "untested"}\n',
    "runs/r1/manifest.json": "{}\n",
    "site/docs/page.md": PAGE,
}
SAYS = {
    "papers/_candidates.jsonl": ('"new"', '"old"', "kb accept, kb reject, kb same or kb different ID"),
    "papers/_sources/bibtex.jsonl": ('"A"', '"B"', "fix: edit papers/a2025b.yaml"),
    "results/_verdicts.jsonl": (
        "untested",
        "supported",
        "fix: edit the claim in papers/a2025b.yaml, or results/",
    ),
    "runs/r1/manifest.json": ("{}", '{"a": 1}', "nobody edits one"),
    "site/docs/page.md": ("| 2 |", "| 3 |", "write outside the markers"),
}


@pytest.fixture
def repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Repository:
    return Repository(KnowledgeBase(tmp_path / "kb", capsys), FILES)


def found(repository: Repository, ref: str = "theirs") -> list[str]:
    out = repository.base.run("check", "--since", ref)
    assert out.code == 0, out.text
    return [line for line in out.out.splitlines() if "generated:" in line]


def changed(name: str) -> dict[str, str | None]:
    text, (old, new, _) = FILES[name], SAYS[name]
    assert text is not None
    assert old in text
    return {name: text.replace(old, new)}


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "in the working tree"])
@pytest.mark.parametrize("name", SAYS)
def test_an_edit_by_hand_is_answered_with_what_to_edit(
    repository: Repository, name: str, committed: bool
) -> None:
    """One line a file, with the record or the command; nothing before the edit."""
    assert found(repository) == []
    if committed:
        repository.commit(changed(name))
    else:
        for file, text in changed(name).items():
            (repository.root / file).write_text(text or "")
    (line,) = found(repository)
    assert f"{name}:" in line
    assert "edited by hand?" in line
    assert SAYS[name][2] in line


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("papers/_candidates.jsonl", "papers/_decisions.yaml"),
        ("papers/_sources/bibtex.jsonl", "papers/a2025b.yaml"),
        ("results/_verdicts.jsonl", "papers/a2025b.yaml"),
        ("results/_verdicts.jsonl", "runs/r2/manifest.json"),
        ("site/docs/page.md", "runs/r2/manifest.json"),
    ],
)
def test_what_changes_with_its_cause_is_the_program_s_work(
    repository: Repository, name: str, cause: str
) -> None:
    """A sync changes entry and record, kb claims update follows a claim or a run: nothing is said."""
    texts = {"papers/_decisions.yaml": "same: []\n", "papers/a2025b.yaml": f"{RECORD}venue: ACL\n"}
    repository.commit({**changed(name), cause: texts.get(cause, "{}\n")})
    assert found(repository) == []


def test_text_outside_the_markers_and_new_runs_are_free(repository: Repository) -> None:
    repository.commit(
        {"site/docs/page.md": PAGE.replace("Below.", "Under."), "runs/r3/manifest.json": "{}\n"}
    )
    assert found(repository) == []


def test_only_the_branch_at_hand_counts(repository: Repository) -> None:
    """What happened on the other branch since the two parted is not this contributor's edit."""
    repository.both({"papers/a2025b.yaml": f"{RECORD}venue: ACL\n"}, changed("runs/r1/manifest.json"))
    assert found(repository) == []


@pytest.mark.parametrize("ref", ["nowhere", "--output=/tmp/x", ""])
def test_a_reference_that_git_does_not_know_is_one_line(repository: Repository, ref: str) -> None:
    out = repository.base.run("check", f"--since={ref}")
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "--since: git knows no" in out.err
