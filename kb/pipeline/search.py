"""Which search a site has, and Pagefind's index.

Material's own search has one index that a reader's browser loads whole: the better one on a small site, megabytes on a
large one. Pagefind's (https://pagefind.app) is cut into pieces, of which a search loads a few; it is made from the built
pages by a program, from the package pagefind-bin or on the PATH.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from kb.config import SearchSettings
from kb.errors import ConfigError, KbError

Engine = Literal["material", "pagefind"]
FOLDER = "pagefind"
INSTALL = "pip install pagefind-bin"
# What the bundle has for pages that show Pagefind's own search box.
_UNUSED = ("*ui.js", "*ui.css", "pagefind-highlight.js", "wasm.unknown.pagefind")
# What is no sentence of a page: tables and listings marked so, and the signs that Markdown's extensions put beside headings.
_NOT_READ = "[data-search-exclude], .headerlink, script, style, svg, nav"


@dataclass(frozen=True)
class Choice:
    """The search of a site; `remark` is what the person who builds should know of it."""

    engine: Engine
    remark: str | None = None


def choose(settings: SearchSettings, pages: int, program: Path | None) -> Choice:
    """The search for so many pages.

    Args:
        program: Pagefind's; None where it is not installed.

    Raises:
        ConfigError: kb.toml asks for Pagefind, and it is not installed.
    """
    if settings.engine == "material" or (settings.engine == "auto" and pages <= settings.pagefind_above):
        return Choice("material")
    if program is not None:
        return Choice("pagefind")
    if settings.engine == "pagefind":
        raise ConfigError(
            "Pagefind is not installed", file="kb.toml", field="site.search.engine", fix=INSTALL
        )
    return Choice(
        "material",
        f"search: {pages:,} pages are many for Material's index, which readers load whole; for Pagefind's: {INSTALL}",
    )


def with_search(frame: bytes, engine: Engine, program: Path | None = None) -> bytes:
    """The mkdocs.yml `frame` of the stage with what tells the theme of its search.

    Material's index is made for its own search alone. The version of Pagefind's `program` stands there as well, so that
    another one makes all pages anew.

    Raises:
        ConfigError: plugins or extra are nothing that can be added to.
    """
    data = yaml.safe_load(frame)
    plugins, extra = data.get("plugins") or [], data.get("extra") or {}
    if not isinstance(plugins, list) or not isinstance(extra, dict):
        message = "plugins must be a list, and extra a mapping"
        raise ConfigError(message, file="site/mkdocs.yml", fix="restore it from git")
    extra = extra | {"search_engine": engine}
    if engine == "pagefind" and program is not None:
        plugins = [
            one for one in plugins if one != "search" and not (isinstance(one, dict) and "search" in one)
        ]
        extra["search_version"] = program_version(program)
    filled = {"plugins": plugins, "extra": extra}
    return yaml.safe_dump(data | filled, sort_keys=False, allow_unicode=True, width=1000).encode("utf-8")


def find_program() -> Path | None:
    """Pagefind's program; None where it is not installed."""
    try:
        from pagefind_bin import get_executable
    except ImportError:
        found = shutil.which("pagefind")
        return Path(found) if found else None
    try:
        return Path(get_executable())
    except FileNotFoundError:  # a platform without it
        return None


@cache
def program_version(program: Path) -> str:
    """As in ``pagefind 1.5.2``: another one makes other files.

    Raises:
        KbError: it cannot be run.
    """
    return _run(program, "--version").strip()


def write_index(site: Path, program: Path) -> None:
    """Make the index of all pages under `site` whose text is marked as data-pagefind-body.

    Whatever index was there is replaced and not written over: its files may belong to an earlier site as well.

    Raises:
        KbError: the program fails.
    """
    folder = site / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    _run(
        program,
        *("--site", str(site), "--output-path", str(folder)),
        *("--exclude-selectors", _NOT_READ, "--force-language", "en", "--keep-index-url", "--quiet"),
    )
    for pattern in _UNUSED:
        for path in folder.glob(pattern):
            path.unlink()


def _run(program: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, encoding="utf-8", check=True
        )
    except OSError as error:
        raise KbError(f"cannot be run: {error.strerror or error}", file=program, fix=INSTALL) from error
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout).split())
        raise KbError(f"Pagefind failed: {said[-300:]}", file=program) from error
    return done.stdout
