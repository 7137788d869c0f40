"""What the workflows do, done here: their `run:` blocks in a clone, loopback sources, and a gh that notes what it is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.library import make_library
from tests.pipeline.events import body, copy_forms, event
from tests.pipeline.kbase import ArxivServer, paper, settings
from tests.servers.base import running, status
from tests.workflows import GH, GITHUB, KB, Runner, put_on_path

BOT = "41898282+github-actions[bot]@users.noreply.github.com"
TITLE = "Shorter Chains by Early Exit"
pytestmark = pytest.mark.slow


class Desk:
    """A repository at GitHub (`origin`, bare), fresh checkouts of it, and what was asked of gh."""

    def __init__(self, folder: Path, arxiv_url: str) -> None:
        self.folder = folder
        self.origin = folder / "origin.git"
        self.calls = folder / "gh.log"
        path = put_on_path(folder / "bin", kb=KB, gh=GH)
        (folder / "gitconfig").write_text(
            "[user]\nname = Ada\nemail = ada@example.com\n[advice]\ndetachedHead = false\n"
        )
        self.env = {
            "PATH": path,
            "GH_LOG": str(self.calls),
            "GH_TOKEN": "canary-token",
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "KB_CACHE_DIR": str(folder / "cache"),
            "ZOTERO_API_KEY": "",
        }
        survey = folder / "survey"
        make_library(survey, 4)
        (survey / "kb.toml").write_text(settings(arxiv=arxiv_url))
        copy_forms(survey)
        shutil.copytree(GITHUB / "scripts", survey / ".github" / "scripts")
        (survey / ".gitignore").write_text(".kb/\nbuild/\n")
        self.git(survey, "init", "-q", "-b", "main")
        self.git(survey, "add", "-A")
        self.git(survey, "commit", "-q", "-m", "A survey")
        self.git(folder, "clone", "-q", "--bare", str(survey), str(self.origin))
        self.runs = 0

    def git(self, where: Path, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=where, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def checkout(self, ref: str = "main") -> Path:
        self.runs += 1
        clone = self.folder / f"run-{self.runs}"
        self.git(self.folder, "clone", "-q", str(self.origin), str(clone))
        self.git(clone, "checkout", "-q", ref)
        return clone

    def runner(self, **known: str) -> Runner:
        """A runner with a fresh checkout; `known` are expressions, with _ for what a name cannot hold."""
        temp = self.folder / f"temp-{self.runs + 1}"
        temp.mkdir()
        return Runner(self.checkout(), temp, known=_KNOWN | known, env=self.env)

    def branches(self) -> list[str]:
        return self.git(self.origin, "branch", "--format=%(refname:short)").split()

    def asked(self) -> list[str]:
        """What gh was asked since the last time."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return lines

    def files(self, branch: str) -> list[str]:
        return self.git(self.origin, "diff", "--name-only", "main", branch).split()


_KNOWN = {
    "secrets.ZOTERO_API_KEY": "",
    "github.token": "canary-token",
    "github.repository": "org/survey",
    "github.event.issue.number": "12",
}


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with running(ArxivServer()) as server:
        server.papers.append(paper("2505.00001", TITLE, "Ada Almeida", published="2025-05-01T00:00:00Z"))
        yield server


@pytest.fixture
def desk(tmp_path: Path, arxiv: ArxivServer) -> Desk:
    return Desk(tmp_path, arxiv.url)


# Issues


def issue(desk: Desk, text: str, **fields: Any) -> tuple[Runner, Runner | None]:
    """Both jobs of the workflow of issues; the second only where the first one's output asks for it."""
    read = desk.runner()
    path = desk.folder / "event.json"
    path.write_text(json.dumps(event(text, **fields)))
    read.env = {**read.env, "GITHUB_EVENT_PATH": str(path)}
    assert read.run("issue", "read", "Read the issue") == 0, read.log
    if read.outputs["read"].get("answered") != "true":
        return read, None
    assert read.run("issue", "read", "Check and pack what changed") == 0, read.log
    answer = desk.runner()
    shutil.copytree(read.temp / "change", answer.temp / "change")  # the artifact
    assert answer.run("issue", "answer") == 0, answer.log
    return read, answer


