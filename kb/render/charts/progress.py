"""How far the survey has come: labels, reviews, code and verdicts by branch now, and how their numbers grew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kb.records.models import Paper
from kb.render.branches import BranchView, Entry
from kb.render.charts.chart import WIDTH, Chart, Key, Panel, Table, key_sign, mark
from kb.render.charts.scale import Scale, counts_of
from kb.render.charts.svg import Element, cut, element, line, words
from kb.render.env import count_text
from kb.render.numbers import plain

_LEFT, _ROW, _TOP = 150.0, 17.0, 22.0
_RIGHT = 20.0  # half of "100 %" has to find room
_LABEL = 22  # letters
STATES = ("supported", "refuted", "contested", "inconclusive", "stale", "untested")


@dataclass(frozen=True)
class Share:
    """A part of a row: how many, and what they are called."""

    number: int
    label: str
    series: int
    full: bool = True


@dataclass(frozen=True)
class Row:
    label: str
    page: str
    total: int
    shares: tuple[Share, ...]
    below: bool = False


Shares = Callable[[Sequence[Entry]], tuple[Share, ...]]


def coverage(
    branches: Sequence[BranchView],
    every: Sequence[Entry],
    papers: Mapping[str, Paper],
    verdicts: Mapping[str, Sequence[str]],
) -> Chart | None:
    """By branch and in all: labels, reviews, code, verdicts. None without papers.

    Args:
        branches: the top ones.
        every: all papers.
        verdicts: on a paper's claims, by its key.
    """
    if not every:
        return None

    def labels(entries: Sequence[Entry]) -> tuple[Share, ...]:
        sure = sum(entry.confirmed for entry in entries)
        return (
            Share(sure, "confirmed by a person", 0),
            Share(len(entries) - sure, "proposed", 0, full=False),
        )

    def reviews(entries: Sequence[Entry]) -> tuple[Share, ...]:
        states = [entry.row.review_state for entry in entries]
        done, draft = states.count("done"), states.count("draft")
        return (
            Share(done, "reviewed", 2),
            Share(draft, "draft of a review", 2, full=False),
            Share(len(states) - done - draft, "no review", 5, full=False),
        )

    def code(entries: Sequence[Entry]) -> tuple[Share, ...]:
        known = sum(bool(papers[entry.row.key].links.code) for entry in entries)
        return (Share(known, "code is known", 1), Share(len(entries) - known, "no code known", 5, full=False))

    def claims(entries: Sequence[Entry]) -> tuple[Share, ...]:
        found = [state for entry in entries for state in verdicts.get(entry.row.key, ())]
        return tuple(Share(found.count(state), state, *_VERDICTS[state]) for state in STATES)

    parts: list[tuple[str, Shares]] = [("Labels", labels), ("Reviews", reviews), ("Code", code)]
    if any(verdicts.values()):
        parts.append(("Claims by verdict", claims))
    places = [("All papers", "survey/table.md", tuple(every), False), *_places(branches)]
    made = {
        title: [Row(label, page, len(own), shares(own), below) for label, page, own, below in places]
        for title, shares in parts
    }
    return Chart(
        "coverage",
        "Coverage by branch",
        "Labels, reviews and code as shares of a branch's papers, sub-branches included; claims by number. A label counts "
        "as confirmed in a branch where a person confirmed it there or below.",
        tuple(_panel(title, rows, of_all=title != "Claims by verdict") for title, rows in made.items()),
        _table(made),
        tuple(_keys(made)),
    )


_VERDICTS: Mapping[str, tuple[int, bool]] = {
    "supported": (2, True),
    "refuted": (1, True),
    "contested": (3, True),
    "inconclusive": (4, False),
    "stale": (5, True),
    "untested": (5, False),
}


def _places(branches: Sequence[BranchView]) -> list[tuple[str, str, tuple[Entry, ...], bool]]:
    """Top branches, each with what is right below it."""
    found = []
    for top in branches:
        found.append((top.title, top.page, top.entries, False))
        found += [(child.title, child.page, child.entries, True) for child in top.children if child.entries]
    return found


def _panel(title: str, rows: Sequence[Row], *, of_all: bool) -> Panel:
    right = WIDTH - _RIGHT
    most = max((sum(share.number for share in row.shares) for row in rows), default=1)
    x = Scale(0, 100, _LEFT, right) if of_all else counts_of([most], _LEFT, right)
    bottom = _TOP + _ROW * len(rows)
    body: list[Element] = [words(8, 14, title, "kb-p-head")]
    for tick in x.ticks(5):
        at = x.at(tick)
        body.append(line(at, at, _TOP, bottom, "kb-p-grid"))
        body.append(words(at, bottom + 13, f"{plain(tick)}{' %' if of_all else ''}", "kb-p-tick", "middle"))
    for at, row in enumerate(rows):
        top = _TOP + _ROW * at
        name = cut(row.label, _LABEL)
        body.append(
            words(
                16 if row.below else 8, top + 12, name, "kb-p-label" if row.below else "kb-p-head kb-p-small"
            )
        )
        whole = sum(share.number for share in row.shares)
        if whole:
            body.append(mark(_said(title, row), *_bar(row, whole, top, x, of_all=of_all), page=row.page))
    first = rows[0]
    return Panel(title, bottom + 20, tuple(body), f"{count_text(len(rows), 'bar')}. {_said(title, first)}")


def _bar(row: Row, whole: int, top: float, x: Scale, *, of_all: bool) -> list[Element]:
    drawn = [
        element(
            "rect", class_="kb-p-hit", x=_LEFT, y=top, width=WIDTH - _RIGHT - _LEFT, height=_ROW, fill="none"
        )
    ]
    done = 0.0
    for share in row.shares:
        if not share.number:
            continue
        size = 100 * share.number / whole if of_all else share.number
        left, right = x.at(done), x.at(done + size)
        style = f"kb-p-{share.series} kb-p-bar {'kb-p-solid' if share.full else 'kb-p-part'}"
        drawn.append(element("rect", class_=style, x=left, y=top + 3, width=right - left, height=_ROW - 6))
        done += size
    return drawn


def _said(title: str, row: Row) -> str:
    parts = ", ".join(f"{share.number} {share.label}" for share in row.shares if share.number)
    return f"{row.label}, {title.lower()}: {parts or 'none'}; {count_text(row.total, 'paper')}"


def _table(made: Mapping[str, Sequence[Row]]) -> Table:
    some = next(iter(made.values()))
    columns = [share.label for rows in made.values() for share in rows[0].shares]
    return Table(
        ("Branch", "papers", *columns),
        tuple(
            (row.label, row.total, *(share.number for rows in made.values() for share in rows[at].shares))
            for at, row in enumerate(some)
        ),
    )


def _keys(made: Mapping[str, Sequence[Row]]) -> list[Key]:
    found: dict[str, Key] = {}
    for rows in made.values():
        for share in rows[0].shares:
            if any(each.number for row in rows for each in row.shares if each.label == share.label):
                style = f"kb-p-{share.series} kb-p-bar {'kb-p-solid' if share.full else 'kb-p-part'}"
                found.setdefault(
                    share.label,
                    Key(share.label, key_sign(element("rect", class_=style, x=2, y=1, width=10, height=10))),
                )
    return list(found.values())
