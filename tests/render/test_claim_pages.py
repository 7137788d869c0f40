"""Pages of claims: verdicts, evidence, statistics; and the badges on papers' pages."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kb.errors import DataError
from kb.records.models import Paper
from kb.render.claim_words import BADGES
from kb.render.forest_of import MOST
from kb.render.site_input import Site
from tests.library import HOSTILE
from tests.render.kit import findings, result
from tests.render.test_pages import paper, render

CLAIM = {
    "id": "w4-lossless",
    "statement": "Four bits cost nothing.",
    "relation": "non_inferior",
    "margin": 1,
    "variant": {"method": ["awq"], "weight_bits": [4]},
    "arxiv_version": 1,
    "place": "Table 1",
}
PAGE = "claims/a2020b/w4-lossless.md"


def claiming(**changes: Any) -> Paper:
    """A paper that makes the claim above, changed."""
    return paper(claims=[{**CLAIM, **changes}], identifiers={"arxiv_id": "2504.10903", "arxiv_version": 1})


def site(one: Paper, *rows: Any, **given: Any) -> Site:
    return render(one, findings=findings([one], rows, **given))


def three(*losses: float, **fields: Any) -> list[Any]:
    """A figure for each loss, on models of different names."""
    return [
        result(model=f"M{at}", score=80 - loss, baseline_score=80, **fields) for at, loss in enumerate(losses)
    ]


def badges(text: str) -> list[str]:
    return re.findall(r"kb-badge kb-badge-([a-z]+)", text)


def test_without_claims_and_results_there_is_no_page_of_them() -> None:
    """A survey that has neither looks as it did before."""
    pages = render(paper()).pages
    assert [path for path in pages if re.match(r"claims|results|contradictions|gaps", path)] == []
    assert "claims/" not in pages["index.md"]


@pytest.mark.parametrize(
    ("changes", "rows", "state"),
    [
        ({}, three(0.1, 0.1, 0.2, 0.1, 0.0), "supported"),
        ({}, three(10, 11, 12), "refuted"),
        ({}, three(1.0, 1.4, 0.5, items=30), "inconclusive"),
        ({}, [], "untested"),
        ({"relation": None, "margin": None}, three(10, 11, 12), "untested"),
        ({}, three(0.1, 0.1, 0.2, 0.1, 0.0) + three(20, 21, 22, source="other"), "contested"),
    ],
)
def test_the_badge_is_the_verdict_everywhere(changes: dict[str, Any], rows: list[Any], state: str) -> None:
    """On the claim's page, in the index and on the paper's card, with its sign."""
    pages = site(claiming(**changes), *rows).pages
    assert badges(pages[PAGE])[0] == state
    assert badges(pages["papers/a2020b.md"]) == [state]
    assert (
        f"1 claim held against [what was measured](../claims/index.md): 1 {state}."
        in pages["papers/a2020b.md"]
    )
    (line,) = [line for line in pages["claims/index.md"].splitlines() if "Four bits cost nothing" in line]
    heading = pages["claims/index.md"].index(f"## {state.capitalize()} {{ #{state} }}")
    assert heading < pages["claims/index.md"].index(line)
    assert f'<span aria-hidden="true">{BADGES[state][0]}</span> {state}</span>' in pages[PAGE]


def test_a_stale_claim_says_what_the_evidence_says() -> None:
    """A newer version of the paper makes it stale; what follows from the evidence is still told."""
    one = paper(claims=[CLAIM], identifiers={"arxiv_id": "2504.10903", "arxiv_version": 2})
    text = site(one, *three(10, 11, 12)).pages[PAGE]
    assert badges(text)[0] == "stale"
    assert "the evidence says: refuted" in text


def test_every_verdict_has_a_sign_of_its_own() -> None:
    """Verdicts can be told apart without colour."""
    signs = [sign for sign, _ in BADGES.values()]
    assert len(set(signs)) == len(signs) == 6


def test_a_claim_is_told_in_full() -> None:
    """What is compared, within which margin, on what, and where in which version it is said."""
    conditions = {"model_size_b": {"max": 8}, "task_kind": ["math"]}
    text = site(claiming(conditions=conditions), *three(10, 11, 12)).pages[PAGE]
    for said in (
        "AWQ, weights at 4 bits",
        "the same model at full precision",
        "Accuracy is at most 1 point lower.",
        "models of up to 8 billion parameters; math",
        "Table 1",
        "https://arxiv.org/abs/2504.10903v1",
        "kb claims show a2020b/w4-lossless",
    ):
        assert said in text


def test_statistics_are_those_of_the_verdict() -> None:
    """Estimate, interval and p values are the computed ones, and the method names its source."""
    one = claiming()
    found = findings([one], three(10, 11, 12))
    outcome = found.judged[0].verdict.outcome
    assert outcome is not None
    low, high = outcome.estimate.interval()
    text = render(one, findings=found).pages[PAGE]
    assert (
        f"**−{abs(outcome.estimate.value):.2f}** points, 90 % interval −{abs(low):.2f} to −{abs(high):.2f}"
        in text
    )
    assert "not excluded (p &#62; 0.99)" in text
    assert "Schuirmann 1987" in text
    assert "Cochran 1977" in text


def test_it_says_how_much_evidence_would_decide() -> None:
    """One figure on 30 items cannot show a loss of a point: the page says so in items."""
    text = site(claiming(), result(score=79.8, items=30, baseline_score=80)).pages[PAGE]
    assert badges(text)[0] == "inconclusive"
    found = re.search(
        r"about ([\d,]+) times as much evidence would decide, .*: ([\d,]+) items instead of 30", text
    )
    assert found is not None
    times, items = (int(each.replace(",", "")) for each in found.groups())
    assert items == pytest.approx(30 * times, rel=0.05)


def test_every_cell_stands_in_the_table_with_its_links() -> None:
    """Source, model, setting, benchmark, both scores, effect with interval and items."""
    text = site(claiming(), *three(10, 11, 12)).pages[PAGE]
    rows = [line for line in text.splitlines() if line.startswith("| [Almeida](../../papers/a2020b.md)")]
    assert len(rows) == 3
    cells = [cell.strip() for cell in rows[0].strip("|").split(" | ")]
    assert cells[1:7] == [
        "M0",
        "awq W4A16KV16",
        "[GSM8K](../../results/benchmarks/gsm8k.md)",
        "70",
        "80",
        "−10.00",
    ]
    assert re.fullmatch(r'<span class="kb-nowrap">−1\d\.\d\d to −\d\.\d\d</span>', cells[7])
    assert cells[8].strip(" |") == "1,319"


def test_what_was_not_counted_is_grouped_by_reason() -> None:
    """Doubtful rows and other sizes are named with their numbers."""
    rows = [*three(10, 11, 12), result(model="D", certainty="low"), result(model="E", certainty="low")]
    text = site(claiming(), *rows).pages[PAGE]
    assert "2 results of the variant do not count" in text
    assert re.search(r"- 2: the source does not add up there", text)


def plot(text: str) -> ET.Element:
    found = re.search(r"<svg.*?</svg>", text, re.DOTALL)
    assert found is not None
    return ET.fromstring(found.group())  # noqa: S314 - our own


def drawn(svg: ET.Element, name: str) -> int:
    return sum(each.get("class") == name for each in svg.iter())


def test_the_plot_has_a_row_a_unit_and_diamonds_of_sources_and_all() -> None:
    """Two sources of three units: six squares, a diamond for each source, one for all, and the margin."""
    svg = plot(site(claiming(), *three(10, 11, 12), *three(9, 8, 7, source="other")).pages[PAGE])
    assert (drawn(svg, "kb-f-unit"), drawn(svg, "kb-f-pooled"), drawn(svg, "kb-f-overall")) == (6, 2, 1)
    assert drawn(svg, "kb-f-margin") == 1
    assert drawn(svg, "kb-f-interval") == 6


def test_many_units_are_drawn_by_model() -> None:
    """More units than a page bears: one row a model."""
    rows = [result(model=f"M{at % 5}", benchmark=f"B{at}", score=70 + at / 100) for at in range(MOST + 5)]
    text = site(claiming(), *rows).pages[PAGE]
    assert drawn(plot(text), "kb-f-unit") == 5
    assert "M0, 13 units" in text


def test_a_monotone_claim_is_drawn_along_its_axis() -> None:
    """A diamond for each level of what the claim orders by."""
    rows = [
        result(model=f"M{at}", weight_bits=bits, score=80 - loss)
        for at in range(3)
        for bits, loss in ((8, 0.1), (4, 2 + at / 10), (3, 9))
    ]
    one = claiming(relation="monotone", margin=None, along="weight_bits", variant={"method": ["awq"]})
    text = site(one, *rows).pages[PAGE]
    assert badges(text)[0] == "supported"
    assert drawn(plot(text), "kb-f-pooled") == 3
    assert "bits of weights 3, 3 units" in text


def test_two_sides_of_a_comparison_are_told_apart() -> None:
    """Evidence under the conditions and under the contrast have tables and groups of their own."""
    one = claiming(
        relation="larger_drop",
        conditions={"benchmark": ["AIME"]},
        contrast={"benchmark": ["GSM8K"]},
        margin=None,
    )
    rows = [*three(5, 6, 5.5), *three(20, 21, 22, benchmark="AIME")]
    text = site(one, *rows).pages[PAGE]
    assert badges(text)[0] == "supported"
    assert "\nAIME:\n" in text
    assert "\nGSM8K:\n" in text
    assert drawn(plot(text), "kb-f-overall") == 2


def test_where_the_effect_differs_is_a_table() -> None:
    """A cut that the data show stands with both sides and their verdicts."""
    rows = [
        *three(0.1, 0.0, 0.2, 0.1, benchmark="A"),
        *three(20, 21, 22, 20.5, method="gptq", benchmark="A"),
    ]
    one = claiming(variant={"method": ["awq", "gptq"], "weight_bits": [4]})
    text = site(one, *rows).pages[PAGE]
    assert "## Where the effect differs" in text
    line = next(line for line in text.splitlines() if "method awq" in line)
    assert badges(line) == ["supported"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_stay_words(hostile: str) -> None:
    """Statements, places, models, notes and doubts of strangers become no markup on any page."""
    bad = hostile.replace("\n", " ")
    one = claiming(statement=bad, place=bad)
    row = result(model=bad, place=bad, note=bad, variant=None, benchmark=bad)
    pages = site(one, row, doubts={row.ref: (bad,)}).pages
    for path, text in pages.items():
        if not path.endswith((".md", ".html")):
            continue  # data, in which words may stand as they are: see test_survey_table and test_feeds
        body = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
        body = re.sub(
            r"^\[!\[(?=.*\]\(figures/[a-z-]+\.svg\)|.*\]\(graph/map\.svg\))", "[", body, flags=re.M
        )  # the gallery's
        for attack in (
            "<script>",
            "<img",
            "</title>",
            "javascript:w",
            "{{",
            "{%",
            "![",
            "**not",
            "_not",
            "[^1]",
        ):
            assert attack not in body, (path, attack)


def test_verdicts_that_no_longer_follow_are_listed() -> None:
    """The index names each claim whose committed verdict is another one, and only those."""
    one = claiming()
    rows = three(10, 11, 12)
    moved = site(one, *rows, committed={"a2020b/w4-lossless": "supported"}).pages["claims/index.md"]
    (line,) = [line for line in moved.splitlines() if " → " in line]
    assert badges(line) == ["supported", "refuted"]
    same = site(one, *rows, committed={"a2020b/w4-lossless": "refuted"}).pages["claims/index.md"]
    assert "Changed since" not in same


def test_an_id_that_is_used_twice_is_a_problem_and_no_crash() -> None:
    """The first of the two has the page, and the record is named."""
    one = paper(claims=[CLAIM, {**CLAIM, "statement": "Another."}])
    made = site(one)
    assert [(p.message, p.file) for p in made.problems] == [
        ("the claim id w4-lossless is used twice", "papers/a2020b.yaml")
    ]
    assert "Four bits" in made.pages[PAGE]


def test_a_broken_template_names_itself() -> None:
    """Claims' templates are as editable as the others."""
    from tests.render.test_pages import templates

    one = claiming()
    with pytest.raises(DataError, match=r"claim\.md\.j2"):
        render(one, findings=findings([one]), templates={**templates(), "claim.md.j2": "{{ claim.nothing }}"})
