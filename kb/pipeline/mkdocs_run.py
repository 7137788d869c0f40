"""MkDocs called as a library: every warning is an error, and the date of the build shows nowhere."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from kb.errors import DataError

_PAGE = re.compile(r"^Doc file '([^']+)' ")
# What MkDocs says of every build in which it leaves pages alone; kb merges what that would spoil.
_DIRTY = "A 'dirty' build is being performed"
_EPOCH = "315532800"  # 1980-01-01, for the time stamps inside the site
SEARCH_INDEX = "search/search_index.json"
# Made anew by every build, from all pages.
ALWAYS_BUILT = ("404.html", "sitemap.xml", "sitemap.xml.gz", SEARCH_INDEX)


def versions() -> str:
    """The programs that shape a page, for telling whether an earlier build still holds."""
    import material  # type: ignore[import-untyped]

    names = ("mkdocs", "mkdocs-material", "Markdown", "Jinja2", "pymdown-extensions", "Pygments")
    theme = Path(material.__file__).stat().st_mtime_ns
    return f"{theme} " + " ".join(f"{name}={version(name)}" for name in names)


def run_mkdocs(frame: Path, site_dir: Path, *, only_missing: bool = False) -> None:
    """Build the project of the mkdocs.yml `frame` into `site_dir`.

    Args:
        only_missing: pages that are in `site_dir` already are left alone.

    Raises:
        DataError: MkDocs warned or failed; carries all warnings.
    """
    from jinja2 import TemplateError
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    with _collected_warnings() as warnings, _fixed_date():
        try:
            config = load_config(config_file=str(frame), site_dir=str(site_dir), strict=False)
            # Material keeps one index for all builds of a process if it is told of the mode; kb merges indexes itself.
            config.plugins.on_startup(command="build", dirty=False)
            try:
                build(config, dirty=only_missing)
            finally:
                config.plugins.on_shutdown()
        except (MkDocsException, TemplateError) as error:
            warnings.append(_one_line(str(error)) or type(error).__name__)
    wrong = [_as_error(message) for message in warnings if not message.startswith(_DIRTY)]
    if wrong:
        raise DataError.bundle(wrong)


def merge_search_index(new: bytes, old: bytes, pages: Iterable[str], rebuilt: Iterable[str]) -> bytes:
    """The search index that a full build would have written.

    Args:
        new: index of a build of some pages.
        old: index of all pages as they were before.
        pages: every page now, relative to docs/.
        rebuilt: the pages that `new` is of.
    """
    data = json.loads(new)
    entries: dict[str, list[Any]] = {}
    fresh = {html_path(page) for page in rebuilt} | {_page_url(entry) for entry in data["docs"]}
    for entry in json.loads(old)["docs"]:
        url = _page_url(entry)
        if url not in fresh:
            entries.setdefault(url, []).append(entry)
    for entry in data["docs"]:
        entries.setdefault(_page_url(entry), []).append(entry)
    ordered = sorted(pages, key=_mkdocs_order)
    data["docs"] = [entry for page in ordered for entry in entries.get(html_path(page), [])]
    return json.dumps(data, separators=(",", ":")).encode("utf-8")


def html_path(path: str) -> str:
    """Where MkDocs puts the file `path` of docs/."""
    return path.removesuffix(".md") + ".html" if path.endswith(".md") else path


def _page_url(entry: dict[str, Any]) -> str:
    return str(entry["location"]).split("#")[0]


def _mkdocs_order(page: str) -> tuple[tuple[str, ...], bool, str]:
    parts = PurePosixPath(page).parts
    return (parts[:-1], parts[-1] != "index.md", parts[-1])


def _as_error(message: str) -> DataError:
    found = _PAGE.match(message)
    if not found:
        return DataError(message)
    return DataError(message[found.end() :], file=f"build/.stage/docs/{found.group(1)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(_one_line(record.getMessage()))


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Whatever MkDocs or a plugin of it logs as a warning or worse, in place of standard error."""
    logger = logging.getLogger("mkdocs")
    collector, propagate = _Collector(), logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


@contextmanager
def _fixed_date() -> Iterator[None]:
    """https://reproducible-builds.org/specs/source-date-epoch/"""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = _EPOCH
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
