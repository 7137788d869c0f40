"""Writing YAML: canonical text that every reader reads back, and edits that touch nothing else."""

from __future__ import annotations

import copy
import difflib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.errors import DataError
from kb.records.yaml_read import parse_yaml
from kb.records.yaml_text import render_yaml
from kb.records.yaml_write import edit_yaml
from tests.records.noisy import Noisy, noisy
from tests.records.yaml_texts import MAPPINGS, TEMPTING, exact, with_pyyaml, with_ruamel

NO_LIMITS = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def read(text: str) -> Any:
    return parse_yaml(text, file="f").data


# Canonical text


@NO_LIMITS
@given(MAPPINGS)
def test_what_is_written_reads_back_with_every_reader(data: dict[str, Any]) -> None:
    """Data to YAML to data: the same through our reader, PyYAML (YAML 1.1) and ruamel.yaml (YAML 1.2)."""
    text = render_yaml(data)
    assert text.endswith("\n")
    for reader in (read, with_pyyaml, with_ruamel):
        assert exact(reader(text)) == exact(data)
    assert render_yaml(read(text)) == text


@pytest.mark.parametrize("value", TEMPTING)
def test_every_tempting_text_reads_back(value: str) -> None:
    """As a field, a list item, a field's name, and deep inside."""
    data = {"a": value, "b": [value, {"c": value}], "d": {value: [[value]]}, "e": 1}
    for reader in (read, with_pyyaml, with_ruamel):
        assert exact(reader(render_yaml(data))) == exact(data)


def test_canonical_text_looks_like_a_record() -> None:
    """Block style, two spaces, quotes only where they are needed, long text folded, paragraphs kept."""
    data = {
        "title": "Frugal Chains",
        "identifiers": {"arxiv_id": "2401.10000", "arxiv_version": 2},
        "labels": [{"branch": "shorter/rl", "confidence": 0.5}],
        "note": "Two: words",
        "long": "word " * 40 + "end",
        "paragraphs": "One.\n\nTwo.",
        "empty": [],
        "none": None,
        "yes": True,
    }
    assert render_yaml(data) == (
        "title: Frugal Chains\n"
        "identifiers:\n"
        '  arxiv_id: "2401.10000"\n'
        "  arxiv_version: 2\n"
        "labels:\n"
        "  - branch: shorter/rl\n"
        "    confidence: 0.5\n"
        'note: "Two: words"\n'
        "long: >-\n"
        f"  {'word ' * 20}word\n"
        f"  {'word ' * 19}end\n"
        "paragraphs: |-\n"
        "  One.\n"
        "\n"
        "  Two.\n"
        "empty: []\n"
        "none: null\n"
        '"yes": true\n'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**18, "\ud83d"])
def test_what_no_record_can_hold_is_refused(value: Any) -> None:
    """NaN, infinity, huge numbers and half a character have no spelling that all readers share."""
    with pytest.raises(DataError, match="be stored"):
        render_yaml({"a": value})


# Edits

WORD = st.sampled_from(
    "Frugal chains of thought cost less than long ones but not always yes 2401.10000".split()
)
TEXT = (
    st.lists(WORD, min_size=1, max_size=4).map(" ".join)
    | st.lists(WORD, min_size=30, max_size=40).map(" ".join)
    | st.sampled_from(
        ["One.\n\nTwo.", "a: b # c", "# no comment", "it's", 'say "it"', "- a", "[x", "One\nTwo\n", ""]
    )
)
LEAF = TEXT | st.integers(0, 99) | st.booleans() | st.none() | st.sampled_from([0.5, 1.0])
NAME = st.sampled_from("title venue authors links code review labels branch state by x-y".split())
INNER = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(NAME, INNER, min_size=1, max_size=5)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, item in inner for place in _places(item, (*path, name)))]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


@st.composite
def edited(draw: Any, data: dict[str, Any]) -> dict[str, Any]:
    """`data` after one to three changes anywhere in it: a value replaced, added or taken away."""
    new = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(new)))
        node = _at(new, path)
        if isinstance(node, dict) and (not path or draw(st.booleans())):
            name = draw(NAME)
            items = [*node.items()] if name in node else [*node.items(), (name, None)]
            if name not in node:
                items.insert(draw(st.integers(0, len(node))), items.pop())
            node.clear()
            node.update(items)
            node[name] = draw(INNER)
        elif isinstance(node, list) and draw(st.booleans()):
            node.insert(draw(st.integers(0, len(node))), draw(INNER))
        elif path:
            parent = _at(new, path[:-1])
            if draw(st.booleans()) and not (len(path) == 1 and len(new) == 1):
                del parent[path[-1]]
            else:
                parent[path[-1]] = draw(INNER)
    return new


@st.composite
def cases(draw: Any) -> tuple[Noisy, dict[str, Any], dict[str, Any]]:
    data = draw(DATA)
    return draw(noisy(data)), data, draw(edited(data))


@NO_LIMITS
@given(DATA.flatmap(lambda data: st.tuples(st.just(data), noisy(data))))
def test_what_people_write_is_read_as_they_meant_it(case: tuple[dict[str, Any], Noisy]) -> None:
    """The noise of the tests below is YAML that holds the data; an edit that changes nothing changes no byte."""
    data, written = case
    assert exact(read(written.text)) == exact(data)
    assert edit_yaml(written.text, data, file="f") == written.text


