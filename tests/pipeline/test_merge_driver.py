"""kb merge-driver inside git: merges and rebases of real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kb.records.library import parse_record
from tests.pipeline.kbase import KnowledgeBase
from tests.records.test_merge import BASE, edit, sides

NAME = "papers/a2025b.yaml"
DECISIONS = "same:\n  - a: x y\n    b: a2025b\n"


class Repository:
    """A knowledge base in a git repository, with branches `main` and `theirs` that start at one commit."""

    def __init__(self, base: KnowledgeBase, files: dict[str, str | None]) -> None:
        self.base = base
        self.root = base.root
        empty = self.root.parent / "gitconfig"
        empty.write_text("")
        self.env = os.environ | {"GIT_CONFIG_GLOBAL": str(empty), "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "-q", "-b", "main")
        (self.root / ".gitignore").write_text("/.kb/\n/build/\n")
        for key, value in (
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
            ("rerere.enabled", "false"),
        ):
            self.git("config", key, value)
        out = base.run("merge-driver", "--install")
        assert (out.code, out.err) == (0, "")
        self.commit(files)
        self.git("branch", "theirs")

    def git(self, *arguments: str, code: int | None = 0) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def commit(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "edit")

    def both(self, ours: dict[str, str | None], theirs: dict[str, str | None]) -> None:
        """Commit `theirs` on its branch, and `ours` on main, where the working tree then is."""
        self.git("checkout", "-q", "theirs")
        self.commit(theirs)
        self.git("checkout", "-q", "main")
        self.commit(ours)

    def read(self, name: str = NAME) -> str:
        return (self.root / name).read_text(encoding="utf-8")


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    return KnowledgeBase(tmp_path / "kb", capsys)


@pytest.fixture
def repository(base: KnowledgeBase) -> Repository:
    return Repository(base, {NAME: BASE, "papers/_decisions.yaml": DECISIONS})


VENUE = edit(("ICML 2025", "TMLR"))
ID = edit(("2401.10000", "2401.10001"))


def test_install_says_what_it_did_and_does_it_once(base: KnowledgeBase) -> None:
    """Without a repository there is one line of advice; a second run adds nothing."""
    out = base.run("merge-driver", "--install")
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "is in no git repository" in out.err
    repository = Repository(base, {NAME: BASE})
    attributes = repository.read(".gitattributes")
    assert "papers/*.yaml merge=kb\n" in attributes
    out = base.run("merge-driver", "--install")
    assert (out.code, repository.read(".gitattributes")) == (0, attributes)
    assert ".gitattributes" not in out.out


def test_the_repository_s_own_attributes_name_the_driver() -> None:
    """The lines that --install would add are committed here."""
    from kb.pipeline.merge_driver import ATTRIBUTES
    from tests.library import REPO

    assert set(ATTRIBUTES) <= set((REPO / ".gitattributes").read_text(encoding="utf-8").splitlines())


def test_git_alone_would_conflict(repository: Repository) -> None:
    """What the next tests merge is a conflict without the driver: neighbouring lines."""
    repository.git("config", "--remove-section", "merge.kb")
    repository.both({NAME: VENUE}, {NAME: ID})
    repository.git("merge", "theirs", code=1)


def test_a_merge_of_different_fields(repository: Repository) -> None:
    """Neighbouring fields, and decisions that both sides added at the end, come together by themselves."""
    mine, other = (f"  - a: {name}\n    b: a2025b\n" for name in ("mine", "other"))
    repository.both(
        {NAME: VENUE, "papers/_decisions.yaml": DECISIONS + mine},
        {NAME: ID, "papers/_decisions.yaml": DECISIONS + other},
    )
    repository.git("merge", "-q", "theirs", "-m", "merge")
    assert repository.read() == edit(("ICML 2025", "TMLR"), ("2401.10000", "2401.10001"))
    assert repository.read("papers/_decisions.yaml") == DECISIONS + mine + other
    assert repository.git("status", "--porcelain") == ""


def test_a_rebase_of_different_fields(repository: Repository) -> None:
    """A contributor's commits go on top of main one after the other."""
    repository.both({NAME: VENUE}, {NAME: ID})
    repository.git("checkout", "-q", "theirs")
    twice = edit(("2401.10000", "2401.10001"), ("state: draft", "state: stub"))
    repository.commit({NAME: twice})
    repository.git("rebase", "-q", "main")
    assert repository.read() == edit(
        ("ICML 2025", "TMLR"), ("2401.10000", "2401.10001"), ("state: draft", "state: stub")
    )


