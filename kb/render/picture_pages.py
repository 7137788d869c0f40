"""Pages that are there for their pictures: the gallery, accuracy against bits and against memory, how far the survey has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kb.config import SiteSettings
from kb.render.charts.chart import Chart
from kb.render.charts.pictures import Pictures
from kb.render.finding_pages import Add
from kb.render.findings import BITS, MEMORY

PAGE = "pictures.md"
PROGRESS = "progress.md"
_PAGES = {BITS: "bits.md.j2", MEMORY: "memory.md.j2", PROGRESS: "progress.md.j2"}


@dataclass(frozen=True)
class Exhibit:
    """A picture in the gallery, with its page and its files."""

    chart: Chart
    page: str
    svg: str
    csv: str


def add_pictures(
    add: Add, put: Callable[[str, str], None], pictures: Pictures, settings: SiteSettings
) -> None:
    """The pages of pictures that there are, and the pictures as files.

    Args:
        put: adds a file that is no page.
    """
    exhibits = [
        Exhibit(chart, pictures.pages[name], pictures.file(name, "svg"), pictures.file(name, "csv"))
        for name, chart in pictures.charts.items()
    ]
    add(PAGE, "pictures.md.j2", exhibits=exhibits)
    for page, template in _PAGES.items():
        own = [name for name, at in pictures.pages.items() if at == page]
        if own or page == PROGRESS:
            add(page, template, names=own, charts=pictures.charts, filters=pictures.filters)
    for path, text in pictures.files(settings).items():
        put(path, text)
