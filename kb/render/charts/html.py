"""A chart as part of a page: HTML that Markdown leaves as it is."""

from __future__ import annotations

from collections.abc import Iterable

from kb.render.addresses import html_of
from kb.render.charts.chart import Chart, Table, panel_element, shown
from kb.render.charts.svg import Link, escaped, write
from kb.render.env import relative
from kb.render.escape import SafeText, escape_attribute

FOLDER = "figures"


def link_from(here: str) -> Link:
    """Addresses of pages, seen from the page `here`."""

    def link(page: str) -> str | None:
        path, sign, query = page.partition("?")
        return f"{relative(html_of(path), here)}{sign}{query}" if path else None

    return link


def file_of(chart: Chart, suffix: str) -> str:
    """Where a chart stands as a file, relative to docs/."""
    return f"{FOLDER}/{chart.name}.{suffix}"


def figure(chart: Chart, here: str) -> SafeText:
    """The chart on the page `here`: key, panels, how to read it, figures, files. One block without an empty line."""
    link = link_from(here)
    ident = f"kb-p-{chart.name}"
    one = " kb-p-one" if len(chart.panels) == 1 else ""
    filtered = ' data-filtered=""' if chart.filtered else ""
    lines = [
        f'<figure class="kb-p{one}" id="{ident}" aria-label="{escape_attribute(chart.title)}"'
        f'{filtered} data-search-exclude="">',
        *_keys(chart),
        '<div class="kb-p-panels">',
        *(
            str(write(panel_element(panel, f"{ident}-{at}"), link))
            for at, panel in enumerate(chart.panels, 1)
        ),
        "</div>",
        f"<figcaption>{escaped(chart.note)}",
        f'<span class="kb-p-files">{_links(chart, link)}<a href="{relative(file_of(chart, "svg"), here)}" download="">SVG for a paper</a>, '
        f'<a href="{relative(file_of(chart, "csv"), here)}" download="">figures as CSV</a></span></figcaption>',
        *_table(chart.table),
        "</figure>",
    ]
    return SafeText("\n".join(lines))


def _links(chart: Chart, link: Link) -> str:
    return "".join(f'<a href="{link(page)}">{escaped(name)}</a>, ' for name, page in chart.links)


def _keys(chart: Chart) -> Iterable[str]:
    if not chart.keys:
        return
    yield '<ul class="kb-p-keys">'
    for key in chart.keys:
        series = f' data-series="{key.series}"' if key.series else ""
        yield f"<li{series}>{write(key.sign)} {escaped(key.label)}</li>"
    yield "</ul>"


def _table(table: Table) -> Iterable[str]:
    if not table.rows:
        return
    numbers = [table.is_number(at) for at in range(len(table.columns))]
    yield '<details class="kb-p-table"><summary>Figures in a table</summary>'
    yield '<div class="kb-p-scroll" role="region" aria-label="Figures" tabindex="0"><table>'
    heads = (
        f'<th scope="col"{_side(n)}>{escaped(name)}</th>'
        for name, n in zip(table.columns, numbers, strict=True)
    )
    yield f"<thead><tr>{''.join(heads)}</tr></thead><tbody>"
    for row in table.rows:
        cells = (f"<td{_side(n)}>{escaped(shown(value))}</td>" for value, n in zip(row, numbers, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div></details>"


def _side(number: bool) -> str:
    return ' class="kb-p-n"' if number else ""
