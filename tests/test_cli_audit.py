"""kb audit as a person meets it: every standing, lists together, the base's own list, input that is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kb.pipeline.store import write_rows
from kb.reconcile.rows import Row
from kb.records.candidates import Candidate, CandidateState, render_candidates
from kb.sources.entry import SourceEntry
from tests.pipeline.kbase import KnowledgeBase

DECISIONS = """\
rejected:
  - title: Chains of Pearls in Antiquity
    identifiers: {arxiv_id: "2401.10009"}
    reason: not about language models
"""
LIST = """\
# Papers
## Shorter
- **Frugal Chains for Language Models That Reason** [[paper](https://arxiv.org/abs/2401.10000)]
- **Frugal Chains: for Language Models that Reason** [[paper](https://arxiv.org/abs/2401.10000v2)]
- **Chains of Pearls in Antiquity** [[paper](https://arxiv.org/abs/2401.10009)]
- **A Waiting Work on Token Budgets** [[paper](https://arxiv.org/abs/2401.10007)]
- **Thrifty Votes at Test Time without Training** [[paper](https://arxiv.org/abs/2401.10055)]
- **What Nobody Named So Far: a Study** [[paper](https://arxiv.org/abs/2401.10008)]
"""
BIB = """\
@article{a, title = {What Nobody Named So Far: a Study}, author = {Eze, Emeka}, eprint = {2401.10008}, year = {2024},
  archivePrefix = {arXiv}}
@article{b, title = {Another Unnamed Work on Latent Steps}, author = {Jensen, Hana}, year = {2024}}
"""


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    kb = KnowledgeBase(tmp_path / "kb", capsys)
    (kb.root / "papers").mkdir()
    kb.path("almeida2024frugal").write_text(
        'title: Frugal Chains for Language Models That Reason\nauthors: [Ada Almeida]\nidentifiers: {arxiv_id: "2401.10000"}\n'
    )
    kb.path("fukuda2024thrifty").write_text(
        'title: Thrifty Votes at Test Time without Training\nauthors: [Jun Fukuda]\nidentifiers: {arxiv_id: "2401.10001"}\n'
    )
    kb.config.decisions_path.write_text(DECISIONS)
    waiting = Candidate(
        id="c-1",
        state=CandidateState.CANDIDATE,
        title="A Waiting Work on Token Budgets",
        identifiers={"arxiv_id": "2401.10007"},
        reason="new",
    )
    kb.config.candidates_path.write_text(render_candidates((waiting,)))
    (tmp_path / "list.md").write_text(LIST)
    (tmp_path / "survey.bib").write_text(BIB)
    return kb


def test_every_work_has_one_standing(base: KnowledgeBase, tmp_path: Path) -> None:
    """Present once although named twice; excluded with the reason; pending by its id; unsure with what it is like."""
    before = {
        path: path.read_bytes() for path in base.root.rglob("*") if path.is_file() and ".kb" not in path.parts
    }
    out = base.run("audit", str(tmp_path / "list.md"), "--json")
    assert out.code == 0, out.err
    (one,) = json.loads(out.out)["lists"]
    assert one["counts"] == {"present": 1, "excluded": 1, "pending": 1, "unsure": 1, "missing": 1}
    found = {each["standing"]: each for each in one["found"]}
    assert found["present"]["name"] == "almeida2024frugal"
    assert found["excluded"]["reason"] == "not about language models"
    assert found["pending"]["name"] == "c-1"
    assert found["unsure"]["reason"] == "same title, but another arxiv_id as fukuda2024thrifty"
    assert found["missing"]["identifiers"] == {"arxiv_id": "2401.10008"}
    after = {
        path: path.read_bytes() for path in base.root.rglob("*") if path.is_file() and ".kb" not in path.parts
    }
    assert after == before


def test_a_person_reads_counts_reasons_and_what_is_missing_most_named_first(
    base: KnowledgeBase, tmp_path: Path
) -> None:
    """A work is one work on a Markdown list and in a bibliography."""
    out = base.run("audit", str(tmp_path / "list.md"), str(tmp_path / "survey.bib"))
    lines = out.out.splitlines()
    assert lines[1].split() == ["list.md", "5", "1", "1", "1", "1", "1"]
    assert lines[2].split() == ["survey.bib", "2", "0", "0", "0", "0", "2"]
    assert "excluded: Chains of Pearls in Antiquity: not about language models" in lines
    first, second = [line for line in lines if line.startswith("missing: ")]
    assert first == "missing: What Nobody Named So Far: a Study arxiv_id:2401.10008 (named by 2 lists)"
    assert second.startswith("missing: Another Unnamed Work on Latent Steps")
    pairs = [line for line in lines if "too few in common" in line]
    assert len(pairs) == 3


def test_the_base_is_no_second_witness_of_a_list_that_it_reads(base: KnowledgeBase, tmp_path: Path) -> None:
    """A list that the base synced is known by its entries, and compared with what all others gave the base."""
    number, records = 40, {}
    for index in range(number):
        key = f"invented2024work-{index}"
        records[key] = f"2402.{10000 + index}"
        base.path(key).write_text(
            f'title: Invented Work {index} on Chains\nidentifiers: {{arxiv_id: "{records[key]}"}}\n'
        )
    ids = list(records.values())
    listed, others = ids[:30], ids[15:]
    name = "awesome_list:someone/list"
    keys = {value: key for key, value in records.items()}
    rows = [
        Row(
            entry=SourceEntry(source=source, entry_id=f"arxiv_id:{each}", identifiers={"arxiv_id": each}),
            paper=keys[each],
        )
        for source, named in ((name, listed), ("zotero", others))
        for each in named
    ]
    write_rows(base.store(), rows)
    text = "".join(
        f"- **Invented Work {ids.index(each)} on Chains** [[paper](https://arxiv.org/abs/{each})]\n"
        for each in listed
    )
    (tmp_path / "same.md").write_text(f"# Papers\n## Chains\n{text}")
    data = json.loads(base.run("audit", str(tmp_path / "same.md"), "--json").out)
    assert data["lists"][0]["read_as"] == name
    (pair,) = data["estimates"]
    assert (pair["second"], pair["sizes"], pair["both"]) == ("the base without it", [30, 25], 15)
    assert pair["total"] == pytest.approx(31 * 26 / 16 - 1, abs=0.05)
    assert pair["low"] < pair["total"] < pair["high"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("list.txt", "x", "is of no format that kb knows by its name"),
        ("list.md", "Nothing here.\n", "holds no paper that kb can find"),
        ("gone.md", None, "cannot be read"),
    ],
)
def test_what_is_no_list_is_one_line(
    base: KnowledgeBase, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    if text is not None:
        path.write_text(text)
    out = base.run("audit", str(path))
    assert (out.code, out.err.count("\n")) == ((3 if text is None else 2), 1)
    assert said in out.err
