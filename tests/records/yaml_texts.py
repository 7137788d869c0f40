"""Invented data and YAML texts for the tests of reading and writing, and the other readers that must agree."""

from __future__ import annotations

import io
from typing import Any

import yaml
from hypothesis import strategies as st
from ruamel.yaml import YAML

# What tempts a YAML reader into a number, a date, a boolean, a comment, a mapping or an error.
TEMPTING = [
    *"no,No,NO,yes,on,off,y,n,true,True,false,null,Null,~,=,<<,-,?,:,|,>,!,&,*,@,`,%,[],{},#".split(","),
    *"2401.10000,0777,0o17,0x1F,0b11,1e3,1.5e5,1.5e+5,12:30,12:30:45,2025-04-07,2025-04-07T10:00:00Z".split(
        ","
    ),
    *"1_000,.5,5.,+1,-0,-0.0,.inf,-.INF,.NaN,1.2.3,1e400,99999999999999999999,00,08,0.".split(","),
    "",
    " ",
    " a",
    "a ",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "- a",
    "---",
    "--- a",
    "...",
    "key: |",
    "'",
    '"',
    "it's",
    'say "it"',
    "\\",
    "\\n",
    "a\tb",
    "\t",
    "a\nb",
    "a\n\nb\n",
    "\na",
    "a\n",
    "a\n\n",
    "\n",
    "  a\nb",
    "a\n  b\n",
    "a \nb",
    "# a\nb",
    "a\r\nb",
    "a\rb",
    "\x85",
    "a\u2028b",
    "\ufeffa",
    "\x00",
    "\x1b[31m",
    "\x7f",
    "é ü ł 量化 😀",
    "𝛂",
    "<<<<<<< HEAD",
    "=======",
    "%YAML 1.1",
    "!!python/object/apply:os.system [id]",
    "word " * 60,
    "word  two " * 30,
    "x" * 300,
    "(a) b, c; d [e] {f}",
    "Ünïcode: yes",
]
KEYS = st.sampled_from(["title", "authors", "a", "b", "c-d", "e_f", "no", "12", "x y", "ü", "a:b", "# k", ""])
WORDS = st.sampled_from("Frugal chains of thought cost less than long ones but not always".split())
TEXTS = (
    st.sampled_from(TEMPTING)
    | st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
    | st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=4).map("\n".join)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=6)


def with_ruamel(text: str) -> Any:
    """What ruamel.yaml's pure YAML 1.2 reader makes of `text`."""
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def with_pyyaml(text: str) -> Any:
    """What PyYAML's YAML 1.1 reader makes of `text`."""
    return yaml.load(text, Loader=yaml.SafeLoader)


def exact(value: Any) -> Any:
    """`value` with its types spelled out, so that 1, 1.0 and true differ, and so do 0.0 and -0.0."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return type(value).__name__, repr(value)
