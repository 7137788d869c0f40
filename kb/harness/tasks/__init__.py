"""The tasks that the harness knows. Another one is a file here, a line in TASKS, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kb.errors import UsageError
from kb.harness.tasks.chain import ChainTask
from kb.harness.tasks.dataset import DatasetTask
from kb.harness.tasks.gym import GymTask
from kb.harness.types import Task, parse_options

TASKS: dict[str, type[ChainTask] | type[GymTask] | type[DatasetTask]] = {
    "chain": ChainTask,
    "gym": GymTask,
    "dataset": DatasetTask,
}


def make_task(options: Mapping[str, Any]) -> Task:
    """A task from plain data: {"name": "chain", "steps": [2, 4]}.

    Raises:
        UsageError: a name that is not in TASKS, or an option that the task does not know.
    """
    rest = dict(options)
    name = rest.pop("name", None)
    if not isinstance(name, str) or name not in TASKS:
        raise UsageError(
            f"{name!r} is no task" if name is not None else "which task is missing",
            field="task: name",
            fix=f"one of: {', '.join(TASKS)}",
        )
    return parse_options(TASKS[name], rest, f"task {name}")


@dataclass(frozen=True)
class OptionRow:
    """One option of a task, for `kb eval tasks`."""

    task: str
    about: str
    option: str
    default: str


def describe() -> list[OptionRow]:
    """Each option of each task with its default and what the task is, in one line."""
    rows = []
    for name, task in TASKS.items():
        about = (task.__doc__ or "").strip().splitlines()[0]
        for option, info in task.model_fields.items():
            default = "(required)" if info.is_required() else _shown(info.default)
            rows.append(OptionRow(name, about, option, default))
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "-"
    return "-" if value is None else str(value)
