"""What happened to the survey, told from real git repositories."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kb.config import load_config
from kb.pipeline.build import build
from kb.pipeline.history import load_history
from kb.pipeline.history_facts import Facts, differ, facts_of
from kb.pipeline.store import open_library
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.events import Event, History
from tests.library import make_library
from tests.pipeline.kbase import TAXONOMY


class Repository:
    """A knowledge base under git. Commits are a day apart."""

    def __init__(self, root: Path, top: Path | None = None) -> None:
        self.root, self.top, self.day = root, top or root, 0
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "taxonomy.yaml").exists():
            (root / "taxonomy.yaml").write_text(TAXONOMY)
            (root / "kb.toml").write_text('[site]\ntitle = "S"\n')
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        day = f"2026-01-{self.day + 1:02d}T10:00:00+0000"
        who = {
            f"GIT_{role}_{what}": "ada@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        dates = {"GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
        home = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", "-C", str(self.top), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **who, **dates, **home},
        )
        return done.stdout.strip()

    def write(self, key: str, **fields: Any) -> None:
        (self.root / "papers").mkdir(exist_ok=True)
        paper = Paper.from_data(key, {"title": f"Title of {key}", **fields})
        (self.root / "papers" / f"{key}.yaml").write_text(render_record(paper), encoding="utf-8")

    def verdicts(self, states: Mapping[str, str]) -> None:
        (self.root / "results").mkdir(exist_ok=True)
        lines = [json.dumps({"claim": claim, "state": state}) for claim, state in states.items()]
        (self.root / "results" / "_verdicts.jsonl").write_text("\n".join(lines) + "\n")

    def commit(self, *words: str) -> str:
        """A day passes, and all there is is committed."""
        self.day += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x", *words)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def kb(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "kb")


def told(root: Path) -> History:
    config = load_config(root, {})
    return load_history(config, open_library(config), load_taxonomy(config.taxonomy_path))


def events(root: Path) -> list[tuple[str, ...]]:
    """Day, kind, paper and what else is said of each event, newest first."""
    return [
        tuple(filter(None, (e.at[8:10], e.kind, e.paper, e.title, e.claim, e.branch, e.before, e.after)))
        for e in told(root).events
    ]


def label(branch: str, state: str, by: str = "person") -> dict[str, str]:
    return {"branch": branch, "by": by, "source": "Ada", "state": state}


def test_each_kind_of_event_is_told_once(kb: Repository) -> None:
    """A record comes, is published, reviewed, withdrawn, restored and taken out: one event each, newest first."""
    review = dict.fromkeys(("problem", "approach", "insight", "critique", "reviewer"), "x") | {
        "state": "done",
        "date": "2026",
    }
    kb.write("a2025b")
    kb.commit()
    kb.write("a2025b", publication_state="published")
    kb.commit()
    kb.write("a2025b", publication_state="published", review=review)
    kb.commit()
    kb.write("a2025b", publication_state="withdrawn", withdrawn_reason="x", review=review)
    kb.commit()
    kb.write("a2025b", review=review)
    kb.commit()
    (kb.root / "papers" / "a2025b.yaml").unlink()
    kb.commit()
    assert events(kb.root) == [
        ("07", "gone", "a2025b", "Title of a2025b"),
        ("06", "restored", "a2025b"),
        ("05", "withdrawn", "a2025b"),
        ("04", "reviewed", "a2025b"),
        ("03", "published", "a2025b"),
        ("02", "new", "a2025b"),
    ]


def test_a_new_record_is_one_event(kb: Repository) -> None:
    """What a record brings with it (a venue, labels) is no event of its own."""
    kb.write("a2025b", publication_state="published", labels=[label("shorter", "confirmed")])
    kb.commit()
    assert events(kb.root) == [("02", "new", "a2025b")]


def test_what_people_say_of_labels_is_told(kb: Repository) -> None:
    """Confirming, rejecting, changing one's mind and taking a word back are events; proposals are none."""
    for labels in (
        [label("shorter", "proposed", "classifier")],
        [label("shorter", "proposed", "list"), label("smaller", "proposed", "list")],
        [label("shorter", "confirmed"), label("smaller", "rejected")],
        [label("shorter", "confirmed"), label("smaller", "confirmed")],
        [label("smaller", "confirmed")],
    ):
        kb.write("a2025b", labels=labels)
        kb.commit()
    assert events(kb.root)[:-1] == [
        ("06", "label", "a2025b", "shorter", "confirmed", "proposed"),
        ("05", "label", "a2025b", "smaller", "rejected", "confirmed"),
        ("04", "label", "a2025b", "shorter", "proposed", "confirmed"),
        ("04", "label", "a2025b", "smaller", "proposed", "rejected"),
    ]


