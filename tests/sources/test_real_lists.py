"""Real curated lists, each counted a second way: by plain patterns over its lines, read by hand for what they miss.

The lists lie outside the repository.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.config import ListSettings
from kb.sources.awesome_list import AwesomeList, ListReader
from kb.sources.entry import Status
from kb.sources.markdown import parse_blocks

LISTS = Path(__file__).parents[2].parent / "shared" / "data" / "awesome"
ROW = r"^\s*\|(?!\s*:?-)"  # rows and headers; the delimiter rows count the headers
DELIMITER = r"^\s*\|[ :|-]+\|?\s*$"

# file: (pattern of one paper, papers that it misses or counts too many, places, papers, problems)
EXPECTED = {
    "Blueyee__Efficient-CoT-LRMs__README.md": (ROW, 0, 29, 28, 0),
    "Hongcheng-Gao__Awesome-Long2short-on-LRMs__README.md": (ROW, 0, 57, 51, 0),
    "HuangOwen__Awesome-LLM-Compression__README.md": (r"^- ", 0, 795, 782, 5),
    "XiaoYee__Awesome_Efficient_LRM_Reasoning__README.md": (r"^- \[(?!\d{4}-).*\]\(http", 0, 139, 136, 0),
    "Zhen-Dong__Awesome-Quantization-Papers__README.md": (r'^- "', 0, 284, 279, 0),
    # one bullet of a technical report beside the rows
    "fscdc__Awesome-Efficient-Reasoning-Models__README.md": (ROW, 1, 363, 338, 0),
    # the one tutorial is no paper
    "hemingkx__SpeculativeDecodingPapers__README.md": (r"^- \*\*", -1, 343, 334, 1),
    # the link to another list in its contents is the problem
    "horseee__Awesome-Efficient-LLM__README.md": (ROW, 0, 215, 211, 1),
    "horseee__Awesome-Efficient-LLM__inference_acceleration.md": (ROW, 0, 117, 117, 0),
    "horseee__Awesome-Efficient-LLM__knowledge_distillation.md": (ROW, 0, 87, 87, 0),
    "horseee__Awesome-Efficient-LLM__kv_cache_compression.md": (ROW, 0, 57, 57, 0),
    "horseee__Awesome-Efficient-LLM__low_rank_decomposition.md": (ROW, 0, 15, 15, 0),
    "horseee__Awesome-Efficient-LLM__pruning.md": (ROW, 0, 134, 134, 0),
    "horseee__Awesome-Efficient-LLM__quantization.md": (ROW, 0, 159, 158, 0),
    "horseee__Awesome-Efficient-LLM__text_compression.md": (ROW, 0, 39, 39, 0),
    "pprp__Awesome-LLM-Quantization__README.md": (ROW, 0, 89, 88, 1),
    "yueliu1999__Awesome-Efficient-Inference-for-LRMs__README.md": (ROW, 0, 173, 157, 2),
    "yzhangchuck__awesome-llm-reasoning-long2short-papers__README.md": (ROW, 0, 30, 30, 0),
    "zcccccz__Awesome-LLM-Implicit-Reasoning__README.md": (r"^\d+\. \*\*\[", 0, 13, 13, 0),
    # four surveys in bullets
    "zwxandy__Awesome-Efficient-CoT-Reasoning-Summary__README.md": (ROW, 4, 42, 38, 0),
}

pytestmark = pytest.mark.skipif(not LISTS.is_dir(), reason="the collected lists are not in this checkout")


def read(name: str) -> str:
    return (LISTS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXPECTED)
def test_every_place_that_names_a_paper_is_read(name: str) -> None:
    pattern, difference, places, _, _ = EXPECTED[name]
    text = read(name)
    if name.startswith("HuangOwen"):  # its papers, which lie between two headings, each begin a bullet
        lines = text.split("## Papers")[1].split("## Tools")[0].splitlines()
    else:
        lines = text.splitlines()
    counted = sum(bool(re.match(pattern, line)) for line in lines)
    if pattern == ROW:
        counted -= sum(bool(re.match(DELIMITER, line)) for line in lines)
    reader = ListReader(ListSettings(name="x"), parse_blocks(text))
    reader.read()
    assert len(reader.found) == places == counted + (difference)


@pytest.mark.parametrize("name", EXPECTED)
def test_repeated_papers_are_merged_and_conflicts_named(name: str) -> None:
    *_, papers, problems = EXPECTED[name]
    result = AwesomeList(ListSettings(name="x")).parse(read(name), where=name)
    assert (len(result.entries), len(result.problems), result.status) == (papers, problems, Status.OK)


@pytest.mark.parametrize("name", EXPECTED)
def test_titles_are_titles(name: str) -> None:
    for entry in AwesomeList(ListSettings(name="x")).parse(read(name), where=name).entries:
        assert entry.title
        assert not re.search(r"https?://|\]\(|<br|\*\*|&nbsp;|\\cite", entry.title), entry.where
        assert len(entry.title) < 260, entry.where
