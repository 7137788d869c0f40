"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does: no test is a timed one.
settings.register_profile("kb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kb")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name functions by name: an address in a test's id differs between the processes that share the tests."""
    return getattr(val, "__qualname__", "function").replace("<locals>.", "") if callable(val) else None
