"""Pages of contradictions and of the gap matrix."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from kb.render.gap_views import SIGNS
from tests.library import HOSTILE
from tests.render.kit import findings, result
from tests.render.test_pages import paper, render

ARM = {"method": ["awq"], "weight_bits": [4]}
LOSSLESS = {"id": "lossless", "statement": "Free.", "relation": "non_inferior", "margin": 1, "variant": ARM}
HURTS = {"id": "hurts", "statement": "Dear.", "relation": "lower", "margin": 2, "variant": ARM}


def by_size() -> list[Any]:
    """Small models lose ten points, big ones nothing."""
    small = [result(model=f"S{at}", score=70 + at / 10) for at in range(4)]
    return small + [result(model=f"big{at}", score=79.9 + at / 100) for at in range(4)]


def pages(rows: list[Any], *claims: dict[str, Any]) -> dict[str, str]:
    papers = [paper(f"a202{at}b", claims=[claim]) for at, claim in enumerate(claims)]
    return dict(render(*papers, findings=findings(papers, rows)).pages)


class Table(HTMLParser):
    """The cells of the heat map, with where they lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[tuple[str, str, str]] = []
        self._state = ""
        self.feed(text[text.index("<table") : text.index("</table>")])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "td":
            self._state = given["class"].removeprefix("kb-g kb-g-")
        elif tag == "a":
            self.cells.append((self._state, given["href"], given["title"]))


def test_two_claims_that_cannot_both_hold_are_shown_with_what_decides() -> None:
    """Both claims with the evidence on common ground, and size as the condition, said for each side."""
    text = pages(by_size(), LOSSLESS, HURTS)["contradictions.md"]
    assert "[Free.](claims/a2020b/lossless.md)" in text
    assert "[Dear.](claims/a2021b/hurts.md)" in text
    assert "weights at 4 bits" in text
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if "model size" in line]
    said = {row[2]: row[6] for row in rows}
    assert said["model size up to 7B"] == "bears out the second"
    assert said["model size of 70B or more"] == "bears out the first"


def test_a_claims_page_names_what_cannot_hold_with_it() -> None:
    """Each of the two leads to the other, with its verdict."""
    made = pages(by_size(), LOSSLESS, HURTS)
    (line,) = [
        line for line in made["claims/a2020b/lossless.md"].splitlines() if line.startswith("- [Dear.]")
    ]
    assert "(../a2021b/hurts.md)" in line
    assert "kb-badge" in line
    assert "- [Free.](../a2020b/lossless.md)" in made["claims/a2021b/hurts.md"]
    assert "cannot hold with it" not in pages(by_size(), LOSSLESS)["claims/a2020b/lossless.md"]


def test_claims_that_agree_are_no_contradiction() -> None:
    """The page says that none was found."""
    text = pages(by_size(), LOSSLESS)["contradictions.md"]
    assert "None was found." in text
    assert "0 comparisons" in text


def test_sources_that_differ_are_listed() -> None:
    """Two sources on the same model and benchmark, far apart: both effects stand with their intervals."""
    rows = [result(score=79), result(score=50, source="other")]
    text = pages(rows, LOSSLESS)["contradictions.md"]
    (line,) = [line for line in text.splitlines() if line.startswith("| awq W4A16KV16, M, GSM8K")]
    assert "[Almeida](papers/a2020b.md) | −1.00 |" in line
    assert "1 comparison of two sources" in text
    assert "1 pair that differs" in text


def test_every_cell_of_the_matrix_leads_somewhere() -> None:
    """A measured one to the method's results, an untested one to the command that prints its run."""
    text = pages(by_size(), LOSSLESS)["gaps.md"]
    cells = Table(text).cells
    assert len(cells) == 4  # one method, one task, four classes of size
    for state, href, title in cells:
        assert (href == "results/methods/awq.html") == (state != "untested")
        assert state in title
        if state == "untested":
            assert re.search(
                rf'<details id="{href[1:]}">.*?kb gaps --manifest awq/w4a16kv16/', text, re.DOTALL
            )
    assert [state for state, *_ in cells].count("single") == 2


def test_each_untested_cell_has_its_command() -> None:
    """Named as the command line calls it."""
    text = pages(by_size(), LOSSLESS)["gaps.md"]
    commands = re.findall(r"^(?:<pre><code>)?kb gaps --manifest (\S+)$", text, re.MULTILINE)
    assert commands == ["awq/w4a16kv16/below-3B/math", "awq/w4a16kv16/10B-to-40B/math"]


def test_what_to_run_next_names_the_claims_it_bears_on() -> None:
    """With links to undecided claims."""
    rows = [result(model="M", score=79, items=30)]
    text = pages(rows, LOSSLESS)["gaps.md"]
    (line,) = [line for line in text.splitlines() if line.startswith("| <code>") and "below" in line]
    assert "1: [Free.](claims/a2020b/lossless.md)" in line


def test_states_are_told_apart_without_colour() -> None:
    """Each has a sign, which stands in the cell and in the legend."""
    signs = [sign for sign, _ in SIGNS.values()]
    assert len(set(signs)) == 4
    text = unescape(pages(by_size(), LOSSLESS)["gaps.md"])
    assert all(f'kb-g-{state}">{sign}' in text for state, (sign, _) in SIGNS.items())


def test_without_results_there_is_neither() -> None:
    """Claims alone make no matrix and contradict nothing that was measured."""
    made = pages([], LOSSLESS, HURTS)
    assert "gaps.md" not in made
    assert "contradictions.md" not in made


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_names(hostile: str) -> None:
    """Titles of methods and statements cannot break out of the table, nor out of an attribute."""
    found = findings([paper(claims=[{**LOSSLESS, "statement": hostile}])], by_size())
    word = found.results.words.methods["awq"].model_copy(update={"title": hostile})
    found.results.words.methods["awq"] = word  # type: ignore[index]
    text = render(paper(claims=[{**LOSSLESS, "statement": hostile}]), findings=found).pages["gaps.md"]
    cells = Table(text).cells
    assert [href for _, href, _ in cells if not href.startswith("#")] == ["results/methods/awq.html"] * 2
    assert all(title.startswith(" ".join(hostile.split())) for *_, title in cells)
    for attack in ("<script>", "<img", "</title>", "](javascript:", "{{", "{%"):
        assert attack not in text
