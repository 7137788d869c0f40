"""Pages about runs: only what stands between the markers changes, and the figures are those of the runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from kb.errors import DataError
from kb.harness.metrics import summary
from kb.harness.plots import cell_of
from kb.harness.report import render_page, variants
from kb.harness.report_sections import PICTURES, SECTIONS
from kb.harness.runs import Run
from tests.harness.invent import InventedRun, invent_run, manifest, results

NONE: Mapping[str, Any] = {"method": "none"}
RTN3: Mapping[str, Any] = {"method": "rtn", "bits": 3, "group_size": 32, "symmetric": True}
PAGE = """Title
=====

Words before; `kb eval report`.

<!-- kb eval report experiments/bits.yaml: {sections} -->
old
<!-- /kb eval report -->

Words after.
"""


def as_run(
    invented: InventedRun, quantizer: Mapping[str, Any] = NONE, *, model: str = "a", **spec: Any
) -> Run:
    fields = {"model": model, "seed": 0, "task": {"name": "chain"}, "quantizer": dict(quantizer), **spec}
    made = invented.change(
        id=f"{model}-{quantizer['method']}{quantizer.get('bits', '')}",
        **{f"spec__{name}": value for name, value in fields.items()},
    )
    return Run(made.manifest, made.samples)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Two models, each as it is and at 3 bits, worse by different amounts."""
    hazards = {("a", None): 0.002, ("b", None): 0.01, ("a", 3): 0.05, ("b", 3): 0.12}
    return [
        as_run(invent_run(60, hazard=hazard, bits=bits), RTN3 if bits else NONE, model=model)
        for (model, bits), hazard in hazards.items()
    ]


def render(text: str, runs: list[Run]) -> str:
    return render_page(text, lambda spec: runs, file="site/docs/bits.md").text


def test_only_what_stands_between_the_markers_changes(runs: list[Run]) -> None:
    """And a second run changes nothing."""
    page = PAGE.format(sections="accuracy runs")
    made = render(page, runs)
    before, _, rest = made.partition("experiments/bits.yaml: accuracy runs -->\n")
    body, _, after = rest.partition("<!-- /kb eval report -->")
    assert page.startswith(before)
    assert page.endswith(after)
    assert "old" not in body
    assert body.index("Right answers on 60 items") < body.index("- rtn 3 bits g32: `a-rtn3`, `b-rtn3`")
    assert "`kb eval sweep experiments/bits.yaml`" in body
    assert render(made, runs) == made


def test_pooled_accuracy_is_the_mean_over_models(runs: list[Run]) -> None:
    """With the models' own beside it, and as many items as each model had."""
    lines = render(PAGE.format(sections="accuracy"), runs).splitlines()
    for variant in variants(runs):
        own = [summary(run).overall.accuracy.rate.value for run in variant.runs]
        pooled = variant.summary.overall
        assert own[0] != own[1]
        assert pooled.accuracy.rate.value == pytest.approx(sum(own) / 2)
        assert (pooled.items, pooled.completions) == (60, 120)
        row = next(line for line in lines if line.startswith(f"| {variant.label} "))
        assert f"| {100 * own[0]:.1f} / {100 * own[1]:.1f} |" in row
        assert f"| {100 * pooled.accuracy.rate.value:.1f} % [" in row


def test_runs_of_the_same_model_are_held_against_each_other(runs: list[Run]) -> None:
    """In whatever order the runs come: the difference is that of the accuracies, and it is found."""
    full, worse = (variant.summary.overall.accuracy.rate.value for variant in variants(runs))
    for order in (runs, [runs[0], runs[1], runs[3], runs[2]]):
        made = render(PAGE.format(sections="equivalence"), order)
        row = next(line for line in made.splitlines() if line.startswith("| rtn 3 bits g32"))
        assert f"{100 * (worse - full):+.1f} [" in row
        assert "is worse" in row
        assert "against full precision" in made
    paired = [{(one.id, one.k) for one in variant.pooled.samples} for variant in variants(runs)]
    assert paired[0] == paired[1]


def test_every_section_is_a_table_of_its_own(runs: list[Run]) -> None:
    """All sections at once: every row has as many cells as the head of its table."""
    made = render(PAGE.format(sections=" ".join(SECTIONS)), runs)
    tables = re.findall(r"(?:^\|.*\n)+", made, re.MULTILINE)
    assert len(tables) == 6
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert len(table.splitlines()) == (3 if "what may be said" in table else 4)
    assert "nan" not in made


