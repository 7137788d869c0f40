"""The strict YAML reader: what it refuses, and that every other reader reads the same in what it accepts."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.errors import DataError
from kb.records import yaml_read
from kb.records.yaml_read import is_plain_text, parse_yaml
from tests.records.yaml_texts import TEMPTING, TEXTS, exact, with_pyyaml, with_ruamel


def refuse(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse_yaml(text, file="papers/a.yaml")
    assert caught.value.file == "papers/a.yaml"
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "mark", ["<<<<<<< HEAD", "=======", ">>>>>>> branch", "||||||| 1a2b3c", "<<<<<<<", "=======\r"]
)
def test_a_merge_conflict_is_found_with_its_line(mark: str) -> None:
    """Whichever of git's markers is left."""
    error = refuse(f"title: A\n{mark}\nvenue: B\n")
    assert error.line == 2
    assert "merge conflict" in error.message
    assert error.fix


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: !!python/object/apply:os.system ['touch pwned']\n", 2, "tag"),
        ("a: !!python/name:os.system\n", 1, "tag"),
        ("!!python/object/new:os.system\na: 1\n", 1, "tag"),
        ("a: !unknown x\n", 1, "tag"),
        ("a: !<tag:example.com,2026:x> x\n", 1, "tag"),
        ("a: !!str 1\n", 1, "tag"),
        ("a: !!int '1'\n", 1, "tag"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("a: ! 1\n", 1, "tag"),
        ("a: !!map {b: 1}\n", 1, "tag"),
        ("a: !!seq [b]\n", 1, "tag"),
        ("a: !!str\nb: 1\n", 1, "tag"),
        ("!!str a: 1\n", 1, "tag"),
        ("!!map\na: 1\n", 1, "tag"),
        ("a: &x 1\n", 1, "anchor"),
        ("a: &x\n  b: 1\n", 1, "anchor"),
        ("a: &x [1]\n", 1, "anchor"),
        ("&x a: 1\n", 1, "anchor"),
        ("a: &x 1\nb: *x\n", 1, "anchor"),
        ("a: *x\n", 1, "undefined alias"),
        ("a: 1\nb: 2\na: 3\n", 3, "stands here twice"),
        ("a:\n  b: 1\n  'b': 2\n", 3, "stands here twice"),
        ('a: {b: 1, "b": 2}\n', 1, "stands here twice"),
        ("a: 1\n<<: {b: 2}\n", 2, "<<"),
        ("a:\n  <<: [{b: 2}]\n", 2, "<<"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: 1\n...\n", 2, "..."),
        ("%YAML 1.1\n---\na: 1\n", 1, "%"),
        ("%TAG ! tag:yaml.org,2002:python/\n---\na: 1\n", 1, "%"),
        ("? [a]\n: b\n", 1, "field name"),
        ("? {a: 1}\n: b\n", 1, "field name"),
        ("1: a\n", 1, "field name"),
        ("null: a\n", 1, "field name"),
        ("true: a\n", 1, "field name"),
        ("a: 1\nb: x\0y\n", 2, "NUL"),
        ("a: 1\n\tb: 2\n", 2, "a tab"),
        ("a:\t1\n", 1, "a tab"),
        ("a: 1\rb: 2\n", 1, "carriage return"),
        ("a: x\x85b: 2\n", 1, "U+0085"),
        ("a: 'x\u2028y'\n", 1, "U+2028"),
        ("a: x\x1b[31m\n", 1, "U+001B"),
        ("a: x\ud800\n", 1, "U+D800"),
        ("a: x\n\ufeffb: y\n", 2, "U+FEFF"),
        ("- a\n", 1, "must hold fields"),
        ("just text\n", 1, "must hold fields"),
        ("", 1, "must hold fields"),
        ("# only a comment\n", 1, "must hold fields"),
        ("a: 1\nb\n", 2, "not YAML"),
        ("a: [1, 2\n", None, "not YAML"),
        ("a: 'open\n", None, "not YAML"),
        ("title: Thinking: a survey\n", 1, "not YAML"),
        ("a: @x\n", 1, "not YAML"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_line(text: str, line: int | None, what: str) -> None:
    """Tags, anchors, aliases, repeated keys, merges, directives, documents, invisible characters, broken YAML."""
    error = refuse(text)
    assert what in error.message
    if line is not None:
        assert error.line == line


def test_nothing_is_ever_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic attacks on YAML readers leave no trace."""
    monkeypatch.chdir(tmp_path)
    for tag in ("object/apply:os.system", "object/new:os.system", "object/apply:subprocess.getoutput"):
        refuse(f"a: !!python/{tag} ['touch pwned']\n")
    assert not list(tmp_path.iterdir())


def test_a_billion_laughs_cost_nothing() -> None:
    """Aliases that multiply are refused before anything is built."""
    rows = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "not allowed" in refuse("\n".join(rows)).message


@pytest.mark.parametrize(
    "value",
    """
    no NO yes Yes on OFF y N True FALSE Null ~ = 12:30 12:30:45 190:20:30 2025-04-07 2025-4-7
    2025-04-07T10:00:00Z 0777 0o17 0x1F 0b11 08 00 1e3 1E5 1.5e5 1.e5 1_000 0.1_0 .5 5. -.5 +1 +12:30 .inf -.INF .NaN
    99999999999999999999 1.5e+400
    """.split(),
)
def test_what_readers_disagree_about_must_be_quoted(value: str) -> None:
    """The message shows the quoted form, and the quoted form is the exact string."""
    error = refuse(f"a: 1\nb: {value}\n")
    assert (error.line, error.field) == (2, "b")
    assert error.fix == f'write "{value}"'
    for quoted in (f'"{value}"', f"'{value}'"):
        assert parse_yaml(f"b: {quoted}\n", file="f").data == {"b": value}
    refuse(f"a: [x, {value}]\n")
    refuse(f"{value}: x\n")


def test_deep_nesting_is_refused() -> None:
    """In block and flow style, and far beyond any stack."""
    block = "".join(f"{' ' * n}a:\n" for n in range(60))
    for text in (block, "a: " + "[" * 60 + "]" * 60 + "\n", "a: " + "[" * 100_000, "a: " + "{a: " * 100_000):
        refuse(text)
    refuse("a:\n  " + "- " * 5000 + "x\n")


def test_a_huge_file_is_refused_at_once() -> None:
    """A record is a page, not a dump."""
    assert "larger" in refuse("a: " + "x" * yaml_read.MAX_CHARS).message


@pytest.mark.parametrize("prefix", ["\ufeff", "---\n", "\ufeff---\n", "# comment\n\n", "\n\n"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_do_not_matter(prefix: str, eol: str) -> None:
    """What editors on other systems save is read alike, with the right lines."""
    text = (prefix + "a: 1\nb: |\n  x\n  y\nc:\n  - d\n").replace("\n", eol)
    document = parse_yaml(text, file="f")
    assert document.data == {"a": 1, "b": "x\ny\n", "c": ["d"]}
    assert document.line_of(("c", 0)) == 6 + prefix.count("\n")
    assert exact(with_pyyaml(text)) == exact(document.data)


def test_lines_are_those_of_the_fields() -> None:
    """For messages and for kb check: the line of a path, or of the nearest thing around it."""
    document = parse_yaml("# c\na: 1\n\nb:\n  c:\n    - x\n    - d: 2\n      e:\n        f\n", file="f")
    expected = {
        ("a",): 2,
        ("b",): 4,
        ("b", "c"): 5,
        ("b", "c", 0): 6,
        ("b", "c", 1): 7,
        ("b", "c", 1, "d"): 7,
        ("b", "c", 1, "e"): 8,
        ("b", "nowhere"): 4,
        ("b", "c", 7): 5,
        ("nowhere",): 2,
    }
    assert {path: document.line_of(path) for path in expected} == expected


def test_only_plain_values_come_out() -> None:
    """str, int, float, bool, None, list and dict: each in its one spelling."""
    text = "a: x\nb: 1\nc: -2.50\nd: true\ne: null\nf:\ng: [x, 2]\nh: {i: false}\nj: 1.5e+3\n"
    data = {"a": "x", "b": 1, "c": -2.5, "d": True, "e": None, "f": None, "g": ["x", 2], "h": {"i": False}}
    assert exact(parse_yaml(text, file="f").data) == exact(data | {"j": 1500.0})


# Agreement with other readers


@pytest.mark.parametrize("value", TEMPTING)
def test_plain_text_is_read_alike_by_every_reader(value: str) -> None:
    """What the writer leaves unquoted is the same text for YAML 1.1 and 1.2."""
    if is_plain_text(value):
        for read in (with_ruamel, with_pyyaml, lambda text: parse_yaml(text, file="f").data):
            assert read(f"a: {value}\n") == {"a": value}
            assert read(f"a:\n  - {value}\n") == {"a": [value]}


@given(TEXTS)
def test_whatever_text_counts_as_plain_reads_back(value: str) -> None:
    """The same for any text."""
    if is_plain_text(value):
        assert with_ruamel(f"a: {value}\n") == with_pyyaml(f"a: {value}\n") == {"a": value}


# A grammar of small texts: mostly YAML, often strange.
_WILD = (
    st.sampled_from([t for t in TEMPTING if "\n" not in t and len(t) < 40])
    | st.from_regex(r"[-+]?[0-9._:eExob]{1,8}", fullmatch=True)
    | st.sampled_from(["!t x", "&n x", "*n", "!!str 1"])
    | st.text("abn01.:-_#'\"[]{},&*!|>%@? \\\t", max_size=8)
)
_TAME = st.sampled_from(
    ["a", "b c", "title", "'q'", '"q"', "'it''s'", '"a\\tb\\u0041"', "c-d", "e.f", "12", "1.5", "true", "(g)"]
) | st.text("abc 12.-'(", min_size=1, max_size=6).map(lambda text: f"w{text}".rstrip())
_ATOM = st.integers(0, 11).flatmap(lambda n: _WILD if n == 11 else _TAME)
_FLOW = st.recursive(
    _ATOM,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda xs: f"[{', '.join(xs)}]")
        | st.lists(st.tuples(_ATOM, inner), max_size=3).map(
            lambda ps: "{" + ", ".join(f"{k}: {v}" for k, v in ps) + "}"
        )
    ),
    max_leaves=4,
)
_BLOCK_SCALAR = st.builds(
    lambda head, lines: head + "\n" + "".join(f"  {line}\n" for line in lines),
    st.sampled_from(["|", "|-", "|+", ">", ">-", ">+", "|2", ">1"]),
    st.lists(_ATOM | st.just("") | st.just("  deeper"), max_size=4),
)
_INLINE = st.builds(
    lambda value, comment: f" {value}{comment}\n",
    _FLOW,
    st.sampled_from(["", "", " # c", "# c", "\n  more", "\n\n  more: x", "\n# c\n  more"]),
) | _BLOCK_SCALAR.map(lambda text: f" {text}")


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    indent = st.sampled_from(["  ", "    ", " "])
    items = st.lists(inner, min_size=1, max_size=3)
    sequence = st.builds(
        lambda rows, pad: "\n" + textwrap.indent("".join(f"-{row}" for row in rows), pad),
        items,
        st.sampled_from(["", "  "]),
    )
    pairs = st.lists(st.tuples(_ATOM, inner), min_size=1, max_size=3)
    mapping = st.builds(
        lambda rows, pad: "\n" + textwrap.indent("".join(f"{k}:{v}" for k, v in rows), pad), pairs, indent
    )
    return sequence | mapping


_FIELD = st.recursive(_INLINE, _nested, max_leaves=4)
_DOCUMENT = st.builds(
    lambda head, rows, tail: head + "".join(f"{k}:{v}" for k, v in rows) + tail,
    st.sampled_from(["", "", "", "---\n", "# c\n", "\ufeff", "--- # c\n"]),
    st.lists(st.tuples(_ATOM, _FIELD), min_size=1, max_size=3),
    st.sampled_from(["", "", "\n", "# end", "  # end\n"]),
)


def agree(text: str) -> bool:
    """Whether our reader accepts `text`; if it does, the others must read the very same data."""
    try:
        ours = parse_yaml(text, file="f").data
    except DataError:
        return False
    assert exact(with_pyyaml(text)) == exact(ours)
    assert exact(with_ruamel(text)) == exact(ours)
    return True


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_DOCUMENT)
def test_what_we_accept_every_reader_reads_the_same(text: str) -> None:
    """Whatever small YAML text our reader accepts, PyYAML (1.1) and ruamel.yaml (1.2) read to the same data."""
    agree(text)
    agree(text.replace("\n", "\r\n"))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[-+]?[0-9._:eEoxb~TZ a-fnyNYinftrus=<]{0,10}", fullmatch=True))
def test_no_plain_scalar_is_read_in_two_ways(value: str) -> None:
    """Numbers, dates, times and booleans, in every spelling that comes near one."""
    agree(f"a: {value}\n")
    agree(f"- {value}\n")
    agree(f"a: [{value}]\n")
    agree(f"{value}: x\n")