def test_moving_a_branch_decides_nothing(kb: Repository) -> None:
    """A label that follows a renamed branch is no event."""
    kb.write("a2025b", labels=[label("lighter", "confirmed")])
    kb.commit()
    (kb.root / "taxonomy.yaml").write_text(f"{TAXONOMY}redirects:\n  lighter: smaller\n")
    kb.write("a2025b", labels=[label("smaller", "confirmed")])
    kb.commit()
    assert events(kb.root) == [("02", "new", "a2025b")]


def test_flipped_verdicts_are_told(kb: Repository) -> None:
    """A verdict that changes is an event; one that is new, is gone, or stays is none."""
    kb.write("a2025b")
    kb.verdicts({"a2025b/x": "untested", "a2025b/y": "supported", "a2025b/gone": "refuted"})
    kb.commit()
    kb.verdicts({"a2025b/new": "refuted", "a2025b/x": "refuted", "a2025b/y": "supported"})
    kb.commit()
    assert events(kb.root) == [
        ("03", "verdict", "a2025b", "x", "untested", "refuted"),
        ("02", "new", "a2025b"),
    ]


def test_what_branches_did_counts_where_they_are_merged(kb: Repository) -> None:
    """The same record from two branches is one event, of the first of them to reach the main line."""
    kb.write("a2025b")
    kb.commit()
    for name in ("one", "two"):
        kb.git("checkout", "-q", "-b", name, "main")
        kb.write("c2025d")
        kb.commit()
        kb.write("a2025b", publication_state="published")
        kb.commit()
    kb.git("checkout", "-q", "main")
    kb.day = 9
    merged = []
    for name in ("one", "two"):
        kb.day += 1
        kb.git("merge", "-q", "--no-ff", "-m", "m", name)
        merged.append(kb.git("rev-parse", "HEAD"))
    assert events(kb.root) == [
        ("11", "new", "c2025d"),
        ("11", "published", "a2025b"),
        ("02", "new", "a2025b"),
    ]
    assert told(kb.root).events[0].commit == merged[0]


def test_what_happens_twice_is_told_twice(kb: Repository) -> None:
    """Taken out and put back: two events "new", told apart by name."""
    kb.write("a2025b")
    kb.commit()
    (kb.root / "papers" / "a2025b.yaml").unlink()
    kb.commit()
    kb.write("a2025b")
    kb.commit()
    found = told(kb.root).events
    assert [event.kind for event in found] == ["new", "gone", "new"]
    assert len({event.name for event in found}) == 3


def test_only_commits_count(kb: Repository) -> None:
    """The same commit gives the same history, whatever lies in the working tree or in the user's settings of git."""
    kb.write("a2025b")
    kb.commit()
    before = told(kb.root)
    kb.write("a2025b", publication_state="published")
    kb.write("c2025d")
    for setting in ("log.showSignature=true", "color.ui=always", "diff.renames=copies", "log.showRoot=false"):
        kb.git("config", *setting.split("="))
    assert told(kb.root) == before


def test_a_shallow_clone_says_where_it_begins(kb: Repository, tmp_path: Path) -> None:
    """The oldest commit of a shallow clone adds nothing; later events have the names that they have in a whole clone."""
    kb.write("a2025b")
    kb.commit()
    kb.write("c2025d")
    kb.commit()
    whole = told(kb.root)
    kb.git("clone", "-q", "--depth", "2", f"file://{kb.root}", str(tmp_path / "shallow"))
    cut = told(tmp_path / "shallow")
    assert (whole.source, cut.source, cut.since) == ("git", "shallow", "2026-01-02")
    assert cut.events == whole.events[:1]
    kb.git("clone", "-q", "--depth", "1", f"file://{kb.root}", str(tmp_path / "tip"))
    assert told(tmp_path / "tip").events == ()