def test_pictures_are_those_of_the_sections(runs: list[Run]) -> None:
    """Named after page, grid and plot, with words for those who cannot see them; one line a variant."""
    page = render_page(
        PAGE.format(sections="accuracy tokens runs"), lambda spec: runs, file="site/docs/why.md"
    )
    assert [picture.file for picture in page.pictures] == [
        f"why-bits-{name}.svg" for name in ("accuracy-by-bits", "accuracy-by-length", "reasoning-tokens")
    ]
    for picture in page.pictures:
        assert re.search(rf"!\[Plot: .{{20,}}\]\({picture.file}\)", page.text)
        assert [cell.label for cell in picture.cells] == ["full precision", "rtn 3 bits g32"]
        assert picture.cells[0].summary.overall.completions == 120
    same = render_page(PAGE.format(sections="tokens"), lambda spec: runs, file="bits.md")
    assert [picture.file for picture in same.pictures] == ["bits-reasoning-tokens.svg"]
    assert set(PICTURES) <= set(SECTIONS)


def test_a_picture_that_would_show_nothing_is_left_out() -> None:
    """Without log-probabilities there is no calibration to draw; the table says that nothing is known."""
    bare = as_run(InventedRun(results([1.0, 0.0, 1.0]), manifest()))
    page = render_page(PAGE.format(sections="calibration"), lambda spec: [bare], file="bits.md")
    assert page.pictures == ()
    assert "–" in page.text


def test_variants_that_read_alike_are_told_apart(runs: list[Run]) -> None:
    """By the options in which they differ."""
    other = as_run(invent_run(30, bits=3), {**RTN3, "symmetric": False})
    labels = [variant.label for variant in variants([runs[0], runs[2], other])]
    assert labels == ["full precision", "rtn 3 bits g32, symmetric True", "rtn 3 bits g32, symmetric False"]


def test_a_model_that_was_quantized_before_has_no_full_precision(runs: list[Run]) -> None:
    """The others are held against it by what it is called, and its bits are not those of its number type."""
    already, rounded = (
        as_run(invent_run(60, bits=bits).change(model__already_quantized="Q4_1"), quantizer)
        for bits, quantizer in ((None, NONE), (3, RTN3))
    )
    assert "against as it is (Q4\\_1)" in render(PAGE.format(sections="equivalence"), [already, rounded])
    assert cell_of(already).effective_bits is None
    assert cell_of(rounded).effective_bits == 3.5


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (PAGE.format(sections="acuracy"), 6, "no section 'acuracy'"),
        (PAGE.format(sections=""), 6, "cannot be read"),
        (PAGE.replace("<!-- /kb eval report -->", "").format(sections="runs"), 6, "not closed"),
        (PAGE.replace("old", PAGE).format(sections="runs"), 6, "not closed"),
        (PAGE.replace("old", "<!-- /kb eval report -->").format(sections="runs"), 8, "ends nothing"),
        ("Only words.\n", None, "holds no block"),
    ],
)
def test_a_wrong_page_is_one_line(runs: list[Run], text: str, line: int | None, says: str) -> None:
    """With the page, its line and what to do."""
    with pytest.raises(DataError, match=says) as caught:
        render(text, runs)
    assert caught.value.file == "site/docs/bits.md"
    assert caught.value.line == line
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_runs_that_no_table_can_hold_are_one_line(runs: list[Run]) -> None:
    """None at all, several tasks, a model that one variant lacks, no steps, nothing to hold against."""
    gym = as_run(invent_run(30), model="a", task={"name": "gym"})
    bare = as_run(InventedRun(results([1.0, 0.0]), manifest()))
    for made, section, says in (
        ([], "runs", "experiments/bits.yaml: has no runs"),
        ([runs[0], gym], "runs", "several tasks"),
        (runs[:3], "runs", "rtn 3 bits g32 lacks a model"),
        ([bare], "first-error", "steps are not known"),
        (runs[2:], "equivalence", "to hold the others against"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            render(PAGE.format(sections=section), made)
        assert "\n" not in str(caught.value)
