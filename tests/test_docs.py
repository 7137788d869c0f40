"""README.md is held to account: whatever the code can do by name stands there by that name."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from kb import errors
from kb.cli import cli
from kb.cli_eval import eval_
from kb.harness.engines import ENGINES
from kb.harness.quant import QUANTIZERS
from kb.harness.tasks import TASKS
from kb.pipeline.check import CHECKS
from kb.sources import FILE_SOURCES, NETWORK_SOURCES

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def _named(name: str, text: str) -> bool:
    """Whether `name` stands in `text` as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_in_the_readme(readme: str, name: str) -> None:
    """As a person types it: `kb NAME`."""
    assert _named(f"kb {name}", readme), f"add `kb {name}` to README.md"


@pytest.mark.parametrize("name", [*CHECKS, "loads"])
def test_every_check_is_in_the_readme(readme: str, name: str) -> None:
    """By the name that `kb check --only` takes."""
    assert f"`{name}`" in readme, f"add the check `{name}` to README.md"


@pytest.mark.parametrize("name", sorted(FILE_SOURCES))
def test_every_file_source_is_in_the_readme(readme: str, name: str) -> None:
    """By the name that `kb import` takes."""
    assert _named(name, readme), f"add the file source {name} to README.md"


@pytest.mark.parametrize("name", sorted(NETWORK_SOURCES))
def test_every_network_source_is_in_the_readme(readme: str, name: str) -> None:
    """By the name that `kb sync` takes."""
    assert _named(f"kb sync {name}", readme) or f"`{name}`" in readme, f"add the source {name} to README.md"


@pytest.mark.parametrize("name", sorted({*TASKS, *QUANTIZERS, *ENGINES}))
def test_every_part_of_the_harness_is_in_the_readme(readme: str, name: str) -> None:
    """Tasks, quantizers and engines, by the names that a spec gives them."""
    assert f"`{name}`" in readme, f"add `{name}` to README.md"


@pytest.mark.parametrize("name", sorted(eval_.commands))
def test_every_command_of_eval_is_in_the_readme(readme: str, name: str) -> None:
    """As a person types it."""
    assert _named(f"kb eval {name}", readme), f"add `kb eval {name}` to README.md"


def test_every_exit_code_is_in_the_readme(readme: str) -> None:
    """Scripts rely on them: a sentence that begins with "Exit codes:"."""
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    sentence = re.search(r"Exit codes: ([^.]+)\.", readme)
    assert sentence is not None, 'add "Exit codes: ..." to README.md'
    assert codes - {int(code) for code in re.findall(r"\b\d+\b", sentence.group(1))} == set()


def test_every_environment_variable_is_in_the_readme(readme: str) -> None:
    """Each KB_* and ZOTERO_* variable that the code reads."""
    code = "".join(path.read_text(encoding="utf-8") for path in (README.parent / "kb").rglob("*.py"))
    names = set(re.findall(r"\b(?:KB|ZOTERO)_[A-Z][A-Z_]+\b", code)) | {
        "KB_ARXIV_BASE_URL",
        "KB_ZOTERO_BASE_URL",
    }
    assert {name for name in names if not _named(name, readme)} == set()


def test_every_command_shown_in_the_readme_exists(readme: str) -> None:
    """No example of a command or an option that is gone."""
    for line in re.findall(r"^\$ kb (.+)$", readme, re.M):
        words = line.split("#")[0].split()
        if words[0] in {"--help", "-h", "--version"}:
            continue
        command: click.Command | None = cli.commands.get(words[0])
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            command = command.commands.get(words[1])
        assert command is not None, line
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word in words[1:]:
            if word.startswith("--"):
                assert word.split("=")[0] in known | {"--help"}, line