def test_without_git_records_say_when_they_were_reviewed(tmp_path: Path) -> None:
    """No repository, and a repository without a commit: reviews are listed by their dates."""
    root = tmp_path / "kb"
    make_library(root, 1)
    review = dict.fromkeys(("problem", "approach", "insight", "critique", "reviewer"), "x") | {
        "state": "done",
        "date": "2026-03",
    }
    (root / "papers" / "a2025b.yaml").write_text(
        render_record(Paper.from_data("a2025b", {"title": "A", "review": review}))
    )
    expected = History((Event("2026-03-01T00:00:00Z", "reviewed", "a2025b"),), "records")
    assert told(root).source == "records"
    assert expected.events[0] in told(root).events
    Repository(root)
    assert expected.events[0] in told(root).events


def test_a_knowledge_base_may_be_a_folder_of_a_repository(tmp_path: Path) -> None:
    """Paths are those of the knowledge base, not of the repository; another folder's papers do not count."""
    kb = Repository(tmp_path / "repo" / "survey", top=tmp_path / "repo")
    kb.write("a2025b")
    (tmp_path / "repo" / "papers").mkdir()
    (tmp_path / "repo" / "papers" / "z2025z.yaml").write_text("title: Z\n")
    kb.commit()
    assert events(kb.root) == [("02", "new", "a2025b")]


def test_a_version_that_was_no_record_tells_nothing(kb: Repository) -> None:
    """A broken file in the past stops nothing, and what is not a record is none."""
    kb.write("a2025b")
    kb.commit()
    for text in (
        "publication_state: [",
        "- withdrawn",
        "labels: confirmed",
        "labels: [confirmed, {branch: 1, state: confirmed}]",
    ):
        (kb.root / "papers" / "a2025b.yaml").write_text(text)
        (kb.root / "papers" / "_decisions.yaml").write_text("")
        (kb.root / "papers" / "a b\n.yaml").write_text("title: x")
        (kb.root / "results").mkdir(exist_ok=True)
        (kb.root / "results" / "_verdicts.jsonl").write_text(text)
        kb.commit()
    (kb.root / "papers" / "a b\n.yaml").unlink()
    kb.verdicts({"a2025b/x": "refuted"})
    kb.write("a2025b", publication_state="published")
    kb.commit()
    assert events(kb.root) == [("07", "published", "a2025b"), ("02", "new", "a2025b")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"publication_state: preprint", b"publication_state: 'withdrawn'"),
        (b"labels:\n- {branch: a, state: proposed}", b"labels:\n- {branch: a, state: confirmed}"),
        (b"labels:\n- branch: a\n  state: confirmed", b"labels:\n- branch: b\n  state: confirmed"),
        (b"labels:\n- branch: a\n  state:\n    rejected", b"labels:\n- branch: a\n  state:\n    confirmed"),
        (b"review:\n  state: draft", b'review:\n  state: "done"'),
        (b'"publication_state": "preprint"', b'"publication_state": "published"'),
    ],
)
def test_the_quick_look_misses_nothing(before: bytes, after: bytes) -> None:
    """Wherever facts differ, the test that saves reading the YAML says so."""
    assert facts_of(before) != facts_of(after)
    assert differ(before, after)
    assert differ(after, before)


def test_a_confirmation_outweighs_a_rejection() -> None:
    """As on the paper's page: one person's confirmation decides."""
    text = b"labels:\n- {branch: a, state: rejected}\n- {branch: a, state: confirmed}\n- {branch: a, state: rejected}\n"
    assert facts_of(text) == Facts("preprint", False, {"a": "confirmed"})


@pytest.mark.slow
def test_a_build_of_the_same_commit_changes_nothing(tmp_path: Path) -> None:
    """Neither building again nor a commit of something else makes a page; a new record makes its pages and this one."""
    make_library(tmp_path / "kb", 12)
    kb = Repository(tmp_path / "kb")
    (kb.root / ".gitignore").write_text("build/\n.kb/\n")
    kb.commit()
    config = load_config(kb.root, {})
    assert build(config).mode == "full"
    assert build(config).mode == "unchanged"
    (kb.root / "notes.txt").write_text("x")
    kb.commit()
    assert build(config).mode == "unchanged"
    kb.write("zz2025new")
    kb.commit()
    assert build(config).mode == "incremental"
    page = (kb.root / "build" / "site" / "changes.html").read_text(encoding="utf-8")
    assert "Title of zz2025new" in page
    assert (kb.root / "build" / "site" / "feeds" / "changes.xml").read_text().count("Title of zz2025new") == 1
