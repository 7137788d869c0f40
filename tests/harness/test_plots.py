"""Pictures show the figures they are made of, look the same twice, and take any name."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

pytest.importorskip("matplotlib")

from kb.harness import plots
from kb.harness.plots import Cell, cell_of
from tests.harness.invent import InventedRun, invent_run, manifest, results


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    made = []
    for bits, hazard, method in ((3, 0.05, "rtn"), (None, 0.002, "none"), (4, 0.01, "rtn")):
        run = invent_run(90, hazard=hazard, bits=bits)
        made.append(cell_of(run.change(spec__quantizer={"method": method, "bits": bits, "group_size": 32})))
    return made


def points(container) -> list[tuple[float, float]]:
    """Where the points of an errorbar stand."""
    return [(float(x), float(y)) for x, y in zip(*container.lines[0].get_data(), strict=True)]


def test_cells_say_what_was_done(cells: list[Cell]) -> None:
    """Label, nominal and effective bits from the manifest; full precision has the bits of its type."""
    assert [(cell.label, cell.bits, cell.effective_bits) for cell in cells] == [
        ("rtn 3 bits g32", 3.0, 3.5),
        ("full precision", 32.0, 32.0),
        ("rtn 4 bits g32", 4.0, 4.5),
    ]
    half = invent_run(5).change(
        engine__dtype="bfloat16", spec__kv={"bits": 4}, spec__quantizer={"method": "none"}
    )
    assert (cell_of(half).label, cell_of(half).bits) == ("full precision, kv 4 bits", 16.0)
    assert cell_of(half, label="mine").label == "mine"


def test_accuracy_by_length_shows_the_groups(cells: list[Cell]) -> None:
    """One line a run, most bits first; a point a length, at its height, with bars to the interval's ends."""
    axes = plots.accuracy_by_length(cells).axes[0]
    assert axes.get_legend_handles_labels()[1] == ["full precision", "rtn 4 bits g32", "rtn 3 bits g32"]
    worst = cells[0].summary.groups
    found = points(axes.containers[2])
    assert [round(x) for x, _ in found] == [2, 4, 8]
    assert [y for _, y in found] == pytest.approx([100 * part.accuracy.rate.value for part in worst.values()])
    bars = axes.containers[2].lines[2][0].get_segments()
    for bar, part in zip(bars, worst.values(), strict=True):
        rate = part.accuracy.rate
        assert sorted(bar[:, 1]) == pytest.approx([100 * rate.low, 100 * rate.high])


def test_hazard_leaves_out_what_few_chains_reach(cells: list[Cell]) -> None:
    """Steps count from 1; a step that fewer than 30 right chains reach is not drawn."""
    axes = plots.hazard_by_step(cells[:1]).axes[0]
    steps = cells[0].summary.overall.steps
    assert steps is not None
    kept = [at for at in steps.hazard if at.at_risk >= 30]
    assert 0 < len(kept) < len(steps.hazard)
    assert points(axes.containers[0]) == [
        (pytest.approx(at.step + 1), pytest.approx(100 * at.rate.value)) for at in kept
    ]


def test_error_kinds_add_up(cells: list[Cell]) -> None:
    """The bars of a run end where its share of chains with an error does."""
    axes = plots.error_kinds(cells).axes[0]
    ends = [
        max(bar.patches[row].get_x() + bar.patches[row].get_width() for bar in axes.containers)
        for row in range(3)
    ]
    ordered = [cells[1], cells[2], cells[0]]
    for end, cell in zip(ends, ordered, strict=True):
        assert cell.summary.overall.steps is not None
        assert end == pytest.approx(100 * (1 - cell.summary.overall.steps.all_right.value))


def test_reliability_has_a_panel_a_run(cells: list[Cell]) -> None:
    """Confidence against right answers, bin by bin."""
    figure = plots.reliability(cells)
    assert len(figure.axes) == 3
    found = cells[1].summary.overall.calibration
    assert found is not None
    assert points(figure.axes[0].containers[0]) == [
        (pytest.approx(100 * bin.confidence), pytest.approx(100 * bin.accuracy.value))
        for bin in found.equal_mass.bins
    ]


