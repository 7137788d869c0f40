"""Workflows and issue forms: valid by GitHub's schemas, safe by zizmor and by rules of our own, and every kb in them exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kb.cli import cli
from kb.pipeline.issue_forms import FORMS, load_forms
from kb.records.claims import Metric
from tests.library import REPO
from tests.workflows import ACTIONS, GITHUB, SCRIPTS, WORKFLOWS, jobs, load, steps

_PIN = re.compile(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}")
_USES = re.compile(r"uses:\s*(\S+)(?:\s*#\s*(\S+))?\s*$", re.M)
_KB = re.compile(r"(?:^|[;&|]\s*|\bif\s+)kb ([^\n;&|]+)", re.M)
FORM_FILES = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "zizmor"
    if not program.exists():
        pytest.skip("zizmor is not installed (pip install -e '.[dev]')")
    command = [
        str(program),
        "--offline",
        "--no-config",
        "--no-ignores",
        "--strict-collection",
        "--persona=auditor",
    ]
    return subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing() -> None:
    """With the strictest of its personas, no configuration and no ignored finding."""
    done = zizmor(GITHUB)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run: kb diff --since HEAD^1", 'run: kb diff --since "${{ github.event.pull_request.title }}"'),
        ("  pull_request:\n", "  pull_request_target:\n"),
        ("          persist-credentials: false\n", ""),
        ("permissions: {}\n", "permissions: write-all\n"),
        ("de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "v6"),
    ],
)
def test_zizmor_would_find_it(tmp_path: Path, old: str, new: str) -> None:
    """A defect that is put in does not pass."""
    text = (GITHUB / "workflows" / "check.yml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / ".github" / "workflows" / "check.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, new))
    assert zizmor(path).returncode != 0


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.github-issue-forms", FORM_FILES),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_files_are_what_github_expects(schema: str, paths: list[Path]) -> None:
    """By the schemas that SchemaStore keeps of them."""
    pytest.importorskip("check_jsonschema")
    assert paths
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Rules of our own. They need no tool, so they hold wherever the tests run.


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_actions_are_pinned_by_commit_with_their_version(path: Path) -> None:
    """A tag can be moved to other code; the commit cannot. Our own actions come from the running commit."""
    for name, version in _USES.findall(path.read_text(encoding="utf-8")):
        if not name.startswith("$/"):
            assert _PIN.fullmatch(name), name
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version), name


def test_an_action_has_one_version() -> None:
    found: dict[str, set[str]] = {}
    for _, step in steps():
        if "uses" in step:
            found.setdefault(step["uses"].split("@")[0], set()).add(step["uses"])
    assert [names for names in found.values() if len(names) > 1] == []


def test_every_workflow_begins_without_rights() -> None:
    """What a job may do is granted to that job."""
    for path in WORKFLOWS:
        assert load(path)["permissions"] == {}, path.name
    for workflow, name, job in jobs():
        assert "permissions" in job, f"{workflow}.{name}"
        assert job["timeout-minutes"] <= 120, f"{workflow}.{name}"


def test_no_workflow_runs_with_rights_on_what_a_fork_says() -> None:
    """Neither of the two triggers that give a stranger's pull request secrets or a token that writes."""
    for path in WORKFLOWS:
        triggers = set(load(path)["on"])
        assert triggers <= {"pull_request", "push", "schedule", "workflow_dispatch", "issues"}, path.name
        if "pull_request" in triggers:
            for _, job in load(path)["jobs"].items():
                assert set(job["permissions"].values()) <= {"read"}, path.name
                assert "secrets." not in path.read_text(), path.name


def test_who_may_write_installs_and_runs_nothing_of_others() -> None:
    """A job that can push, or write to an issue, has git and gh and a folder that was handed over."""
    allowed = {"actions/checkout", "actions/download-artifact"}
    seen = 0
    for workflow, name, job in jobs():
        if "write" in {job["permissions"].get(scope) for scope in ("contents", "issues", "pull-requests")}:
            seen += 1
            used = {step["uses"].split("@")[0] for step in job["steps"] if "uses" in step}
            assert used <= allowed, f"{workflow}.{name}"
            for step in job["steps"]:
                assert not re.search(
                    r"\b(?:kb|pip|python|npm|curl)\b", step.get("run", "").replace("kb/", "")
                ), step
    assert seen == 2
    assert not re.search(
        r"^\s*(?:kb|pip|python|curl) ", (GITHUB / "scripts" / "propose-change.sh").read_text(), re.M
    )