def test_a_suggested_paper_becomes_a_pull_request_and_an_answer(desk: Desk) -> None:
    """The branch holds the record and its row; the body what was asked and what it does; the issue gets its answer."""
    issue(desk, body("suggest-paper", reference="2505.00001", why="$(touch owned) It exits."))
    assert desk.branches() == ["kb/issue-12", "main"]
    assert "papers/almeida2025shorter.yaml" in desk.files("kb/issue-12")
    assert all(name.startswith("papers/") for name in desk.files("kb/issue-12"))
    assert (
        desk.git(desk.origin, "log", "-1", "--format=%ae %s", "kb/issue-12")
        == f"{BOT} Paper suggested in #12: {TITLE}"
    )
    asked = desk.asked()
    assert [line.split(" --")[0] for line in asked] == [
        "auth setup-git",
        "pr list",
        "pr create",
        "issue comment 12",
    ]
    assert f"--base main --head kb/issue-12 --title=Paper suggested in #12: {TITLE}" in asked[2]
    assert "--edit-last --create-if-none" in asked[3]
    assert (Path(f"{desk.calls}.body")).read_text().startswith("Thank you. This became a pull request")
    assert not list(desk.folder.rglob("owned"))


def test_an_edited_issue_brings_its_pull_request_up_to_date(desk: Desk) -> None:
    """No second one; what is the same is not pushed again; a branch that somebody deleted is made anew."""
    issue(desk, body("suggest-paper", reference="2505.00001"))
    first = desk.git(desk.origin, "rev-parse", "kb/issue-12")
    desk.asked()
    desk.env["GH_OPEN"] = "34"
    issue(desk, body("suggest-paper", reference="2505.00001"), action="edited")
    assert desk.git(desk.origin, "rev-parse", "kb/issue-12") == first
    assert [line.split(" --")[0] for line in desk.asked()] == [
        "auth setup-git",
        "pr list",
        "pr edit 34",
        "issue comment 12",
    ]
    desk.git(desk.origin, "branch", "-D", "kb/issue-12")
    issue(desk, body("suggest-paper", reference="2505.00001", branch="shorter"), action="edited")
    assert desk.git(desk.origin, "rev-parse", "kb/issue-12") != first
    assert desk.branches() == ["kb/issue-12", "main"]


@pytest.mark.parametrize("commits", [0, 1, 60], ids=["an amended one", "one", "many"])
def test_what_people_committed_to_the_branch_stays(desk: Desk, commits: int) -> None:
    """The step says so and fails, however much it is."""
    issue(desk, body("suggest-paper", reference="2505.00001"))
    clone = desk.checkout("kb/issue-12")
    record = clone / "papers" / "almeida2025shorter.yaml"
    record.write_text(record.read_text() + "venue: ICML 2025\n")
    for number in range(commits):
        record.write_text(f"{record.read_text()}# {number}\n")
        desk.git(clone, "commit", "-qam", f"{number} {'x' * 2_000}")
    if not commits:
        desk.git(clone, "commit", "-q", "--amend", "-a", "-m", "The author stays, the committer is a person")
    desk.git(clone, "push", "-q", "--force", "origin", "HEAD:kb/issue-12")
    tip = desk.git(desk.origin, "rev-parse", "kb/issue-12")
    read = desk.runner()
    path = desk.folder / "event.json"
    path.write_text(
        json.dumps(event(body("suggest-paper", reference="2505.00001", branch="shorter"), action="edited"))
    )
    read.env = {**read.env, "GITHUB_EVENT_PATH": str(path)}
    assert read.run("issue", "read") == 0, read.log
    answer = desk.runner()
    shutil.copytree(read.temp / "change", answer.temp / "change")
    assert answer.run("issue", "answer", "Open the pull request, or bring it up to date") == 6
    assert "People have committed to kb/issue-12" in answer.log
    assert desk.git(desk.origin, "rev-parse", "kb/issue-12") == tip


