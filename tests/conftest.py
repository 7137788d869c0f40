"""What all tests share."""

from __future__ import annotations

import pytest


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name functions by name: an address in a test's id differs between the processes that share the tests."""
    return getattr(val, "__qualname__", "function").replace("<locals>.", "") if callable(val) else None