def test_checkouts_leave_no_token_behind() -> None:
    for where, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, where


def test_nothing_is_pasted_into_a_shell() -> None:
    """An expression in a `run:` is text of a program; values come through the environment. Nor does a step write to GITHUB_ENV."""
    for where, step in steps():
        assert "${{" not in step.get("run", ""), where
        assert "GITHUB_ENV" not in step.get("run", ""), where
        assert "GITHUB_PATH" not in step.get("run", ""), where


def test_what_strangers_wrote_is_no_value_of_the_environment() -> None:
    """Of an event only numbers and states are used; titles, bodies, branches and names are not."""
    harmless = {
        "github.event.pull_request.number",
        "github.event.issue.number",
        "github.event.issue.state",
    }
    for path in WORKFLOWS:
        used = set(re.findall(r"github\.(?:event\.[a-z_.]+|head_ref)", path.read_text(encoding="utf-8")))
        assert used <= harmless, path.name


def test_outputs_are_numbers_and_words_of_ours() -> None:
    """What a job hands to the next one as an output was not read from a source or an issue."""
    told = {
        line.strip()
        for _, step in steps()
        for line in step.get("run", "").splitlines()
        if "GITHUB_OUTPUT" in line
    }
    assert told == {
        'echo "code=$code" >> "$GITHUB_OUTPUT"',
        'if [ -s "$RUNNER_TEMP/change/reply.md" ]; then echo "answered=true" >> "$GITHUB_OUTPUT"; fi',
    }


def commands() -> list[str]:
    """Every kb that a step or a script runs, as it stands there."""
    texts = [step["run"] for _, step in steps() if "run" in step]
    texts += [path.read_text(encoding="utf-8") for path in SCRIPTS]
    found = [
        line.strip() for text in texts for line in _KB.findall(re.sub(r"^\s*#.*$", "", text, flags=re.M))
    ]
    return sorted({re.sub(r"\s*(?:\d?>>?|\|\|).*$", "", line) for line in found})


def test_there_are_commands() -> None:
    """Or the test below could not fail."""
    assert {line.split()[0] for line in commands()} >= {
        "diff",
        "check",
        "fmt",
        "build",
        "sync",
        "from-issue",
        "claims",
    }


@pytest.mark.parametrize("line", commands())
def test_every_kb_in_a_workflow_exists(line: str) -> None:
    """With every option."""
    words = line.split()
    command: click.Command | None = cli.commands.get(words[0])
    if isinstance(command, click.Group):
        command = command.commands.get(words[1])
    assert command is not None, line
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_mistake(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert "| grep -" not in text  # with -q it ends early, and pipefail makes a failure of what was found
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_scripts_are_called_where_they_are() -> None:
    """With bash before them: whether a file may be run is lost where `kb init` copies it."""
    called = {
        name
        for _, step in steps()
        for name in re.findall(r"bash \.github/scripts/(\S+\.sh)", step.get("run", ""))
    }
    assert called == {path.name for path in SCRIPTS}


# Forms


def test_every_form_is_answered() -> None:
    """`kb from-issue` knows it by its file's name."""
    assert {path.stem for path in FORM_FILES} == set(FORMS)
    assert {form.name for form in load_forms(REPO)} == set(FORMS)


def test_a_form_is_known_by_its_first_question() -> None:
    """No two forms begin with the same one."""
    firsts = [next(iter(form.labels.values())) for form in load_forms(REPO)]
    assert len(set(firsts)) == len(FORMS)


def test_the_form_for_results_offers_what_results_can_hold() -> None:
    form = next(form for form in load_forms(REPO) if form.name == "report-result")
    assert form.options["metric"] == tuple(Metric)
    assert len(form.options["origin"]) == 2


def test_nothing_here_is_particular_to_one_survey() -> None:
    """`kb init` takes these files along: no owner, no topic, no address of this survey."""
    names = re.compile(r"efficient.reasoning|6415084|kb contributors", re.I)
    for path in GITHUB.rglob("*"):
        if path.is_file():
            assert not names.search(path.read_text(encoding="utf-8")), path.name