def test_an_issue_that_cannot_be_used_is_answered_without_a_pull_request(desk: Desk) -> None:
    issue(desk, body("suggest-paper", reference="hello"))
    assert desk.branches() == ["main"]
    (asked,) = desk.asked()
    assert asked.startswith("issue comment 12 ")
    assert "This cannot be used yet" in Path(f"{desk.calls}.body").read_text()


def test_an_issue_of_another_kind_is_left_to_people(desk: Desk) -> None:
    _, answer = issue(desk, "The site is down.")
    assert answer is None
    assert desk.asked() == []


def test_only_records_and_results_get_into_a_pull_request(desk: Desk) -> None:
    """Even if the job that read the issue were somebody else's: a patch of a workflow is not applied."""
    clone = desk.checkout()
    (clone / ".github" / "workflows").mkdir(parents=True)
    (clone / ".github" / "workflows" / "x.yml").write_text("on: push\n")
    (clone / "papers" / "feng2025efficient.yaml").write_text("title: Another\n")
    desk.git(clone, "add", "-A")
    answer = desk.runner()
    change = answer.temp / "change"
    change.mkdir()
    (change / "change.patch").write_text(desk.git(clone, "diff", "--cached", "--binary") + "\n")
    for name in ("title.txt", "body.md", "reply.md"):
        (change / name).write_text("-x $(touch owned)\n")
    assert answer.run("issue", "answer") == 0, answer.log
    assert desk.files("kb/issue-12") == ["papers/feng2025efficient.yaml"]
    assert not list(desk.folder.rglob("owned"))


def test_a_link_in_a_patch_is_refused(desk: Desk) -> None:
    """A record that is a link would show what lies elsewhere."""
    clone = desk.checkout()
    (clone / "papers" / "x2025y.yaml").symlink_to("/etc/passwd")
    desk.git(clone, "add", "-A")
    answer = desk.runner()
    change = answer.temp / "change"
    change.mkdir()
    (change / "change.patch").write_text(desk.git(clone, "diff", "--cached", "--binary") + "\n")
    for name in ("title.txt", "body.md", "reply.md"):
        (change / name).write_text("x\n")
    assert answer.run("issue", "answer") == 3
    assert desk.branches() == ["main"]


# The weekly sync


def sync(desk: Desk) -> tuple[Runner, int]:
    """Both jobs; the exit code of the last step."""
    ask = desk.runner()
    code = ask.run("sync", "ask")
    if code:
        return ask, code
    propose = desk.runner(**{"needs.ask.outputs.code": ask.outputs["sync"]["code"]})
    shutil.copytree(ask.temp / "change", propose.temp / "change")
    code = propose.run("sync", "propose")
    ask.log += propose.log
    return ask, code


def test_a_week_becomes_a_pull_request_with_a_summary(desk: Desk, arxiv: ArxivServer) -> None:
    """Title and body say what came in; the branch holds nothing but papers/."""
    arxiv.papers.append(
        paper(
            "2504.04823",
            "Quantization Hurts Reasoning? An Empirical Study on Quantized Reasoning Models",
            "Ruikang Liu",
            version=4,
            published="2025-04-07T00:00:00Z",
        )
    )
    ask, code = sync(desk)
    assert code == 0, ask.log
    assert "canary-token" not in ask.log
    assert "kb/sync" in desk.branches()
    assert all(name.startswith("papers/") for name in desk.files("kb/sync"))
    create = next(line for line in desk.asked() if line.startswith("pr create"))
    assert "--title=Sync: " in create
    text = Path(f"{desk.calls}.body").read_text()
    assert text.startswith("# Sync: ")
    assert "## What this change does to the survey" in text
    assert ask.summary.startswith("# Sync: ")


def test_a_week_without_news_opens_nothing(desk: Desk) -> None:
    sync(desk)
    desk.git(
        desk.origin, "update-ref", "refs/heads/main", "kb/sync"
    ) if "kb/sync" in desk.branches() else None
    desk.asked()
    ask, code = sync(desk)
    assert (code, desk.asked()) == (0, []), ask.log


