"""Pages that are there for their pictures: the gallery, accuracy against bits and against memory, how far the survey has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kb.config import SiteSettings
from kb.render.charts.pictures import Pictures
from kb.render.findings import BITS, MEMORY

PAGE = "pictures.md"
PROGRESS = "progress.md"
_PAGES = {BITS: "bits.md.j2", MEMORY: "memory.md.j2", PROGRESS: "progress.md.j2"}


@dataclass(frozen=True)
class Exhibit:
    """A picture in the gallery: its page, and its file; `csv` where its figures are one."""

    name: str
    title: str
    note: str
    page: str
    svg: str
    csv: str = ""


def add_pictures(
    add: Callable[..., None],
    put: Callable[[str, str], None],
    pictures: Pictures,
    settings: SiteSettings,
    others: Sequence[Exhibit] = (),
) -> None:
    """The pages of pictures that there are, and the pictures as files.

    Args:
        add: makes a page: path, template, values.
        put: adds a file that is no page.
        others: for the gallery, pictures that stand elsewhere already.
    """
    own = [
        Exhibit(
            name,
            chart.title,
            chart.note,
            pictures.pages[name],
            pictures.file(name, "svg"),
            pictures.file(name, "csv"),
        )
        for name, chart in pictures.charts.items()
    ]
    add(PAGE, "pictures.md.j2", exhibits=[*others, *own])
    for page, template in _PAGES.items():
        names = [name for name, at in pictures.pages.items() if at == page]
        if names or page == PROGRESS:
            add(page, template, names=names, charts=pictures.charts, filters=pictures.filters)
    for path, text in pictures.files(settings).items():
        put(path, text)
