"""Pictures of runs: how accuracy falls with bits and length, where chains go wrong, how sure models are, how long they think.

PNG and SVG, the same bytes for the same data and matplotlib (no date, fixed ids, letters as outlines). Made for the width
of a phone; colours keep apart for colour-blind readers, and each line has a marker of its own besides.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.errors import UpstreamError
from kb.harness.metrics import Part, RunLike, Summary, summary
from kb.harness.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RIGHT, WRONG, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito, Color Universal Design (2008)
MARKERS = "osD^vPX*<>hp"
WIDTH = 4.6  # inches; at 360 pixels of a phone ten points are ten pixels
STYLE: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "grid.color": "#e2e2e2",
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.markersize": 5,
    "svg.fonttype": "path",
    "svg.hashsalt": "kb",
    "text.parse_math": False,  # a dollar in a name is a dollar
}


@dataclass(frozen=True)
class Cell:
    """A run in a picture.

    Attributes:
        label: "rtn 4 bits g32", "full precision".
        bits: of a weight, nominal; 16 or 32 at full precision: what cells are sorted and coloured by.
        effective_bits: scales and zero points included; None if not known.
    """

    label: str
    bits: float
    effective_bits: float | None
    summary: Summary


def cell_of(run: RunLike, found: Summary | None = None, label: str | None = None) -> Cell:
    """A run as its manifest describes it."""
    manifest = run.manifest
    report = manifest.get("quantization") or {}
    dtype = str((manifest.get("engine") or {}).get("dtype") or "")
    full = 32.0 if "32" in dtype else 16.0
    bits = float(report.get("weight_bits") or full)
    bits = full if bits >= 16 else bits  # 16 leaves a weight as it is, also where that is float32
    already = (manifest.get("model") or {}).get("already_quantized")
    unchanged = None if already else full  # what somebody else's files hold, a report of ours does not say
    effective = unchanged if bits >= full else report.get("effective_bits")
    return Cell(
        label or label_of(manifest),
        min(bits, full),
        None if effective is None else float(effective),
        found or summary(run),
    )


def label_of(manifest: Mapping[str, Any]) -> str:
    """What was done to the model, in few words: "rtn 4 bits g32", "full precision, kv 4 bits"."""
    spec = manifest.get("spec") or {}
    quantizer = spec.get("quantizer") or manifest.get("quantization") or {}
    method, bits, group = quantizer.get("method"), quantizer.get("bits"), quantizer.get("group_size")
    if method in {None, "none"}:
        already = (manifest.get("model") or {}).get("already_quantized")
        words = f"as it is ({already})" if already else "full precision"
    else:
        words = f"{method} {bits} bits" if bits else str(method)
        words += (
            f" g{group}" if isinstance(group, int) and group > 0 else " per channel" if group == -1 else ""
        )
    return words + (f", kv {spec['kv'].get('bits')} bits" if spec.get("kv") else "")


def accuracy_by_length(cells: Sequence[Cell]) -> Figure:
    """Share of right answers against chain length (or group), one line a cell, with its intervals."""
    groups = sorted({name for cell in cells for name in cell.summary.groups}) or [""]
    at, numeric = _places(groups)
    figure, axes = _figure(3.7)
    spread = (max(at.values()) - min(at.values()) or 1) * 0.008
    for (cell, look), shift in zip(_looks(cells), _shifts(len(cells), spread), strict=True):
        parts = cell.summary.groups or {"": cell.summary.overall}
        rows = [(at[name] + shift, parts[name].accuracy.rate) for name in groups if name in parts]
        _line(axes, rows, cell.label, look)
    axes.set_ylabel("right answers, %")
    if numeric:
        axes.set_xlabel("steps in the chain")
        axes.set_xticks(sorted(at.values()))
    else:
        axes.set_xticks(
            [at[name] for name in groups], [name or "all" for name in groups], rotation=30, ha="right"
        )
    _percent_axis(axes)
    _legend(figure, axes)
    return figure


def hazard_by_step(cells: Sequence[Cell], fewest: int = 30) -> Figure:
    """Chance that a step is the first wrong one, given that all before it are right.

    Args:
        fewest: steps that fewer chains reach without an error are left out: their intervals are all there is.
    """
    figure, axes = _figure(3.7)
    longest = 0
    for (cell, look), shift in zip(_looks(cells), _shifts(len(cells), 0.09), strict=True):
        steps = cell.summary.overall.steps
        hazards = [at for at in (steps.hazard if steps else ()) if at.at_risk >= fewest]
        rows = [(at.step + 1 + shift, at.rate) for at in hazards]
        longest = max([longest, *(round(x) for x, _ in rows)])
        _line(axes, rows, cell.label, look)
    axes.set_xlabel("step of the chain")
    axes.set_ylabel("first error here, % of chains\nthat are right so far")
    if longest:
        axes.set_xticks([step for step in range(1, longest + 1) if longest <= 10 or step % 2 == 1])
    axes.set_ylim(bottom=0)
    _legend(figure, axes)
    return figure


def error_kinds(cells: Sequence[Cell]) -> Figure:
    """Of what kind the first error is, in percent of all chains, one bar a cell."""
    colours = {"premise": "#0072B2", "calculation": "#E69F00", "conclusion": "#009E73", "form": "#999999"}
    hatches = {"premise": "", "calculation": "//", "conclusion": "..", "form": "xx"}
    ordered = [cell for cell in _ordered(cells) if cell.summary.overall.steps]
    figure, axes = _figure(1.5 + 0.34 * len(ordered))
    left = [0.0] * len(ordered)
    for kind, colour in colours.items():
        shares = [_kind_share(cell.summary.overall, kind) for cell in ordered]
        axes.barh(
            range(len(ordered)), shares, left=left, color=colour, hatch=hatches[kind],
            edgecolor="white", height=0.66, label=kind,
        )  # fmt: skip
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(ordered)), [cell.label for cell in ordered])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("chains with a first error of this kind, %")
    axes.set_xlim(0, max([1.0, *left]) * 1.05)
    _legend(figure, axes, columns=4)
    return figure


def reliability(cells: Sequence[Cell]) -> Figure:
    """Right answers against confidence, in bins of equally many completions; on the diagonal a model knows what it knows."""
    found = [(cell.label, made) for cell in _ordered(cells) if (made := cell.summary.overall.calibration)]
    rows = max(1, math.ceil(len(found) / 2))
    least = min((bin.confidence for _, made in found for bin in made.equal_mass.bins), default=0.0)
    low = 10 * math.floor(10 * min(least, 0.9))
    figure, _ = _figure(0.5 + 2.1 * rows, bare=True)
    for index, (label, made) in enumerate(found):
        axes = figure.add_subplot(rows, min(2, len(found)), index + 1)
        axes.plot([low, 100], [low, 100], color=GREY, linewidth=1, linestyle="--")
        _line(axes, [(100 * bin.confidence, bin.accuracy) for bin in made.equal_mass.bins], "", (RIGHT, "o"))
        ece = made.equal_mass.ece
        axes.set_title(
            f"{label}\nECE {100 * ece.value:.1f} [{100 * ece.low:.1f}, {100 * ece.high:.1f}] %", fontsize=9.5
        )
        axes.set_xlim(low, 100 + 0.03 * (100 - low))
        axes.set_ylim(0, 103)
        axes.set_xticks([low, (low + 100) / 2, 100])
        axes.set_yticks([0, 50, 100])
    figure.supxlabel("confidence, %", fontsize=10.5)
    figure.supylabel("right answers, %", fontsize=10.5)
    return figure


def tokens_right_and_wrong(cells: Sequence[Cell]) -> Figure:
    """Mean reasoning tokens of right and of wrong outputs, with their intervals."""
    ordered = _ordered(cells)
    figure, axes = _figure(1.6 + 0.42 * len(ordered))
    for which, colour, marker, shift in (("right", RIGHT, "o", -0.14), ("wrong", WRONG, "s", 0.14)):
        rows = [
            (index + shift, interval)
            for index, cell in enumerate(ordered)
            if (interval := getattr(cell.summary.overall.tokens, which).mean).known
        ]
        axes.errorbar(
            [interval.value for _, interval in rows], [y for y, _ in rows],
            xerr=_errors([interval for _, interval in rows], 1.0),
            fmt=marker, color=colour, capsize=2.5, linewidth=1.3, label=which,
        )  # fmt: skip
    axes.set_yticks(range(len(ordered)), [cell.label for cell in ordered])
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("reasoning tokens, mean")
    axes.set_xlim(left=0)
    _legend(figure, axes)
    return figure


def accuracy_by_bits(cells: Sequence[Cell]) -> Figure:
    """Right answers against effective bits of a weight. The stepped line joins the cells that no other beats at fewer bits."""
    figure, axes = _figure(3.7)
    known = []
    for cell, look in _looks(cells):
        rate = cell.summary.overall.accuracy.rate
        if cell.effective_bits is not None and rate.known:
            _line(axes, [(cell.effective_bits, rate)], cell.label, look)
            known.append((cell.effective_bits, 100 * rate.value))
    front: list[tuple[float, float]] = []
    for bits, value in sorted(known, key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((bits, value))
    if front:
        start, end = front[0][0], max(bits for bits, _ in known)
        axes.plot(
            [*(x for x, _ in front), end], [*(y for _, y in front), front[-1][1]],
            drawstyle="steps-post", color=GREY, linewidth=1, zorder=0,
        )  # fmt: skip
        ticks = [bits for bits in (1, 2, 3, 4, 6, 8, 16, 32) if start * 0.8 <= bits <= end * 1.1]
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{bits}" for bits in ticks])
        axes.minorticks_off()
    axes.set_xlabel("bits of a weight, scales included (log scale)")
    axes.set_ylabel("right answers, %")
    _percent_axis(axes)
    _legend(figure, axes)
    return figure


PLOTS: Mapping[str, Callable[[Sequence[Cell]], Figure]] = {
    "accuracy-by-length": accuracy_by_length,
    "accuracy-by-bits": accuracy_by_bits,
    "first-error-by-step": hazard_by_step,
    "error-kinds": error_kinds,
    "calibration": reliability,
    "reasoning-tokens": tokens_right_and_wrong,
}


def has_data(name: str, cells: Sequence[Cell]) -> bool:
    """Whether a picture would show anything: tasks without gold steps have no first error, one group has no line."""
    parts = [cell.summary.overall for cell in cells]
    if name == "accuracy-by-length":
        return any(len(cell.summary.groups) > 1 for cell in cells)
    if name in {"first-error-by-step", "error-kinds"}:
        return any(part.steps for part in parts)
    if name == "accuracy-by-bits":
        return any(cell.effective_bits is not None for cell in cells)
    if name == "reasoning-tokens":
        return any(part.tokens.all.mean.known for part in parts)
    return any(part.calibration for part in parts)


def draw(
    cells: Sequence[Cell], names: Sequence[str] = tuple(PLOTS), kinds: Sequence[str] = ("png", "svg")
) -> dict[str, bytes]:
    """Pictures as {file name: content}, a PNG and an SVG each; those without data are left out.

    Raises:
        UpstreamError: matplotlib is not installed.
    """
    made: dict[str, bytes] = {}
    for name in names:
        if has_data(name, cells):
            with _styled():
                figure = PLOTS[name](cells)
                made |= {f"{name}.{kind}": _bytes(figure, kind) for kind in kinds}
    return made


def save(cells: Sequence[Cell], folder: Path, names: Sequence[str] = tuple(PLOTS)) -> list[Path]:
    """`draw`, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in draw(cells, names).items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