@NO_LIMITS
@given(cases(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_an_edit_holds_the_new_data_and_every_comment(
    case: tuple[Noisy, dict[str, Any], dict[str, Any]], eol: str, bom: str
) -> None:
    """Whatever changed: the result reads as the new data, no comment is lost, untouched fields keep their bytes."""
    written, data, new = case
    old_text = bom + written.text.replace("\n", eol)
    text = edit_yaml(old_text, new, file="f")
    assert exact(read(text)) == exact(new)
    for comment in written.comments:
        assert text.count(comment) == 1, comment
    for name, block in written.blocks.items():
        if name in new and exact(new[name]) == exact(data[name]):
            assert block.replace("\n", eol) in text
    assert text.startswith(bom)
    if eol == "\r\n":
        assert text.count("\n") == text.count("\r\n")
    for reader in (with_pyyaml, with_ruamel):
        assert exact(reader(text)) == exact(new)


SHORT = st.lists(WORD, min_size=1, max_size=3).map(" ".join) | st.integers(0, 99) | st.booleans()


@st.composite
def one_scalar_changed(draw: Any) -> tuple[Noisy, dict[str, Any], tuple[Any, ...]]:
    flat = st.recursive(
        SHORT,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAME, inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    )
    data = draw(st.dictionaries(NAME, flat, min_size=1, max_size=5))
    leaves = [path for path in _places(data) if not isinstance(_at(data, path), dict | list)]
    path = draw(st.sampled_from(leaves))
    new = copy.deepcopy(data)
    value = draw(SHORT.filter(lambda value: exact(value) != exact(_at(data, path))))
    _at(new, path[:-1])[path[-1]] = value
    return draw(noisy(data)), new, path


@NO_LIMITS
@given(one_scalar_changed())
def test_a_changed_scalar_changes_one_line(case: tuple[Noisy, dict[str, Any], tuple[Any, ...]]) -> None:
    """A value that stands on one line is changed there: one line goes, one comes."""
    written, new, path = case
    text = edit_yaml(written.text, new, file="f")
    assert exact(read(text)) == exact(new)
    before, after = written.text.splitlines(), text.splitlines()
    line = parse_yaml(written.text, file="f").line_of(path)
    assert line is not None
    changed = [row for row in difflib.ndiff(before, after) if row[0] in "+-"]
    on_one_line = len(before) == len(after)
    assert (len(changed), on_one_line) == (2, True) or _is_block(before, line - 1), changed


def _is_block(lines: list[str], index: int) -> bool:
    """Whether the value that starts on this line goes on below (a block scalar, or text under its name)."""
    head = lines[index].split("#")[0].rstrip()
    return head.endswith((":", "|", ">", "|-", ">-", "-")) or not head


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a: 1\nb: 2", {"a": 3, "b": 2}, "a: 3\nb: 2"),
        ("a: 1\nb: 2", {"a": 1, "b": 2, "c": 3}, "a: 1\nb: 2\nc: 3"),
        ("a: 1\nb: |\n  x", {"a": 2, "b": "x"}, "a: 2\nb: |\n  x"),
        ("a: 1\r\nb: 2\nc: 3\r\n", {"a": 1, "b": 9, "c": 3}, "a: 1\r\nb: 9\nc: 3\r\n"),
        ("---\na: 1  # c\n", {"a": 2}, "---\na: 2  # c\n"),
        ("a:  # c\nb: 1\n", {"a": "x", "b": 1}, "a: x  # c\nb: 1\n"),
        ("a: {b: 1}  # c\n", {"a": {"b": 2}}, "a: {b: 2}  # c\n"),
        ("a: [x, 'y', \"z\"]\n", {"a": ["x", "w", "a, b"]}, "a: [x, 'w', \"a, b\"]\n"),
        ("{a: 1} # c\n", {"a": 1, "b": 2}, "# c\na: 1\nb: 2\n"),
        ("a: 1 # c\n# d\n", {}, "# c\n# d\n{}\n"),
        ("# c\n{}\n", {"a": 1}, "# c\na: 1\n"),
        ("a: 1\nb: 2\n# end\n", {"a": 1, "b": 2, "c": 3}, "a: 1\nb: 2\nc: 3\n# end\n"),
        ("a:\n- x\n- w # c\n- z\n", {"a": ["x", "z"]}, "a:\n- x\n# c\n- z\n"),
        ("a: 1\n", {"a": True}, "a: true\n"),
        ("a: 1\n", {"a": 1.0}, "a: 1\n"),
    ],
)
def test_an_edit_looks_as_a_person_would_make_it(old: str, new: dict[str, Any], expected: str) -> None:
    """Small cases, byte for byte: no final line end, mixed line ends, empty values, flow style, all fields gone."""
    assert edit_yaml(old, new, file="f") == expected


@pytest.mark.parametrize("text", ["? a\n: 1\nb: 2\n", "? 'a'\n: - 1\n  - 2\nb: {c: 1,\n d: 2}\n"])
def test_an_unusual_layout_is_edited_rightly_or_refused(text: str) -> None:
    """Explicit keys are rare: whatever happens, nothing is lost."""
    new = read(text) | {"b": 3, "z": "new"}
    with suppress(DataError):
        assert exact(read(edit_yaml(text, new, file="f"))) == exact(new)
