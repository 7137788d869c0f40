"""Pages of reported results: by benchmark, by method, and on the paper's own page."""

from __future__ import annotations

import re

from kb.render.findings import slugs
from kb.render.navigation import expand_navigation
from kb.render.pages import FOLDED
from tests.render.kit import findings, result
from tests.render.test_pages import TAXONOMY, paper, render


def test_every_figure_stands_on_its_benchmark_its_method_and_its_paper() -> None:
    """With scores, difference from full precision, place and source."""
    one = paper()
    row = result(place="Table 3", spread=0.5)
    pages = render(one, findings=findings([one], [row])).pages
    (line,) = [each for each in pages["results/benchmarks/gsm8k.md"].splitlines() if each.startswith("| M |")]
    assert line == "| M | [AWQ](../methods/awq.md) | W4A16KV16 | 70 ± 0.5 | 80 | −10.00 | Table 3 |"
    (line,) = [each for each in pages["results/methods/awq.md"].splitlines() if each.startswith("| M |")]
    assert line.startswith("| M | [GSM8K](../benchmarks/gsm8k.md) | W4A16KV16 |")
    assert "| M | [AWQ](../results/methods/awq.md) | W4A16KV16 | 70 (−10.00) |" in pages["papers/a2020b.md"]
    assert "1 figure that sources report" in pages["results/index.md"]


def test_other_metrics_differ_in_percent() -> None:
    """Tokens are no points: half of them is −50 %, and the metric is named."""
    one = paper()
    row = result(metric="reasoning_tokens", score=500, baseline_score=1000)
    pages = render(one, findings=findings([one], [row])).pages
    assert (
        "[AWQ](../methods/awq.md), reasoning tokens | W4A16KV16 | 500 | 1,000 | −50.0 % |"
        in (pages["results/benchmarks/gsm8k.md"])
    )
    assert "[GSM8K, reasoning tokens](" in pages["papers/a2020b.md"]


def test_doubts_stand_beside_the_figures() -> None:
    """What does not add up is marked, with the reason; a mere note is no doubt."""
    one = paper()
    bad, good = result(), result(model="N", note="greedy decoding")
    pages = render(one, findings=findings([one], [bad, good], doubts={bad.ref: ("the mean is 71",)})).pages
    rows = {
        line[2]: line
        for line in pages["results/benchmarks/gsm8k.md"].splitlines()
        if re.match(r"\| [MN] ", line)
    }
    assert "<small>⚠ the mean is 71</small>" in rows["M"]
    assert "⚠" not in rows["N"]
    assert "<small>greedy decoding</small>" in rows["N"]
    assert "70 (−10.00) ⚠ |" in pages["papers/a2020b.md"]
    assert "- M, awq W4A16KV16, GSM8K: the mean is 71" in pages["papers/a2020b.md"]
    assert "1 does not add up" in pages["results/benchmarks/gsm8k.md"]


def test_long_tables_on_a_paper_are_folded() -> None:
    """Up to a dozen settings are shown, more are one click away."""
    one = paper()
    few = [result(model=f"M{at}") for at in range(FOLDED)]
    text = render(one, findings=findings([one], few)).pages["papers/a2020b.md"]
    assert "settings</summary>" not in text
    text = render(one, findings=findings([one], [*few, result(model="Z")])).pages["papers/a2020b.md"]
    assert f"<summary>{FOLDED + 1} settings</summary>" in text


def test_papers_of_the_same_people_and_year_are_told_apart() -> None:
    """Where two sources would have one name, each has its key beside it."""
    a, b = paper("a2020b"), paper("a2020c")
    pages = render(a, b, findings=findings([a, b], [result(), result(source="a2020c")])).pages
    assert "[Almeida, a2020c](../../papers/a2020c.md)" in pages["results/benchmarks/gsm8k.md"]
    assert "[Almeida, a2020b](../../papers/a2020b.md)" in pages["results/benchmarks/gsm8k.md"]


def test_names_that_make_one_file_get_two() -> None:
    """No benchmark takes another one's page, nor the index."""
    found = slugs(["A b", "a-B", "a b", "index"])
    assert len(set(found.values())) == 4
    assert "index" not in found.values()


def test_navigation_leaves_out_what_is_not_there() -> None:
    """A section without a page goes with its heading; hand-written pages always stay."""
    nav = [{"Claims": [{"All": "claims/index.md"}, {"Gaps": "gaps.md"}]}, {"About": "about.md"}]
    assert expand_navigation(nav, TAXONOMY) == [{"About": "about.md"}]
    assert expand_navigation(nav, TAXONOMY, {"gaps.md"}) == [
        {"Claims": [{"Gaps": "gaps.md"}]},
        {"About": "about.md"},
    ]