def test_a_failed_source_ends_in_a_failed_run(desk: Desk, arxiv: ArxivServer) -> None:
    """After the pull request of what did come in; here nothing did, and still the run is no success."""
    arxiv.always = status(503)
    ask, code = sync(desk)
    assert code == 4
    assert "1 source failed" in ask.summary.splitlines()[0]
    assert "::error::Some sources failed" in ask.log
    assert desk.branches() == ["main"]


def test_a_broken_survey_stops_the_sync_and_says_why(desk: Desk) -> None:
    clone = desk.checkout()
    (clone / "papers" / "feng2025efficient.yaml").write_text("title: [\n")
    desk.git(clone, "commit", "-qam", "Broken")
    desk.git(clone, "push", "-q", "origin", "main")
    ask, code = sync(desk)
    assert code == 3
    assert ask.summary.startswith("# Sync: failed")
    assert "feng2025efficient.yaml" in ask.summary


# Pull requests


def review(desk: Desk, clone: Path) -> Runner:
    """The job of a pull request that `clone` holds, merged into a main branch that has gone on as GitHub merges it."""
    tip = desk.git(clone, "rev-parse", "HEAD")
    desk.git(clone, "checkout", "-q", "-B", "base", "origin/main")
    (clone / "papers" / "other2025news.yaml").write_text("title: News of Somebody Else\n")
    desk.git(clone, "add", "-A")
    desk.git(clone, "commit", "-q", "-m", "Meanwhile")
    desk.git(clone, "merge", "-q", "--no-ff", "-m", "Merge", tip)
    temp = desk.folder / f"temp-pr-{desk.runs}"
    temp.mkdir()
    return Runner(clone, temp, env=desk.env)


STEPS = (
    "What the change does to the survey",
    "Records, results and decisions",
    "Verdicts follow from the evidence",
    "Canonical form",
)


def test_a_good_pull_request_passes_and_has_a_preview(desk: Desk) -> None:
    """Summary, checks, form, and a site as files."""
    clone = desk.checkout()
    record = clone / "papers" / "feng2025efficient.yaml"
    record.write_text(record.read_text().replace("A Survey", "A Longer Survey"))
    desk.git(clone, "commit", "-qam", "A title")
    runner = review(desk, clone)
    assert runner.run("check", "survey") == 0, runner.log
    assert "Records changed" in runner.summary
    assert "Somebody Else" not in runner.summary  # what the main branch got in the meantime
    assert (runner.temp / "site" / "papers" / "feng2025efficient.html").is_file()
    assert not (runner.temp / "site").is_symlink()


def test_a_bad_pull_request_is_told_at_its_line(desk: Desk) -> None:
    """As an annotation of GitHub, in which nothing of the record is a command."""
    clone = desk.checkout()
    record = clone / "papers" / "feng2025efficient.yaml"
    record.write_text(
        record.read_text().replace(
            "labels:\n", 'labels:\n  - {branch: "nowhere/x", by: list, source: "%0A::add-mask::x"}\n'
        )
    )
    desk.git(clone, "commit", "-qam", "A branch that is none")
    runner = review(desk, clone)
    assert runner.run("check", "survey", STEPS[1]) == 3
    commands = [line for line in runner.log.splitlines() if line.startswith("::")]
    assert any(line.startswith("::error file=papers/feng2025efficient.yaml,line=") for line in commands)
    assert not any("::add-mask::" in line.split("::", 2)[2][:20] for line in commands)
    assert not any(line.startswith("::add-mask") for line in runner.log.splitlines())


def test_a_record_that_cannot_be_read_fails_every_step_and_says_so(desk: Desk) -> None:
    clone = desk.checkout()
    (clone / "papers" / "feng2025efficient.yaml").write_text("title: [\n::set-output name=x::y\n")
    desk.git(clone, "commit", "-qam", "Broken")
    runner = review(desk, clone)
    for name in STEPS[:3]:
        assert runner.run("check", "survey", name) == 3, name
    assert "This change cannot be read" in runner.summary
    assert not any(line.lstrip().startswith("::set-output") for line in runner.log.splitlines())