@contextmanager
def _styled() -> Iterator[None]:
    try:
        import matplotlib as mpl
    except ImportError:
        raise UpstreamError("matplotlib is not installed", fix="pip install 'kb-survey[eval]'") from None
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a matplotlibrc says
        style: Any = STYLE
        mpl.rcParams.update(style)
        yield


def _bytes(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    figure.savefig(stream, format=kind, dpi=200, metadata=metadata)
    return stream.getvalue()


def _figure(height: float, *, bare: bool = False) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as New

    figure = New(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, None if bare else figure.add_subplot()


def _ordered(cells: Sequence[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (-cell.bits, -(cell.effective_bits or 0), cell.label))


def _looks(cells: Sequence[Cell]) -> list[tuple[Cell, tuple[str, str]]]:
    """Each cell with its colour, from dark blue at many bits to orange at few, and its marker."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ordered = _ordered(cells)
    scale = colormaps["plasma"]
    last = max(1, len(ordered) - 1)
    return [
        (cell, (to_hex(scale(0.74 * index / last)), MARKERS[index % len(MARKERS)]))
        for index, cell in enumerate(ordered)
    ]


def _line(axes: Axes, rows: Sequence[tuple[float, Interval]], label: str, look: tuple[str, str]) -> None:
    """Points with their intervals, in percent, joined by a line. What is not known is left out."""
    known = [(x, interval) for x, interval in rows if interval.known]
    if not known:
        return
    colour, marker = look
    _, caps, bars = axes.errorbar(
        [x for x, _ in known], [100 * interval.value for _, interval in known],
        yerr=_errors([interval for _, interval in known], 100.0),
        color=colour, marker=marker, capsize=1.5, linewidth=1.4, elinewidth=1, label=label or None,
    )  # fmt: skip
    for faint in (*caps, *bars):
        faint.set_alpha(0.55)


def _shifts(count: int, spread: float) -> list[float]:
    """Small steps aside, so that intervals at one place do not hide each other."""
    return [spread * (index - (count - 1) / 2) for index in range(count)]


def _errors(intervals: Sequence[Interval], scale: float) -> list[list[float]]:
    """Lengths below and above; none where there is no interval."""

    def length(value: float) -> float:
        return 0.0 if math.isnan(value) else max(0.0, scale * value)

    return [
        [length(interval.value - interval.low) for interval in intervals],
        [length(interval.high - interval.value) for interval in intervals],
    ]


def _places(groups: Sequence[str]) -> tuple[dict[str, float], bool]:
    """Where groups stand on the axis: at their number, if all begin with one that is its own; else one after another."""
    numbers = [re.match(r"\d+", name) for name in groups]
    values = [float(found.group()) for found in numbers if found]
    if len(set(values)) == len(groups):
        return dict(zip(groups, values, strict=True)), True
    return {name: float(index) for index, name in enumerate(groups)}, False


def _percent_axis(axes: Axes) -> None:
    low = axes.get_ylim()[0]
    axes.set_ylim(0 if low < 50 else max(0.0, low), 102)


def _kind_share(part: Part, kind: str) -> float:
    share = part.steps.kinds[kind].rate.value if part.steps else math.nan
    return 0.0 if math.isnan(share) else 100 * share


def _legend(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """Below the picture, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        longest = max(len(label) for label in labels)
        figure.legend(handles, labels, loc="outside lower center", ncols=columns if longest < 24 else 1)
