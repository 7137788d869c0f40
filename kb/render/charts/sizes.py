"""What two contradicting claims turn on: the models' size. Each model's difference against its size, with both sides' means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kb.link.cells import Cell
from kb.link.contradictions import ClaimConflict
from kb.link.effects import Estimate, pool
from kb.link.moderators import Side, Split
from kb.records.claims import Claim, Origin
from kb.render.charts.axes import Area, frame
from kb.render.charts.chart import Chart, Key, Panel, Table, key_sign, mark
from kb.render.charts.dots import whisker
from kb.render.charts.drops import figures_of_mean
from kb.render.charts.scale import Scale, scale_of
from kb.render.charts.style import shape
from kb.render.charts.svg import Element, element, line, words
from kb.render.claim_words import axis_label, margins, origin_word
from kb.render.env import count_text
from kb.render.findings import Findings
from kb.render.numbers import ends, p_value, plain, signed, span
from kb.render.views import page_of_claim

AXIS = "model size"
_AREA = Area(left=36, bottom=230, top=26)
_ORIGINS = tuple(Origin)


@dataclass(frozen=True)
class Turning:
    """Two claims with all evidence on either, and the cut by size of which the sides bear out one or the other."""

    claims: tuple[tuple[str, Claim], tuple[str, Claim]]
    cut: Split
    cells: tuple[Cell, ...]


def turning_point(found: Findings) -> Turning | None:
    """The surest one; None if no contradiction turns on size."""
    judged = {each.name: each for each in found.judged}
    candidates: list[tuple[float, str, ClaimConflict, Split]] = [
        (cut.p, conflict.a.name, conflict, cut)
        for conflict in (found.contradictions.claims if found.contradictions else ())
        for cut in conflict.reconciled
        if cut.axis == AXIS
    ]
    if not candidates:
        return None
    _, _, conflict, cut = min(candidates, key=lambda each: each[:2])
    sides = (conflict.a, conflict.b)
    cells = {cell.ref: cell for side in sides for cell in judged[side.name].verdict.cells}
    (a, b) = ((side.paper, side.claim) for side in sides)
    return Turning((a, b), cut, tuple(cells[ref] for ref in sorted(cells)))


def size_decides(turning: Turning) -> Chart | None:
    """A mark for each model, a band for each side of the cut; None if fewer than two models have a known size."""
    models: dict[tuple[float, str], list[Cell]] = {}
    for cell in turning.cells:
        if cell.variant.size_b is not None:
            models.setdefault((cell.variant.size_b, cell.variant.model), []).append(cell)
    if len(models) < 2:
        return None
    made = {model: pool(models[model]) for model in sorted(models)}
    lines = sorted({margin for _, claim in turning.claims for margin in margins(claim)})
    x = scale_of((size for size, _ in models), _AREA.left + 14, _AREA.right - 14, kind="log")
    values = [*(each.value for each in made.values()), *lines]
    y = scale_of(values, _AREA.bottom - 6, _AREA.top + 12, with_nought=True)
    unit = axis_label(turning.claims[0][1])
    said = _said(turning.cut)
    body = [
        *frame(_AREA, "", _ticks(x), y, x_name="billions of parameters", y_name=unit),
        *(line(_AREA.left, _AREA.right, y.at(at), y.at(at), "kb-p-margin", dashed=True) for at in lines),
        *_cut(turning.cut, [size for size, _ in models], x, y),
        *(_model(models[model], model[0], each, x, y) for model, each in made.items()),
    ]
    origins = {cell.variant.origin for group in models.values() for cell in group}
    a, b = (" ".join(claim.statement.split()) for _, claim in turning.claims)
    return Chart(
        "size-decides",
        "Which of two contradicting claims holds depends on the size of the model",
        f"“{a}” and “{b}” cannot both hold. {said} Each mark is the mean of a model over all evidence on either claim, with "
        "its 90 % interval.",
        (
            Panel(
                "By size of the model", _AREA.height, tuple(body), f"{count_text(len(made), 'model')}. {said}"
            ),
        ),
        Table(
            ("Model", "Billions of parameters", "Mean", "low", "high", "differences", "units"),
            tuple((name, size, *figures_of_mean(each)) for (size, name), each in made.items()),
        ),
        (
            *(
                Key(f"{origin_word(each)} models", _sign(at))
                for at, each in enumerate(_ORIGINS)
                if each in origins
            ),
            _CUT_KEY,
            *([_MARGIN_KEY] if lines else []),
        ),
        links=tuple(
            (f"Claim {at}", page_of_claim(paper, claim.id))
            for at, (paper, claim) in enumerate(turning.claims, 1)
        ),
        across=1,
    )


def _ticks(x: Scale) -> list[tuple[float, str]]:
    return [(x.at(each), plain(each)) for each in x.ticks(8)]


def _model(cells: Sequence[Cell], size: float, made: Estimate, x: Scale, y: Scale) -> Element:
    one = cells[0].variant
    series = _ORIGINS.index(one.origin) if one.origin else len(_ORIGINS)
    low, high = ends(made.interval())
    said = (
        f"{one.model}, {size:g}B: {signed(made.value)} on average, 90 % interval {span(low, high)}, "
        f"{count_text(made.cells, 'difference')} of {count_text(len({cell.variant.source for cell in cells}), 'source')}"
    )
    at = x.at(size)
    drawn = shape(
        series, at, y.at(made.value), 4, f"kb-p-mean {'kb-p-hollow' if low is None else 'kb-p-solid'}"
    )
    return mark(said, *whisker(at, (low, high), y), drawn, style=f"kb-p-{series}")


def _cut(cut: Split, known: Iterable[float], x: Scale, y: Scale) -> Iterable[Element]:
    """The mean of either side with its interval, drawn as wide as the sizes of its models."""
    sizes = sorted(set(known))
    edge = next((size for size in sizes if cut.sides[0].what == f"{AXIS} up to {size:g}B"), sizes[0])
    halves = ([size for size in sizes if size <= edge], [size for size in sizes if size > edge])
    for side, half in zip(cut.sides, halves, strict=True):
        if half:
            yield _side(side, [x.at(size) for size in half], y)


def _side(side: Side, models: Sequence[float], y: Scale) -> Element:
    left, right = models[0] - 9, models[-1] + 9
    at = y.at(side.estimate.value)
    low, high = ends(side.estimate.interval())
    drawn: list[Element] = []
    top = at
    if low is not None and high is not None:
        top, bottom = y.at(min(high, y.high)), y.at(max(low, y.low))
        wide, tall = right - left, max(bottom - top, 0.5)
        drawn.append(element("rect", class_="kb-p-band", x=left, y=top, width=wide, height=tall))
    drawn.append(line(left, right, at, at, "kb-p-reach"))
    drawn.append(
        words(
            _widest_gap(models),
            max(top - 4, _AREA.top + 12),
            f"mean {signed(side.estimate.value)}",
            "kb-p-label kb-p-over",
            "middle",
        )
    )
    return mark(_side_said(side), *drawn, style="kb-p-ink")


def _widest_gap(models: Sequence[float]) -> float:
    """Where words stand beside no model's mark."""
    gaps = [(after - before, (before + after) / 2) for before, after in pairwise(models)]
    return max(gaps)[1] if gaps else models[0]


def _side_said(side: Side) -> str:
    low, high = ends(side.estimate.interval())
    what = f"{side.what[:1].upper()}{side.what[1:]}"
    return f"{what}: {signed(side.estimate.value)}, 90 % interval {span(low, high)}"


def _said(cut: Split) -> str:
    a, b = map(_side_said, cut.sides)
    return f"{a}. {b}. They differ ({p_value(cut.p)} after Holm's correction over {count_text(cut.tried, 'cut')})."


def _sign(series: int) -> Element:
    return key_sign(shape(series, 7, 6, 4, f"kb-p-mean kb-p-solid kb-p-{series}"))


_CUT_KEY = Key(
    "mean on either side of the cut, with its 90 % interval",
    key_sign(
        element("rect", class_="kb-p-band kb-p-ink", x=0, y=1, width=14, height=10),
        line(0, 14, 6, 6, "kb-p-reach kb-p-ink"),
    ),
)
_MARGIN_KEY = Key("margin of a claim", key_sign(line(0, 14, 6, 6, "kb-p-margin", dashed=True)))
