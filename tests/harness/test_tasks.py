"""The list of tasks, and making one from plain data."""

from __future__ import annotations

import pytest

from kb.errors import UsageError
from kb.harness.tasks import TASKS, describe, make_task
from kb.harness.tasks.chain import ChainTask


def test_a_task_is_made_from_plain_data_as_yaml_gives_it() -> None:
    assert make_task({"name": "chain", "steps": [2, 4], "difficulty": 1}) == ChainTask(
        steps=(2, 4), difficulty=1
    )


def test_the_options_are_left_as_they_were() -> None:
    options = {"name": "chain"}
    make_task(options)
    assert options == {"name": "chain"}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"name": "poem"}, r"task: name: 'poem' is no task \(fix: one of: chain, gym, dataset\)"),
        ({}, r"task: name: which task is missing"),
        ({"name": ["chain"]}, r"task: name: \['chain'\] is no task"),
        ({"name": "chain", "bits": 4}, r"task chain: bits: is no option of it"),
    ],
)
def test_what_is_no_task_or_no_option_is_one_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        make_task(options)


def test_every_task_is_described_by_each_of_its_options() -> None:
    rows = describe()
    assert list(dict.fromkeys(row.task for row in rows)) == list(TASKS)
    for name, task in TASKS.items():
        assert task.name == name
        assert [row.option for row in rows if row.task == name] == list(task.model_fields)
    assert all(row.about and "\n" not in row.about and row.default for row in rows)
