"""The survey's own README, with invented papers in every form a review takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.sources.entry import EntryReview, SourceEntry, SourceResult, Status
from kb.sources.survey_readme import SurveyReadme

TABLE = """# A Survey of Trees

Kept in [Zotero](https://www.zotero.org/groups/1/trees/library).

## Summary Table

| Paper | Focus | Key Contribution | Limitations / Open Questions |
|-------|-------|------------------|------------------------------|
| Lee et al. (2501.00001) | Pruning | TRIM: **careful** cuts | Only tall trees** |
| ... | ... | ... | ... |

"""
REVIEWS = """## Paper Reviews

### 1. Trimming Tall Trees
- **Problem**: ...
- **Approach**: ...
- **Link**: [arXiv](https://doi.org/10.48550/arXiv.2501.00001)

### 2. Felling Fewer Trees: A Survey (Fu et al., 2025)

**Problem**: Forests are large:
- Wide ones
- Tall ones

**Core Framework**: two ways:
1. **CUT** ; less
2. **WAIT** ; more

#### Direction 1: CUT
- **Methods**: SawNet (fast), AxeNet

#### Critical Insights
- Small trees can stand

#### Future Directions
- Safer saws

**Link**: https://arxiv.org/abs/2501.00002
**Repo**: https://github.com/fu/forest

### 3. Counting Rings

### Problem
> **The tension**: rings are many.

### Core Insights (Takeaways)
| Insight | Why |
|---|---|
| **Rings tell** | age |

### Critique (Gaps → Opportunities)
- None measured in winter

### Emerging Themes (Cross-Paper Synthesis)
All of them need water.

- **Link**: [arXiv](https://arxiv.org/abs/2501.00003)

### 4. ...
- **Problem**: ...

...

## Emerging Themes & Research Directions
- Theme 1: water
"""


def parse(text: str) -> SourceResult:
    return SurveyReadme().parse(text, where="README.md")


@pytest.fixture(scope="module")
def entries() -> dict[str, SourceEntry]:
    return {entry.entry_id: entry for entry in parse(TABLE + REVIEWS).entries}


def review(entries: dict[str, SourceEntry], number: int) -> EntryReview:
    found = entries[f"arxiv_id:2501.0000{number}"].review
    assert found is not None
    return found


def test_each_paper_is_found_once_and_nothing_else(entries: dict[str, SourceEntry]) -> None:
    assert [entry.title for entry in entries.values()] == [
        "Trimming Tall Trees",
        "Felling Fewer Trees: A Survey",
        "Counting Rings",
    ]


def test_its_papers_become_records() -> None:
    result = parse(TABLE + REVIEWS)
    assert (result.status, result.creates, result.complete, result.problems) == (Status.OK, True, True, ())


def test_row_and_review_of_one_paper_are_one_entry(entries: dict[str, SourceEntry]) -> None:
    found = review(entries, 1)
    assert (found.focus, found.contribution, found.limitations) == (
        "Pruning",
        "TRIM: careful cuts",
        "Only tall trees",
    )


def test_dots_are_a_stub(entries: dict[str, SourceEntry]) -> None:
    found = review(entries, 1)
    assert (found.stub, found.problem, found.approach) == (True, None, None)
    assert not review(entries, 2).stub


def test_the_year_is_taken_from_the_byline(entries: dict[str, SourceEntry]) -> None:
    assert entries["arxiv_id:2501.00002"].published == "2025"
    assert entries["arxiv_id:2501.00001"].published is None


def test_a_repository_is_code(entries: dict[str, SourceEntry]) -> None:
    assert entries["arxiv_id:2501.00002"].code == ("https://github.com/fu/forest",)


def test_labels_in_paragraphs_take_the_bullets_below_them(entries: dict[str, SourceEntry]) -> None:
    found = review(entries, 2)
    assert found.problem == "Forests are large: Wide ones; Tall ones"
    assert (
        found.approach
        == "two ways: CUT ; less; WAIT ; more; Direction 1: CUT: Methods: SawNet (fast), AxeNet"
    )


def test_headings_are_mapped_to_parts(entries: dict[str, SourceEntry]) -> None:
    assert review(entries, 2).insight == "Small trees can stand"
    assert review(entries, 2).critique == "Future Directions: Safer saws"
    assert review(entries, 3).problem == "The tension: rings are many."
    assert review(entries, 3).insight == "Rings tell: age."
    assert (review(entries, 3).critique or "").startswith("None measured in winter; Emerging Themes")


def test_a_row_without_a_review_is_an_entry() -> None:
    (entry,) = parse(TABLE).entries
    assert (entry.title, entry.identifiers) == (None, {"arxiv_id": "2501.00001"})
    assert entry.review is not None
    assert not entry.review.stub, "no review was begun"


def test_a_title_without_a_link_is_known_by_its_title() -> None:
    (entry,) = parse("## Paper Reviews\n\n### 1. Trimming Tall Trees\n- **Problem**: they are tall\n").entries
    assert (entry.entry_id, entry.where) == ("title:trimming tall trees", "README.md:3")


def test_a_readme_without_reviews_is_empty() -> None:
    assert parse("# Project\n\nSee [arXiv](https://arxiv.org/abs/2501.00001).\n").status is Status.EMPTY


PIECES = st.sampled_from(["### 1. T\n", "## Paper Reviews\n", "- **Problem**: x\n", "**Link**: https://arxiv.org/abs/2501.00001\n",
                          "### Problem\n", "| Paper | Focus |\n|-|-|\n| A et al. (2501.00001) | y |\n", "...\n", "\n"])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=20), max_size=20).map("".join))
@settings(max_examples=100, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    for entry in parse(text).entries:
        assert entry.title or entry.identifiers
