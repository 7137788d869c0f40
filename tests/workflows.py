"""The files under .github, read as GitHub reads them, and their steps run on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.library import REPO

GITHUB = REPO / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
SCRIPTS = sorted((GITHUB / "scripts").glob("*.sh"))
_EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


def load(path: Path) -> dict[str, Any]:
    """A workflow as data; `on` is a word of YAML and comes out as True."""
    data: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if True in data:
        data["on"] = data.pop(True)
    return data


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every job with the name of its workflow and its own."""
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield path.stem, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step with where it stands, those of our own actions as well."""
    for workflow, name, job in jobs():
        yield from ((f"{workflow}.{name}", step) for step in job["steps"])
    for path in ACTIONS:
        yield from ((path.parent.name, step) for step in load(path)["runs"]["steps"])


@dataclass
class Runner:
    """Runs the `run:` blocks of a job in order, as GitHub's runner would: bash -e, files for outputs and summary.

    Attributes:
        workspace: where the repository is checked out.
        temp: RUNNER_TEMP; what artifacts carry lies there.
        known: values of the expressions that steps use, by their text.
    """

    workspace: Path
    temp: Path
    known: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def value(self, text: str) -> str:
        """`text` with its expressions filled in; one that is not known is an error of the test."""
        return _EXPRESSION.sub(lambda match: self.known[match[1]], text)

    def run(self, workflow: str, job: str, *names: str) -> int:
        """Run the steps called `names`, or all that have a `run:`, until one fails; its exit code."""
        data = load(GITHUB / "workflows" / f"{workflow}.yml")["jobs"][job]
        wanted = [step for step in data["steps"] if "run" in step and (not names or step["name"] in names)]
        assert len(wanted) == len(names) or not names, "a step was renamed"
        for step in wanted:
            if code := self._step(step, {**data.get("env", {}), **step.get("env", {})}):
                return code
        return 0

    def _step(self, step: Mapping[str, Any], env: Mapping[str, Any]) -> int:
        files = {
            name: self.temp / f"_{name.lower()}"
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")
        }
        for path in files.values():
            path.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={
                **os.environ,
                "GITHUB_ACTIONS": "true",
                "RUNNER_TEMP": str(self.temp),
                **{name: str(path) for name, path in files.items()},
                **self.env,
                **{name: self.value(str(value)) for name, value in env.items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.log += done.stdout + done.stderr
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        assert files["GITHUB_ENV"].read_text() == ""
        outputs = self.outputs.setdefault(step.get("id", ""), {})
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            outputs[name] = value
        return done.returncode


def put_on_path(folder: Path, **programs: str) -> str:
    """A PATH that begins with `folder`, where `programs` (bash by name) lie."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in programs.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


KB = f'exec "{sys.executable}" -m kb "$@"'
# Notes down what it was asked, and answers `gh pr list` with the number that GH_OPEN says.
GH = """\
printf '%s\\n' "$*" >> "$GH_LOG"
for argument in "$@"; do
    if [ "${previous:-}" = --body-file ]; then cp "$argument" "$GH_LOG.body"; fi
    previous=$argument
done
if [ "$1 $2" = "pr list" ]; then echo "${GH_OPEN:-}"; fi
"""
