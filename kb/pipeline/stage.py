"""The MkDocs project that a build works on: build/.stage, made from site/, the rendered pages and the settings.

What a survey does not have under site/ and templates/ comes with kb: see `kb.pipeline.packaged`.

It is plain Markdown, YAML and assets, so that `mkdocs build -f build/.stage/mkdocs.yml` makes the same site.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from kb.config import Config
from kb.errors import ConfigError, DataError, KbError
from kb.pipeline.packaged import files_under, layered
from kb.records.files import read_utf8
from kb.records.taxonomy import Taxonomy
from kb.render.navigation import expand_navigation, with_pages

# Older than anything built from it: a page is out of date only where the built one was taken away.
_OLD = 315_532_800  # 1980-01-01

Stage = dict[str, bytes]
"""Content by path relative to the stage."""


def read_site(root: Path) -> tuple[Stage, dict[str, str]]:
    """The files of site/ (without mkdocs.yml), and of them the hand-written pages by path relative to docs/.

    Raises:
        DataError: a file is a link, or a page is not UTF-8.
    """
    files: Stage = {}
    pages: dict[str, str] = {}
    for name, path in layered(root, "site").items():
        if name.startswith("docs/") and path.suffix == ".md":
            pages[name.removeprefix("docs/")] = read_utf8(path).removeprefix("\ufeff").replace("\r\n", "\n")
        elif name != "mkdocs.yml":
            files[name] = _read(path)
    return files, pages


def read_templates(root: Path) -> dict[str, str]:
    """The page templates by name.

    Raises:
        DataError: one is a link or not UTF-8.
    """
    return {
        name: read_utf8(path) for name, path in layered(root, "templates").items() if path.suffix == ".j2"
    }


def frame(
    config: Config, taxonomy: Taxonomy, pages: Container[str], handwritten: Mapping[str, str] | None = None
) -> bytes:
    """The mkdocs.yml of the stage: site/mkdocs.yml with what kb knows filled in.

    A survey's own file is taken at its word: its `nav` names every hand-written page. In the one that comes with kb, pages
    that a survey does not have are left out, and hand-written pages that it has follow the others by their titles.

    Args:
        pages: what there is, relative to docs/.
        handwritten: texts of hand-written pages.

    Raises:
        ConfigError: site/mkdocs.yml is no mapping.
        DataError: a hand-written page has no title to stand in the navigation by.
    """
    path = layered(config.root, "site")["mkdocs.yml"]
    own = path.is_relative_to(config.root / "site")
    try:
        data = yaml.safe_load(read_utf8(path))
    except yaml.YAMLError as error:
        raise ConfigError(f"is not YAML: {' '.join(str(error).split())}", file=path) from None
    if not isinstance(data, dict):
        raise ConfigError("holds no settings", file=path, fix="restore it from git")
    site = config.settings.site
    # Material puts the name into its pages as it is.
    nav = expand_navigation(data.get("nav"), taxonomy, pages, only_there=not own)
    if not own:
        nav = with_pages(nav, _titles(handwritten or {}))
    filled = {"site_name": html.escape(site.title), "docs_dir": "docs", "nav": nav}
    if site.description:
        filled["site_description"] = html.escape(site.description)
    if site.url:
        filled["site_url"] = f"{site.url}/"
    text = yaml.safe_dump(data | filled, sort_keys=False, allow_unicode=True, width=1000)
    return text.encode("utf-8")


_FRONT_MATTER = re.compile(r"---\n(.*?)^---$", re.S | re.M)


def _titles(pages: Mapping[str, str]) -> dict[str, str]:
    """The title of each page, from its front matter."""
    found: dict[str, str] = {}
    for path, text in sorted(pages.items()):
        told = _FRONT_MATTER.match(text)
        try:
            data = yaml.safe_load(told[1]) if told else None
        except yaml.YAMLError:
            data = None
        title = data.get("title") if isinstance(data, dict) else None
        if not title:
            fix = "begin it with three lines: --- / title: Its title / ---"
            raise DataError("has no title", file=f"site/docs/{path}", fix=fix)
        found[path] = str(title)
    return found


def hashes(stage: Stage) -> dict[str, str]:
    """What tells one content from another, by path."""
    return {path: hashlib.blake2b(data, digest_size=16).hexdigest() for path, data in stage.items()}


def write_stage(stage: Mapping[str, bytes], folder: Path) -> int:
    """Make `folder` hold exactly `stage`. Files that are right already are not touched.

    Returns:
        how many files were written or removed.

    Raises:
        KbError: the disk is full or the folder cannot be written.
    """
    count = 0
    try:
        for path in files_under(folder, hidden=True):
            if path.is_symlink() or path.relative_to(folder).as_posix() not in stage:
                path.unlink()
                count += 1
        for name, data in stage.items():
            path = folder / name
            if not _holds(path, data):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                count += 1
            if path.stat().st_mtime != _OLD:
                os.utime(path, (_OLD, _OLD))
        remove_empty(folder)
    except OSError as error:
        raise KbError(
            f"cannot be written: {error.strerror or error}", file=error.filename or folder
        ) from error
    return count


def _holds(path: Path, data: bytes) -> bool:
    with suppress(OSError):
        return path.read_bytes() == data
    return False


def remove_empty(folder: Path) -> None:
    """Remove the empty folders under `folder`."""
    for path, _, _ in os.walk(folder, topdown=False):
        if Path(path) != folder:
            with suppress(OSError):
                Path(path).rmdir()


def _read(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise DataError("is not a regular file", file=path, fix="put the file itself there, not a link")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from None
