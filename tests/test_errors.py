"""Errors: one line each, with place and remedy, and the exit code that scripts rely on."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from kb import errors
from kb.errors import (
    ConfigError,
    DataError,
    KbError,
    LockError,
    NotAuthorised,
    SafetyStop,
    UpstreamError,
    UsageError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (UsageError, 2),
        (ConfigError, 2),
        (DataError, 3),
        (UpstreamError, 4),
        (NotAuthorised, 5),
        (LockError, 6),
        (SafetyStop, 7),
    ],
)
def test_each_kind_has_its_exit_code(kind: type[KbError], code: int) -> None:
    """The codes are a contract with scripts, and the docstring's tree says the same."""
    assert kind.exit_code == code
    assert f"{kind.__name__}" in (errors.__doc__ or "")
    row = next(line for line in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in line)
    assert f" {code} " in row


def test_the_tree_in_the_docstring_is_whole() -> None:
    """Every error class is drawn."""
    for name, value in inspect.getmembers(errors, inspect.isclass):
        if issubclass(value, KbError):
            assert name in (errors.__doc__ or "")


def test_an_error_says_where_what_and_how_to_mend_it_in_one_line() -> None:
    """File, line, field, message and fix, in the order an editor can jump to."""
    error = DataError("is\nwrong", file=Path("papers/a.yaml"), line=3, field="title", fix="mend  it")
    assert str(error) == "papers/a.yaml:3: title: is wrong (fix: mend it)"
    assert str(UsageError("no")) == "no"
    assert str(DataError("no", file="f")) == "f: no"


def test_a_bundle_carries_all_errors() -> None:
    """One load reports everything that a person has to mend."""
    first, *rest = (DataError(str(n)) for n in range(3))
    bundle = DataError.bundle([first, *rest])
    assert bundle is first
    assert bundle.others == tuple(rest)
    assert DataError.bundle([DataError("x")]).others == ()
