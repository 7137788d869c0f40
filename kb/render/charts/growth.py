"""How the survey grew: papers, confirmed labels and reviews after each thing that happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kb.records.models import AssignmentState, Paper, ReviewState
from kb.render.charts.axes import Area, frame
from kb.render.charts.chart import Chart, Panel, Table, mark
from kb.render.charts.scale import Scale, counts_of
from kb.render.charts.svg import Element, element
from kb.render.events import Event, History
from kb.render.views import standings

_AREA = Area(left=40, bottom=130, top=26)
_STEPS = 60
"""Of a line; of more, the last one of a span of time."""
_DAY = 86_400


@dataclass(frozen=True)
class Moment:
    """How many there were after `at` (RFC 3339)."""

    at: str
    papers: int
    confirmed: int
    reviewed: int


def growth(history: History, papers: Mapping[str, Paper]) -> Chart | None:
    """Three lines; None where history tells of no two moments."""
    moments = moments_of(history, papers)
    if len(moments) < 2:
        return None
    moments = _thinned(moments)
    times = [_seconds(moment.at) for moment in moments]
    x = Scale(times[0], max(times[-1], times[0] + 1), _AREA.left + 6, _AREA.right - 12)
    ticks = _ticks(moments, times, x)
    lines = [
        ("Papers", 0, [moment.papers for moment in moments]),
        ("Papers with a label that a person confirmed", 2, [moment.confirmed for moment in moments]),
        ("Reviews that are done", 1, [moment.reviewed for moment in moments]),
    ]
    if history.source == "records":  # reviews alone have a date there
        lines = lines[2:]
    since = f" History begins on {history.since}, where this copy of it was cut off." if history.since else ""
    return Chart(
        "growth",
        "How the survey grew",
        f"Counted back from what there is now, from what changed in the records.{since}",
        tuple(_panel(title, series, values, moments, times, x, ticks) for title, series, values in lines),
        Table(
            ("After", "papers", "with a confirmed label", "reviewed"),
            tuple((each.at.replace("T", " ").removesuffix("Z"), each.papers, each.confirmed, each.reviewed) for each in moments),
        ),
        across=3,
    )  # fmt: skip


def moments_of(history: History, papers: Mapping[str, Paper]) -> list[Moment]:
    """From the first to the last; undone from what there is now, event by event."""
    state = _State(papers)
    found: list[Moment] = []
    events = [event for event in history.events if event.kind in {"new", "gone", "reviewed", "label"}]
    for number, event in enumerate(events):  # newest first
        if number == 0 or event.at != events[number - 1].at:
            found.append(state.moment(event.at))
        state.undo(event)
    return found[::-1]


class _State:
    def __init__(self, papers: Mapping[str, Paper]) -> None:
        self.papers = set(papers)
        self.reviewed = {
            key for key, paper in papers.items() if paper.review and paper.review.state is ReviewState.DONE
        }
        self.confirmed = {
            key: {
                branch for branch, said in standings(paper).items() if said == AssignmentState.CONFIRMED.value
            }
            for key, paper in papers.items()
        }

    def moment(self, at: str) -> Moment:
        sure = sum(bool(self.confirmed.get(key)) for key in self.papers)
        return Moment(at, len(self.papers), sure, len(self.reviewed & self.papers))

    def undo(self, event: Event) -> None:
        key = event.paper
        if event.kind == "new":
            self.papers.discard(key)
        elif event.kind == "gone":
            self.papers.add(key)
        elif event.kind == "reviewed":
            self.reviewed.discard(key)
        elif event.after == "confirmed":
            self.confirmed.get(key, set()).discard(event.branch)
        elif event.before == "confirmed":
            self.confirmed.setdefault(key, set()).add(event.branch)


def _thinned(moments: Sequence[Moment]) -> list[Moment]:
    """At most `_STEPS`: the last one of each of as many spans of time."""
    if len(moments) <= _STEPS:
        return list(moments)
    first, last = _seconds(moments[0].at), _seconds(moments[-1].at)
    span = max((last - first) / (_STEPS - 1), 1)
    return list({int((_seconds(moment.at) - first) / span): moment for moment in moments}.values())


def _panel(
    title: str,
    series: int,
    values: Sequence[int],
    moments: Sequence[Moment],
    times: Sequence[float],
    x: Scale,
    ticks: Sequence[tuple[float, str]],
) -> Panel:
    y = counts_of(values, _AREA.bottom, _AREA.top)
    places = [(x.at(time), y.at(value)) for time, value in zip(times, values, strict=True)]
    path = f"M{places[0][0]:.2f} {places[0][1]:.2f}" + "".join(f"H{a:.2f}V{b:.2f}" for a, b in places[1:])
    marks: list[Element] = [
        mark(
            f"{title}, {moment.at[:16].replace('T', ' ')} UTC: {value:,}",
            element("circle", class_="kb-p-solid", cx=a, cy=b, r=2.6),
            style=f"kb-p-dot kb-p-{series}",
        )
        for moment, value, (a, b) in zip(moments, values, places, strict=True)
    ]
    body = [
        *frame(_AREA, title, ticks, y),
        element("path", class_=f"kb-p-thread kb-p-{series}", d=path),
        *marks,
    ]
    return Panel(title, _AREA.bottom + 22, tuple(body), f"from {values[0]} to {values[-1]}")


def _ticks(moments: Sequence[Moment], times: Sequence[float], x: Scale) -> list[tuple[float, str]]:
    """Both ends; days, or hours where all happened within two days."""
    short = times[-1] - times[0] < 2 * _DAY
    said = [
        moment.at[5:16].replace("T", " ") if short else moment.at[:10] for moment in (moments[0], moments[-1])
    ]
    return [
        (max(x.at(times[0]), _AREA.left + 24), said[0]),
        (min(x.at(times[-1]), _AREA.right - 26), said[1]),
    ]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
