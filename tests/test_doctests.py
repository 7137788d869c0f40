"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["kb.ids", "kb.text", "kb.reconcile.keys"])
def test_every_example_in_a_docstring_gives_what_it_shows(name: str) -> None:
    """Each module has examples, and each example prints exactly what stands under it."""
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0
