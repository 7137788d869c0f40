"""The `nav` of site/mkdocs.yml as MkDocs gets it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from html import escape
from typing import Any

from kb.records.taxonomy import Taxonomy
from kb.render.findings import OPTIONAL
from kb.render.views import page_of_branch

TOP_BRANCHES = "top-branches"


def expand_navigation(
    nav: Any, taxonomy: Taxonomy, pages: Container[str] = (), *, only_there: bool = False
) -> Any:
    """The `nav` of site/mkdocs.yml with ``top-branches`` replaced by the branches at the top of the first facet, ``{facet}``
    in a title by what that is called, and without pages of claims and results where there are none.

    Records never stand in it: listing every page would make the build quadratic.

    Args:
        pages: what there is, relative to docs/.
        only_there: leave out whatever page there is not, and not only those that are made when there is something to show.
    """

    def expand(nav: Any) -> Any:
        if isinstance(nav, dict):
            return {_named(title, taxonomy): expand(entry) for title, entry in nav.items()}
        if not isinstance(nav, list):
            return nav
        expanded: list[Any] = []
        for entry in nav:
            if entry == TOP_BRANCHES:
                tops = taxonomy.facets[0].branches
                expanded += [{escape(top.title): page_of_branch(top.id)} for top in tops]
            elif not missing(entry):
                expanded.append(expand(entry))
        return expanded

    def missing(entry: Any) -> bool:
        """Whether an entry leads only to pages that there are not, and need not be."""
        if isinstance(entry, dict):
            return bool(entry) and all(map(missing, entry.values()))
        if isinstance(entry, list):
            return bool(entry) and all(map(missing, entry))
        if not isinstance(entry, str) or entry == TOP_BRANCHES or "://" in entry or entry in pages:
            return False
        return only_there or entry in OPTIONAL

    return expand(nav)


def _named(title: Any, taxonomy: Taxonomy) -> Any:
    return (
        title.replace("{facet}", escape(taxonomy.facets[0].title.lower()))
        if isinstance(title, str)
        else title
    )


def with_pages(nav: Any, titles: Mapping[str, str]) -> Any:
    """`nav` with the pages that do not stand in it yet, before its last entry.

    Args:
        titles: of pages, by path.
    """
    there = set(_leaves(nav))
    more = [{escape(title): path} for path, title in titles.items() if path not in there]
    return [*nav[:-1], *more, *nav[-1:]] if isinstance(nav, list) else more


def _leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _leaves(entry)
