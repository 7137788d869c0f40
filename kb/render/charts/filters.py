"""Filters of a page of charts, as its form shows them and as its address names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A choice of a filter: its name in the address, what people read, and what marks of it carry in `data-of`."""

    value: str
    title: str
    of: str


@dataclass(frozen=True)
class Filter:
    name: str
    title: str
    choices: tuple[Choice, ...]
