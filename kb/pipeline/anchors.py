"""Whether links to a place within a page still hold, where MkDocs saw only some of the pages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from kb.pipeline.mkdocs_run import html_path

_ID = re.compile(r"""\b(?:id|name)=["']([^"']+)["']""")
_LINK = re.compile(rb"([\w./-]+\.md)#([\w.:-]+)")


def anchors_hold(pages: Mapping[str, bytes], rebuilt: Iterable[str], before: Path, now: Path) -> bool:
    """Whether no link between a rebuilt page and another one can have lost its place. May say no without need.

    Args:
        pages: Markdown of every page, by path relative to docs/.
        rebuilt: the pages that were made anew.
        before: the whole site before; `now`: the whole site with the rebuilt pages.
    """

    @cache
    def ids(page: str, site: Path = now) -> frozenset[str]:
        try:
            return frozenset(_ID.findall((site / html_path(page)).read_text(encoding="utf-8")))
        except OSError:
            return frozenset()

    for page in rebuilt:
        for path, anchor in _LINK.findall(pages[page]):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path.decode()))
            if target in pages and anchor.decode() not in ids(target):
                return False
        name = posixpath.basename(page)
        lost = [f"{name}#{each}".encode() for each in ids(page, before) - ids(page)]
        if lost and any(link in text for text in pages.values() for link in lost):
            return False
    return True