@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_the_same_field_waits_for_a_person(repository: Repository, how: str) -> None:
    """git stops and names the field, kb check says so in one line, and after a choice all is well."""
    repository.both({NAME: VENUE}, {NAME: edit(("ICML 2025", "ACL"), ("2401.10000", "2401.10001"))})
    said = repository.git(how, "theirs", code=1)
    assert f"kb: {NAME}: both sides changed venue (fix: leave one side, then git add {NAME})" in said
    assert "UU papers/a2025b.yaml" in repository.git("status", "--porcelain")
    out = repository.base.run("check")
    assert out.code == 3
    assert [line for line in out.text.splitlines() if line.startswith("error")] == [
        f"error: loads: {NAME}:6: an unresolved merge conflict (fix: edit the file so that one side is left)"
    ]
    chosen = sides(repository.read())[1]
    (repository.root / NAME).write_text(chosen, encoding="utf-8")
    repository.git("add", NAME)
    repository.git("-c", "core.editor=true", how, "--continue")
    assert parse_record("a2025b", repository.read(), file="f").identifiers.arxiv_id == "2401.10001"
    assert "<<<<" not in repository.read()


@pytest.mark.parametrize("gone", ["ours", "theirs"])
def test_a_record_that_one_side_deleted_is_git_s_own_conflict(repository: Repository, gone: str) -> None:
    """The edited record is still there for a person to keep or remove."""
    ours: dict[str, str | None] = {NAME: None if gone == "ours" else VENUE}
    theirs: dict[str, str | None] = {NAME: None if gone == "theirs" else VENUE}
    repository.both(ours, theirs)
    repository.git("merge", "theirs", code=1)
    assert repository.read() == VENUE


def test_a_record_that_both_sides_added(repository: Repository) -> None:
    """Two people add one paper: what they say alike or alone is taken, and the rest is a conflict."""
    name = "papers/c2025d.yaml"
    repository.both({name: "title: C\nvenue: ACL\n"}, {name: "title: C\nauthors:\n  - Ada\nstatus: stub\n"})
    repository.git("merge", "-q", "theirs", "-m", "merge")
    paper = parse_record("c2025d", repository.read(name), file="f")
    assert (paper.venue, paper.status.value, len(paper.authors)) == ("ACL", "stub", 1)


def test_broken_yaml_is_merged_line_by_line(repository: Repository) -> None:
    """A side that cannot be read is no reason to lose it: git's own merge, with git's own markers, and a word why."""
    broken = edit(("venue: ICML 2025", "venue: [ICML"))
    repository.both({NAME: VENUE}, {NAME: broken})
    said = repository.git("merge", "theirs", code=1)
    assert "merged line by line: papers/a2025b.yaml" in said
    assert sides(repository.read()) == (VENUE, broken)


def test_broken_yaml_far_away_merges_as_git_does(repository: Repository) -> None:
    """Where lines do not meet, git merges them, broken or not; the broken line is kb check's to report."""
    broken = edit(("It is smaller.", "[It is"))
    repository.both({NAME: VENUE}, {NAME: broken})
    repository.git("merge", "-q", "theirs", "-m", "merge")
    assert repository.read() == edit(("ICML 2025", "TMLR"), ("It is smaller.", "[It is"))


def test_two_good_edits_that_make_no_record_are_pointed_out(repository: Repository) -> None:
    """Each side is right, and the two together are not: the merge goes through and says what to mend."""
    claim = "    relation: {}\n    variant:\n      method:\n        - awq\n    margin: 2\n"
    base = BASE + claim.format("higher")
    repository.commit({NAME: base})
    repository.git("branch", "-f", "theirs")
    monotone = BASE + claim.format("monotone") + "    along: difficulty\n"
    repository.both({NAME: monotone}, {NAME: base.replace("margin: 2", "margin: 2\n    unit: percent")})
    said = repository.git("merge", "theirs", "-m", "merge")
    assert f"{NAME}: the two edits do not go together" in said
    assert "percent of the baseline is not for this relation" in said
    assert repository.base.run("check").code == 3


def test_outside_git_files_are_needed(base: KnowledgeBase) -> None:
    out = base.run("merge-driver", "one")
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "BASE OURS THEIRS PATH" in out.err


def test_a_file_that_is_no_text_stays_whole(base: KnowledgeBase, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 on a side: ours stays as it is, and git is told of a conflict."""
    paths = [tmp_path / name for name in ("base", "ours", "theirs")]
    for path, data in zip(paths, (b"title: A\n", b"title: \xff\x00B\n", b"title: C\n"), strict=True):
        path.write_bytes(data)
    out = base.run("merge-driver", *map(str, paths), NAME)
    assert out.code == 3
    assert "is not UTF-8" in out.err
    assert paths[1].read_bytes() == b"title: \xff\x00B\n"
