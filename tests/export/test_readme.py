"""The README block reads back as what the records say, in the layout of the survey's own README."""

from __future__ import annotations

import pytest

from kb.export.readme import Theme, render_readme
from kb.records.models import Paper
from kb.render.escape import visible
from kb.render.prose import Prose, Target, parse_prose
from kb.sources.survey_readme import SurveyReadme
from tests.export.strange import TITLES, paper
from tests.export.test_markdown import pages
from tests.library import invent_papers

PARTS = ("summary", "problem", "approach", "insight", "critique")
CELLS = ("focus", "contribution", "limitations")


def prose_of(text: str) -> Prose:
    known = {"feng2025efficient": Target("https://arxiv.org/abs/2504.10903", "Feng et al. (2025)")}
    known["branch:smaller"] = Target("", "Smaller")
    return parse_prose(text, known.get, lambda name: None)


def reviewed(title: str = "Plain Words", **review: str) -> Paper:
    ids = {"arxiv_id": "2504.04823"}
    return paper(title, identifiers=ids, dates={"published": "2025-04"}, review={"state": "done", **review})


@pytest.mark.parametrize("text", [text for text in TITLES if "[[" not in text])
def test_what_a_reviewer_wrote_is_what_the_importer_reads(text: str) -> None:
    """Title, cells and parts of the card, hostile ones too, come back through `kb import survey_readme`."""
    card = {name: f"{name} {text} end." for name in (*PARTS, *CELLS)}
    (entry,) = (
        SurveyReadme().parse(render_readme([reviewed(text, **card)], [], prose_of), where="R.md").entries
    )
    assert entry.identifiers == {"arxiv_id": "2504.04823"}
    assert entry.review is not None
    # The importer also reads the LaTeX and the links that people leave in words.
    if not set(text) & set("\\$") and "](" not in text:
        for name in PARTS:
            assert getattr(entry.review, name) == visible(card[name])


def test_a_library_comes_back() -> None:
    """All reviewed papers of a library, in order, with identifiers and repositories; others are left out."""
    library = invent_papers(80)
    result = SurveyReadme().parse(render_readme(library, [], prose_of), where="R.md")
    assert not result.problems
    assert [(e.identifiers, e.code, e.published) for e in result.entries] == [
        (p.identifiers.by_kind(), p.links.code, str(p.year)) for p in library if p.review
    ]


def test_a_hostile_library_is_inert() -> None:
    """Titles and reviews make no element of their own, in either reader."""
    cards = [reviewed(title, **dict.fromkeys((*PARTS, *CELLS), title)) for title in TITLES]
    allowed = {"h2", "h3", "p", "ul", "li", "strong", "a", "table", "thead", "tbody", "tr", "th", "td"}
    for page in pages(render_readme(cards, [Theme(t, t) for t in TITLES], prose_of)):
        assert page.tags <= allowed
        assert set(page.links) == {"https://arxiv.org/abs/2504.04823"}


def test_the_layout_is_the_survey_readmes() -> None:
    """Table, numbered reviews with what is missing marked, themes; references lead to papers; paragraphs are indented."""
    card = reviewed(
        "Little by Little",
        focus="Bits",
        problem="One [[feng2025efficient]] and [[branch:smaller]] and [[nobody]].\n\nTwo.",
    )
    text = render_readme([card, paper("Not reviewed")], [Theme("Less is more", "A sentence.")], prose_of)
    assert text.split("\n\n", 1)[1] == (
        "## Summary Table\n\n"
        "| Paper | Focus | Key Contribution | Limitations / Open Questions |\n"
        "|---|---|---|---|\n"
        "| [Almeida and Brandt (2504.04823)](https://arxiv.org/abs/2504.04823) | Bits | ... | ... |\n\n"
        "## Paper Reviews\n\n"
        "### 1. Little by Little (Almeida and Brandt, 2025)\n\n"
        "<!-- papers/a2020b.yaml -->\n\n"
        "- **Problem**: One [Feng et al. (2025)](https://arxiv.org/abs/2504.10903) and Smaller and &#91;&#91;nobody&#93;&#93;.\n\n"
        "  Two.\n"
        "- **Approach**: ...\n- **Insight**: ...\n- **Critique**: ...\n"
        "- **Link**: [arXiv](https://arxiv.org/abs/2504.04823)\n\n"
        "## Emerging Themes & Research Directions\n\n"
        "- Theme 1: **Less is more.** A sentence."
    )


def test_a_withdrawn_paper_says_so() -> None:
    """In the table and in the review, with the reason."""
    withdrawn = paper(review={}, publication_state="withdrawn", withdrawn_reason="an *error*")
    text = render_readme([withdrawn], [], prose_of)
    assert "| Almeida and Brandt (a2020b) (withdrawn) |" in text
    assert "- **Withdrawn: an &#42;error&#42;**\n" in text
