"""The `nav` of site/mkdocs.yml as MkDocs gets it."""

from __future__ import annotations

from collections.abc import Container
from html import escape
from typing import Any

from kb.records.taxonomy import Taxonomy
from kb.render.findings import OPTIONAL
from kb.render.views import page_of_branch

TOP_BRANCHES = "top-branches"


def expand_navigation(nav: Any, taxonomy: Taxonomy, pages: Container[str] = ()) -> Any:
    """The `nav` of site/mkdocs.yml with ``top-branches`` replaced by the branches at the top of the first facet, and
    without pages of claims and results where there are none.

    Records never stand in it: listing every page would make the build quadratic.

    Args:
        pages: what there is, relative to docs/.
    """
    if isinstance(nav, dict):
        return {title: expand_navigation(entry, taxonomy, pages) for title, entry in nav.items()}
    if not isinstance(nav, list):
        return nav
    expanded: list[Any] = []
    for entry in nav:
        if entry == TOP_BRANCHES:
            tops = taxonomy.facets[0].branches
            expanded += [{escape(top.title): page_of_branch(top.id)} for top in tops]
        elif not _missing(entry, pages):
            expanded.append(expand_navigation(entry, taxonomy, pages))
    return expanded


def _missing(entry: Any, pages: Container[str]) -> bool:
    """Whether an entry leads only to pages that are made where there is something to show, and there is nothing."""
    if isinstance(entry, dict):
        return bool(entry) and all(_missing(each, pages) for each in entry.values())
    if isinstance(entry, list):
        return bool(entry) and all(_missing(each, pages) for each in entry)
    return entry in OPTIONAL and entry not in pages
