"""kb schema, kb fmt and kb check on what they leave, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kb.records.canonical import HEADER
from tests.pipeline.kbase import KnowledgeBase

HAND = "venue: 'ICML 2025'  # where\ntitle: A\nlabels:\n- {branch: shorter, by: list, source: x}\n"
FORMED = (
    f"{HEADER}title: A\nvenue: ICML 2025 # where\nlabels:\n  - branch: shorter\n    by: list\n    source: x\n"
)


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    kb = KnowledgeBase(tmp_path / "kb", capsys)
    (kb.root / "papers").mkdir(exist_ok=True)
    (kb.root / "papers" / "a2025b.yaml").write_text(HAND)
    return kb


def record(base: KnowledgeBase, key: str = "a2025b") -> Path:
    return base.root / "papers" / f"{key}.yaml"


def test_fmt_formats_all_records_and_then_has_nothing_to_do(base: KnowledgeBase) -> None:
    out = base.run("fmt")
    assert (out.code, record(base).read_text()) == (0, FORMED)
    assert out.out == "papers/a2025b.yaml: changed\n1 record changed, no records as they should be\n"
    assert base.run("fmt").out == "no records changed, 1 record as they should be\n"


def test_fmt_check_writes_nothing_and_exits_with_3(base: KnowledgeBase) -> None:
    out = base.run("fmt", "--check")
    assert (out.code, record(base).read_text()) == (3, HAND)
    assert out.out.startswith("papers/a2025b.yaml: would change\n")
    base.run("fmt")
    assert base.run("fmt", "--check").code == 0


def test_fmt_takes_files_and_leaves_others_alone(base: KnowledgeBase) -> None:
    record(base, "c2025d").write_text(HAND)
    assert base.run("fmt", str(record(base)), "papers/a2025b.yaml").code == 0
    assert (record(base).read_text(), record(base, "c2025d").read_text()) == (FORMED, HAND)


@pytest.mark.parametrize("name", ["papers/_decisions.yaml", "kb.toml", "papers/gone", "/etc/passwd"])
def test_fmt_refuses_what_is_no_record(base: KnowledgeBase, name: str) -> None:
    (base.root / "papers" / "_decisions.yaml").write_text("same: []\n")
    out = base.run("fmt", name)
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "is no record" in out.err


def test_fmt_says_what_it_cannot_read_and_formats_the_rest(base: KnowledgeBase) -> None:
    record(base, "c2025d").write_text("title: [\n")
    record(base, "e2025f").write_text("titel: x\n")
    out = base.run("fmt")
    assert (out.code, record(base).read_text()) == (3, FORMED)
    assert "papers/c2025d.yaml" in out.err
    assert "papers/e2025f.yaml:1: titel: is not a field" in out.err
    assert record(base, "e2025f").read_text() == "titel: x\n"


def test_schema_lists_prints_and_writes(base: KnowledgeBase) -> None:
    """The schema of a knowledge base lists its own branches; a second --write changes nothing."""
    assert base.run("schema").out.splitlines()[1].split()[0] == "paper"
    printed = json.loads(base.run("schema", "paper").out)
    branches = printed["definitions"]["Assignment"]["properties"]["branch"]["enum"]
    assert branches == ["shorter", "smaller", "faster"]
    assert base.run("schema", "--write").out == "9 schemas of 9 changed in schema/\n"
    assert json.loads((base.root / "schema" / "paper.json").read_text()) == printed
    assert base.run("schema", "--write").out == "no schemas of 9 changed in schema/\n"


def test_schema_refuses_a_name_that_it_does_not_know(base: KnowledgeBase) -> None:
    assert base.run("schema", "nope").code == 2
    assert base.run("schema", "paper", "--write").code == 2


def test_check_says_which_schema_is_old_or_edited(base: KnowledgeBase) -> None:
    """Who edits a schema by hand, or adds a branch, is told how to make it anew; without schema/ nothing is said."""
    assert "schema" not in base.run("check").out
    base.run("schema", "--write")
    assert "schema" not in base.run("check").out
    path = base.root / "schema" / "paper.json"
    path.write_text(path.read_text().replace("shorter", "longer"))
    (base.root / "schema" / "kb.json").unlink()
    out = base.run("check", "--only", "schemas")
    assert out.code == 0
    assert "schema/paper.json: is not what kb makes" in out.out
    assert "schema/kb.json: there is no such file (fix: kb schema --write)" in out.out


def test_an_unsettled_merge_is_one_line_of_kb_check(base: KnowledgeBase) -> None:
    record(base).write_text(f"{HEADER}title: A\n<<<<<<< ours\nvenue: B\n=======\nvenue: C\n>>>>>>> theirs\n")
    out = base.run("check")
    assert out.code == 3
    assert [line for line in out.text.splitlines() if "merge conflict" in line] == [
        "error: loads: papers/a2025b.yaml:3: an unresolved merge conflict (fix: edit the file so that one side is left)"
    ]
