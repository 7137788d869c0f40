"""Dates as people type them into Zotero, as ISO 8601.

Zotero keeps a date as it was typed (https://www.zotero.org/support/dev/web_api/v3/basics, `date`), and gives what
its server made of it as `meta.parsedDate`. The typed form is read here where it can mean one thing only; the
server's reading settles the rest.
"""

from __future__ import annotations

import re
from datetime import date

_YEAR = r"(?P<y>[12][0-9]{3})"
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sept sep", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NAME = rf"(?P<name>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?"
_ISO = re.compile(
    rf"{_YEAR}(?:[-/.](?P<m>[0-9]{{1,2}})(?:[-/.](?P<d>[0-9]{{1,2}})(?![0-9]))?(?![0-9]))?(?=$|[T\s,;])"
)
_COMPACT = re.compile(rf"{_YEAR}(?P<m>[0-9][0-9])(?P<d>[0-9][0-9])")
_CJK = re.compile(
    rf"{_YEAR}\s*[年년](?:\s*(?P<m>[0-9]{{1,2}})\s*[月월](?:\s*(?P<d>[0-9]{{1,2}})\s*[日일])?)?"
)
_MONTH_YEAR = re.compile(rf"(?P<m>[0-9]{{1,2}})\s*[/.-]\s*{_YEAR}")
_NUMBERS = re.compile(rf"(?P<a>[0-9]{{1,2}})\s*[/.-]\s*(?P<b>[0-9]{{1,2}})\s*[/.-]\s*{_YEAR}")
_NAMED = (
    re.compile(rf"(?:{_DAY}\s+)?{_NAME}\s*,?\s*{_YEAR}", re.I),
    re.compile(rf"{_NAME}\s*{_DAY}\s*,?\s*{_YEAR}", re.I),
    re.compile(rf"{_YEAR}\s*,?\s*{_NAME}(?:\s+{_DAY})?", re.I),
)
_DOTTED = re.compile(
    rf"(?P<d>[0-9]{{1,2}})\.\s*(?P<m>[0-9]{{1,2}})\.\s*{_YEAR}"
)  # day first, wherever dots are used
_ANY_YEAR = re.compile(rf"(?<![0-9]){_YEAR}(?![0-9])")


def parse_date(text: str, parsed: str | None = None) -> str | None:
    """`text` as "2025", "2025-04" or "2025-04-07", as precise as it is known; None when it names no year.

    Args:
        text: the date as typed.
        parsed: what the server made of it, `meta.parsedDate`.

    >>> parse_date("January 07 , 2011"), parse_date("08/1993"), parse_date("Spring 2024"), parse_date("in press")
    ('2011-01-07', '1993-08', '2024', None)
    >>> parse_date("04/07/2025"), parse_date("04/07/2025", "2025-04-07"), parse_date("13/04/2025")
    ('2025', '2025-04-07', '2025-04-13')
    """
    text = " ".join(text.split())
    sure = _typed(text)
    if sure:
        return sure
    if text and parsed and (match := _ISO.fullmatch(parsed.strip())):
        return _iso(match)
    year = _ANY_YEAR.search(text)
    return year.group("y") if year else None


def _typed(text: str) -> str | None:
    """The date if it can be read in one way only."""
    for pattern in _NAMED:
        if match := pattern.fullmatch(text):
            return _valid(match["y"], _MONTHS[match["name"].lower()], match["d"])
    if match := _ISO.match(text) or _COMPACT.fullmatch(text):
        iso = _iso(match)
        # "2024-00-00 May 2024": the form of Zotero's own database, the typed form behind the sortable one.
        return _typed(text[match.end() :].strip()) or iso if match.group("d") == "00" else iso
    if match := _CJK.match(text) or _DOTTED.fullmatch(text):
        return _iso(match)
    if match := _MONTH_YEAR.fullmatch(text):
        return _valid(match["y"], match["m"], None)
    if match := _NUMBERS.fullmatch(text):
        return _day_and_month(match["y"], int(match["a"]), int(match["b"]))
    return None


def _day_and_month(year: str, a: int, b: int) -> str | None:
    """Day and month in an order that only their size can tell."""
    if a == b or (a <= 12 < b):
        return _valid(year, a, b)
    return _valid(year, b, a) if b <= 12 < a else None


def _iso(match: re.Match[str]) -> str:
    return _valid(match["y"], match["m"], match["d"])


def _valid(year: str, month: str | int | None, day: str | int | None) -> str:
    """The parts joined, down to the last one that the calendar knows."""
    if month is None or not 1 <= int(month) <= 12:
        return year
    text = f"{year}-{int(month):02}"
    try:
        return date(int(year), int(month), int(day)).isoformat() if day is not None else text
    except ValueError:
        return text
