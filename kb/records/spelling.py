"""Keeping a person's way of saying a thing: what a record says unchanged stays written as it was.

A record may leave a default out, write it down, name an empty list, or give an author as a name or as a mapping. All
of these read the same, so a change elsewhere in the record must not touch them.
"""

from __future__ import annotations

from typing import Any

from kb.records.yaml_write import changed_items, same_data

_ABSENT: Any = object()


def as_written(raw: Any, old: Any, new: Any) -> Any:
    """`new`, in which everything that equals `old` is spelled as in `raw`.

    Args:
        raw: the data as it stands in the file.
        old: the same in normal form (`Paper.to_data`).
        new: the normal form that the file must have after the edit.
    """
    if same_data(old, new):
        return raw
    if isinstance(raw, dict) and isinstance(old, dict) and isinstance(new, dict):
        return _mapping(raw, old, new)
    if isinstance(raw, list) and isinstance(old, list) and isinstance(new, list) and len(raw) == len(old):
        return _list(raw, old, new)
    return new


def _mapping(raw: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in new.items():
        if name in raw:
            kept[name] = as_written(raw[name], old.get(name, _ABSENT), value)
        elif name not in old or not same_data(old[name], value):  # else a default that nobody wrote down
            kept[name] = value
    empty = {name: value for name, value in raw.items() if name not in old and name not in new}
    return kept | empty


def _list(raw: list[Any], old: list[Any], new: list[Any]) -> list[Any]:
    kept: list[Any] = []
    at = 0
    for a0, a1, b0, b1 in changed_items(old, new):
        kept += raw[at:a0]
        paired = min(a1 - a0, b1 - b0)
        kept += [as_written(raw[a0 + n], old[a0 + n], new[b0 + n]) for n in range(paired)]
        kept += new[b0 + paired : b1]
        at = a1
    return kept + raw[at:]