def test_tokens_of_right_and_wrong(cells: list[Cell]) -> None:
    """Their means, run by run, right above wrong."""
    axes = plots.tokens_right_and_wrong(cells).axes[0]
    right = points(axes.containers[0])
    assert [x for x, _ in right] == pytest.approx(
        [cell.summary.overall.tokens.right.mean.value for cell in (cells[1], cells[2], cells[0])]
    )
    assert axes.get_legend_handles_labels()[1] == ["right", "wrong"]


def test_the_front_joins_what_no_cell_beats_at_fewer_bits(cells: list[Cell]) -> None:
    """A cell with more bits and fewer right answers is not on the stepped line; unknown bits are not drawn."""
    full, four, three = cells[1], cells[2], cells[0]
    poor = Cell("poor", 8, 8.5, three.summary)
    unknown = Cell("unknown", 8, None, full.summary)
    axes = plots.accuracy_by_bits([full, four, three, poor, unknown]).axes[0]
    (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    drawn = np.asarray(front.get_xdata()).tolist()
    assert 8.5 not in drawn
    assert sorted(set(drawn))[:2] == [3.5, 4.5]
    assert "unknown" not in axes.get_legend_handles_labels()[1]


def test_pictures_are_the_same_bytes_twice(cells: list[Cell]) -> None:
    """Whatever matplotlibrc says, in whatever order the runs come; no date and no version in them."""
    import matplotlib as mpl

    names = ["accuracy-by-length", "reasoning-tokens"]
    first = plots.draw(cells, names)
    with mpl.rc_context({"font.size": 20, "axes.grid": False}):
        second = plots.draw(cells[::-1], names)
        assert mpl.rcParams["font.size"] == 20
    assert list(first) == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    assert first == second
    assert b"<dc:date>" not in first["accuracy-by-length.svg"]


@pytest.mark.slow
def test_every_picture_is_whole_and_of_phone_width(cells: list[Cell], tmp_path: Path) -> None:
    """All are written, PNG 920 pixels wide, SVG well-formed and without scripts, links or outside fonts."""
    paths = plots.save(cells, tmp_path / "plots")
    assert [path.name for path in paths] == [
        f"{name}.{kind}" for name in plots.PLOTS for kind in ("png", "svg")
    ]
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(b"\x89PNG")
            assert struct.unpack(">I", content[16:20])[0] == 920
        else:
            tree = etree.fromstring(content)
            assert not tree.xpath("//*[local-name()='script' or local-name()='text' or local-name()='a']")


def test_names_are_no_formulas_and_no_markup() -> None:
    """A group or label full of dollars, tags and comment ends is drawn as it is."""
    run = invent_run(30, hazard=0.1)
    evil = "$x^{ --> <script>&"
    cell = cell_of(
        InventedRun(tuple(results([1.0, 0.0], group=evil)) + run.samples, run.manifest), label=evil
    )
    made = plots.draw([cell])
    assert len(made) == 2 * len(plots.PLOTS)
    for name, content in made.items():
        if name.endswith(".svg"):
            assert not etree.fromstring(content).xpath("//*[local-name()='script']")


def test_what_nobody_knows_has_no_picture() -> None:
    """Without steps, confidences and groups the pictures of them are left out; unscored runs draw empty axes, not zeros."""
    made = plots.draw([cell_of(InventedRun(results([1.0, 0.0]), manifest()))])
    assert set(made) == {
        f"{name}.{kind}" for name in ("accuracy-by-bits", "reasoning-tokens") for kind in ("png", "svg")
    }
    unscored = cell_of(InventedRun(results([None, None]), manifest()))
    assert not plots.accuracy_by_bits([unscored]).axes[0].containers
    assert plots.draw([]) == {}
