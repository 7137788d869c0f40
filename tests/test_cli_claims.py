"""kb claims and kb gaps as a person and a program meet them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.kbase import KnowledgeBase
from tests.reported import line, write_rows, write_words

RECORD = """\
title: A study of small numbers
identifiers:
  arxiv_id: "2504.04823"
  arxiv_version: 2
labels:
  - branch: smaller
    by: person
    source: ann
    state: confirmed
claims:
  - id: lossless
    statement: Rounding to 4 bits costs next to nothing.
    relation: non_inferior
    margin: 4.0
    variant: {method: [gptq], weight_bits: [4]}
    arxiv_version: 2
  - id: three-bits-hurt
    statement: At 3 bits much is lost.
    relation: lower
    margin: 5.0
    variant: {method: [gptq], weight_bits: [3]}
  - id: elsewhere
    statement: On essays nothing is lost.
    relation: non_inferior
    margin: 1.0
    variant: {method: [gptq], weight_bits: [4]}
    conditions: {benchmark: [Essay]}
  - id: seven
    statement: Everybody likes it.
"""


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    made = KnowledgeBase(tmp_path / "kb", capsys)
    (made.root / "papers").mkdir()
    made.path("ann2025study").write_text(RECORD, encoding="utf-8")
    write_words(made.root / "results")
    rows(made)
    return made


def rows(base: KnowledgeBase, at_4: float = 90.0) -> None:
    """A table of two models at 4 and 3 bits."""
    write_rows(
        base.root / "results",
        "ann2025study",
        *(
            line(bits=(bits, 16, 16), score=score, baseline=90, model=model, seeds=1)
            for model in ("Tiny-7B", "Tiny-32B")
            for bits, score in ((4, at_4), (3, 60))
        ),
    )


def verdicts(base: KnowledgeBase) -> dict[str, str]:
    found = json.loads(base.run("claims", "list", "--json").out)
    return {row["claim"].partition("/")[2]: row["state"] for row in found}


def test_every_claim_has_a_verdict_with_its_reason(base: KnowledgeBase) -> None:
    assert verdicts(base) == {
        "lossless": "inconclusive",
        "three-bits-hurt": "supported",
        "elsewhere": "untested",
        "seven": "untested",
    }
    out = base.run("claims", "list", "--state", "untested")
    assert "ann2025study/seven      it is not put in a form that can be tested" in out.out
    assert "supported" not in out.out
    assert out.err == "4 claims: 1 supported, 1 inconclusive, 2 untested\n"


def test_one_claim_is_shown_with_statistics_evidence_and_what_does_not_count(base: KnowledgeBase) -> None:
    out = base.run("claims", "show", "ann2025study/three-bits-hurt").out
    assert out.startswith(
        "ann2025study/three-bits-hurt: supported\n"
        "  At 3 bits much is lost.\n"
        "  Tested: Accuracy is lower, by 5 points or more.\n"
        "  Compared: gptq, weights at 3 bits; with the same model at full precision\n"
        "  -30.00 points, 90 % interval -3"
    )
    assert "  by normal, variances of the scores; a unit is a model on a benchmark in a source\n" in out
    assert "reported  ann2025study  Tiny-32B  gptq W3A16KV16  Quiz  60     90        -30.00  100" in out
    out = base.run("claims", "show", "ann2025study/lossless").out
    assert "times as much evidence would decide" in out
    out = base.run("claims", "show", "ann2025study/elsewhere").out
    assert "not counted:\n  2  benchmark is Quiz, not Essay" in out
    data = json.loads(base.run("claims", "show", "ann2025study/lossless", "--json").out)
    assert [cell["effect"] for cell in data[0]["evidence"]] == [0.0, 0.0]
    assert data[0]["says_what"]["margin"] == 4.0
    assert data[0]["committed"] is None
    first = data[0]["evidence"][0]
    said = {name: first[name] for name in ("side", "kind", "source", "setting", "against", "benchmark")}
    assert said == {
        "side": "conditions",
        "kind": "reported",
        "source": "ann2025study",
        "setting": "gptq W4A16KV16",
        "against": "full precision",
        "benchmark": "Quiz",
    }


def test_committed_verdicts_follow_to_the_byte(base: KnowledgeBase) -> None:
    path = base.root / "results" / "_verdicts.jsonl"
    assert base.run("claims", "check").code == 3
    out = base.run("claims", "update")
    assert (out.code, out.out.splitlines()[-1]) == (0, "4 verdicts written; 0 flipped")
    first = path.read_bytes()
    out = base.run("claims", "check")
    assert (out.code, out.out) == (0, "4 verdicts computed again: every committed one follows\n")
    base.run("claims", "update")
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data", "lossless: inconclusive -> refuted; the evidence was changed"),
        ("claim", "lossless: inconclusive -> supported; the claim was changed"),
        (
            "hand",
            "lossless: supported -> inconclusive; the method was changed, or the line was edited by hand",
        ),
        ("digit", "lossless: still inconclusive; the method was changed, or the line was edited by hand"),
        ("version", "lossless: inconclusive -> stale;"),
        ("gone", "lossless: committed as inconclusive, and the claim is gone"),
        ("new", "lossier: inconclusive, and no verdict is committed"),
    ],
)
def test_a_committed_verdict_that_no_longer_follows_is_an_error_that_says_why(
    base: KnowledgeBase, change: str, said: str
) -> None:
    base.run("claims", "update")
    path = base.root / "results" / "_verdicts.jsonl"
    text = path.read_text(encoding="utf-8")
    match change:
        case "data":
            rows(base, at_4=50.0)
        case "claim":
            base.edit("ann2025study", "margin: 4.0", "margin: 40.0")
        case "hand":
            path.write_text(text.replace('"inconclusive"', '"supported"', 1), encoding="utf-8")
        case "digit":
            path.write_text(text.replace('"units": 2', '"units": 3', 1), encoding="utf-8")
        case "version":
            base.edit("ann2025study", "  arxiv_version: 2\nlabels", "  arxiv_version: 3\nlabels")
        case "gone" | "new":
            base.edit("ann2025study", "id: lossless", "id: lossier")
    out = base.run("claims", "check")
    assert out.code == 3
    assert f"ann2025study/{said}" in out.out
    assert "kb claims update" in out.err
    assert base.run("claims", "update").code == 0
    assert base.run("claims", "check").code == 0


def test_a_default_that_is_written_out_changes_no_verdict(base: KnowledgeBase) -> None:
    """The same in a fresh clone as with records from the cache: a committed verdict follows from what a claim means."""
    assert base.run("claims", "update").code == 0
    base.edit("ann2025study", "    margin: 4.0\n", "    margin: 4.0\n    strength: stated\n")
    for _ in ("parsed", "from the cache"):
        assert base.run("claims", "check").code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"claim": 1}\n', "line 1 is no verdict"),
        ('{"claim": "a/b", "state": "stale"}\n<<<<<<< ours\n', "line 2 is no JSON"),
        ('{"claim": "a/b", "state": "stale"}\n' * 2, "line 2 is a second verdict on a/b"),
    ],
)
def test_a_broken_verdict_file_is_one_line_and_is_written_anew(
    base: KnowledgeBase, text: str, said: str
) -> None:
    path = base.root / "results" / "_verdicts.jsonl"
    path.write_text(text, encoding="utf-8")
    out = base.run("claims", "check")
    assert said in out.err
    assert (out.code, out.err.count("\n")) == (3, 1)
    assert "_verdicts.jsonl" in out.err
    assert "kb claims update" in out.err
    assert base.run("claims", "update").code == 0
    assert base.run("claims", "check").code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    margin: 4.0\n", "", "non_inferior asks for a margin above 0"),
        ("relation: lower", "relation: worse", "relation"),
        ("    variant: {method: [gptq], weight_bits: [3]}\n", "", "has a relation, but no variant"),
        ("weight_bits: [3]}", "weight_bits: [3]}\n    factor: 2.0", "factor belongs to larger_drop"),
        ("relation: lower", "relation: monotone", "monotone and along belong together"),
        ("weight_bits: [3]}", "weight_bits: 3}", "should be a list"),
        ("{benchmark: [Essay]}", "{model_size_b: {min: 9, max: 2}}", "min is above max"),
        ("{benchmark: [Essay]}", "{model_size_b: {}}", "has no end"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_refused_with_file_and_fix(
    base: KnowledgeBase, old: str, new: str, message: str
) -> None:
    base.edit("ann2025study", old, new)
    out = base.run("claims", "list")
    assert out.code == 3
    assert "ann2025study.yaml" in out.err
    assert message in out.err
    assert "fix:" in out.err


def test_a_claim_about_an_unknown_method_is_found_by_kb_check(base: KnowledgeBase) -> None:
    base.edit("ann2025study", "[gptq], weight_bits: [3]", "[gptk], weight_bits: [3]")
    out = base.run("check", "--only", "claim-words")
    assert out.code == 3
    assert "names an unknown method: gptk (fix: did you mean gptq?" in out.out


def test_a_person_takes_evidence_out_and_brings_it_in(base: KnowledgeBase) -> None:
    base.edit(
        "ann2025study",
        "    arxiv_version: 2\n  - id: three",
        "    evidence:\n      veto:\n        - {ref: '*/Tiny-32B/*', reason: another tokenizer}\n  - id: three",
    )
    base.edit(
        "ann2025study",
        "{benchmark: [Essay]}",
        "{benchmark: [Essay]}\n    evidence: {attach: ['*/Tiny-7B/gptq/w4*']}",
    )
    out = base.run("claims", "show", "ann2025study/lossless").out
    assert "1  taken out by a person: another tokenizer" in out
    data = json.loads(base.run("claims", "show", "ann2025study/elsewhere", "--json").out)
    assert [cell["ref"] for cell in data[0]["evidence"]] == ["ann2025study/Tiny-7B/gptq/w4a16kv16/Quiz"]


def test_contradictions_show_both_claims_and_their_common_ground(base: KnowledgeBase) -> None:
    base.path("bob2025reply").write_text(
        "title: A reply\nclaims:\n  - id: costs\n    statement: At 4 bits ten points go.\n    relation: lower\n"
        "    margin: 10.0\n    variant: {weight_bits: [4]}\n",
        encoding="utf-8",
    )
    out = base.run("claims", "contradictions")
    assert "ann2025study/lossless (inconclusive): Rounding to 4 bits costs next to nothing.\n" in out.out
    assert (
        "bob2025reply/costs (refuted): At 4 bits ten points go.\n  both speak of gptq, weights at 4 bits"
        in out.out
    )
    assert out.err == "2 pairs of claims, no pairs of sources\n"
    data = json.loads(base.run("claims", "contradictions", "--json").out)
    assert data["claims"][0]["claims"] == {
        "ann2025study/lossless": "inconclusive",
        "bob2025reply/costs": "refuted",
    }


def test_gaps_come_with_a_spec(base: KnowledgeBase) -> None:
    out = base.run("gaps", "--top", "2")
    assert out.code == 0
    assert len(out.out.splitlines()) == 3
    data = json.loads(base.run("gaps", "--json").out)
    states = {row["cell"]: row["state"] for row in data}
    assert states["gptq/w4a16kv16/3B-to-10B/math"] == "single"
    spec = base.run("gaps", "--manifest", "gptq/w4a16kv16/3B-to-10B/math")
    assert (spec.code, spec.err) == (0, "")
    assert 'model: ["lab/Tiny-7B"]' in spec.out
    wrong = base.run("gaps", "--manifest", "gptq/w4a16kv16/3B-to-10B/maths")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "gptq/w4a16kv16/3B-to-10B/math" in wrong.err


def test_a_base_without_claims_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = KnowledgeBase(tmp_path / "empty", capsys)
    (empty.root / "papers").mkdir()
    out = empty.run("claims", "list")
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "no record has a claim" in out.err
    assert empty.run("claims", "check").code == 0
    assert empty.run("claims", "contradictions").code == 0
    assert empty.run("gaps").code == 0
    assert empty.run("claims", "update").code == 0
    assert not (empty.root / "results").exists()


def test_an_unknown_claim_is_one_line(base: KnowledgeBase) -> None:
    out = base.run("claims", "show", "nobody/nothing")
    assert (out.code, out.err.count("\n")) == (2, 1)
    assert "no claim or record with claims is called nobody/nothing" in out.err
