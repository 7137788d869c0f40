"""`kb export`: the records that a query asks for, in other people's formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kb.config import Config
from kb.errors import UsageError
from kb.export import EXPORTS
from kb.export.awesome import render_awesome
from kb.export.blocks import fill_block, find_block
from kb.export.links import best_url
from kb.export.names import byline
from kb.export.readme import Theme, render_readme
from kb.pipeline.query import Query, select
from kb.pipeline.store import open_library
from kb.records.files import decode_utf8, read_if_there, read_regular, write_all, write_atomic
from kb.records.library import Library
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.render.prose import Prose, Target, parse_prose
from kb.sources.markdown import Heading, Paragraph, parse_blocks, text_of

README = "readme"
_THEMES = Path("site/docs/themes.md")
_FRONT_MATTER = "---\n"


@dataclass(frozen=True)
class Exported:
    """What an export holds: the text, and how many papers are in it."""

    text: str
    papers: int


@dataclass(frozen=True)
class Filled:
    """A file with a block of ours: whether it was current before anything was written."""

    papers: int
    current: bool


def export(config: Config, format: str, query: Query) -> Exported:
    """The records that `query` asks for, in the order of their keys, as a format of `EXPORTS` or as an awesome list.

    Raises:
        UsageError: the branch of the query is not in the taxonomy.
    """
    papers = _selected(config, query)
    if format == "awesome":
        title = config.settings.site.title
        return Exported(render_awesome(papers, load_taxonomy(config.taxonomy_path), title), len(papers))
    return Exported(EXPORTS[format](papers), len(papers))


def write_export(exported: Exported, path: Path) -> bool:
    """Put an export into a file; whether that changed it."""
    return write_atomic(path, exported.text)


def figure_files(config: Config, names: Sequence[str] = ()) -> dict[str, str]:
    """The site's pictures as SVG and their figures as CSV, by file name.

    Args:
        names: only these pictures.

    Raises:
        UsageError: there is no such picture.
    """
    from kb.pipeline.build import make_stage
    from kb.render.charts.html import FOLDER
    from kb.render.graph_pages import PICTURE

    _, site = make_stage(config)
    every = {
        path.rpartition("/")[2]: text
        for path, text in site.pages.items()
        if path.startswith(f"{FOLDER}/") or path == PICTURE
    }
    known = sorted({path.rpartition(".")[0] for path in every})
    for name in names:
        if name not in known:
            raise UsageError(f"there is no picture {name!r}", fix=f"one of {', '.join(known)}")
    return {path: text for path, text in every.items() if not names or path.rpartition(".")[0] in names}


def write_figures(files: Mapping[str, str], folder: Path) -> int:
    """Put pictures into a folder; how many files that changed."""
    return write_all((folder / name, text) for name, text in files.items())


def fill_readme(config: Config, path: Path, query: Query, *, check: bool = False) -> Filled:
    """Write the survey's tables, reviews and themes between the markers of a Markdown file.

    Papers stand in the order of their appearance, so that a new one comes last and the numbers of the others stay.

    Args:
        check: write nothing.

    Raises:
        UsageError: no such file, or the branch of the query is not in the taxonomy.
        DataError: the file is not UTF-8, or its markers are not one pair in order; says which line.
    """
    if not path.is_file():
        raise UsageError(
            "there is no such file", file=path, fix="make it, with the two markers in it: kb export readme -h"
        )
    text = decode_utf8(read_regular(path), path)
    find_block(text, README, file=str(path))  # before all the reading
    papers = [paper for paper in _selected(config, query) if paper.review]
    papers.sort(key=lambda paper: (paper.dates.published or "9999", paper.key))
    references = _References(open_library(config), load_taxonomy(config.taxonomy_path))
    block = render_readme(papers, load_themes(config), references.prose)
    filled = fill_block(text, README, block, file=str(path))
    if filled != text and not check:
        write_atomic(path, filled)
    return Filled(len(papers), current=filled == text)


def load_themes(config: Config) -> list[Theme]:
    """The themes of the survey: the sections of site/docs/themes.md, each with its first sentence."""
    text = read_if_there(config.root / _THEMES)
    if text.startswith(_FRONT_MATTER):
        text = text[len(_FRONT_MATTER) :].partition(f"\n{_FRONT_MATTER}")[2]
    themes: list[Theme] = []
    for block in parse_blocks(text):
        if isinstance(block, Heading) and block.level == 2:
            themes.append(Theme(text_of(block.lines), ""))
        elif isinstance(block, Paragraph) and themes and not themes[-1].sentence:
            themes[-1] = Theme(themes[-1].title, _first_sentence(text_of(block.lines)))
    return themes


def _first_sentence(text: str) -> str:
    words = " ".join(text.split()).split(" ")
    end = next((number for number, word in enumerate(words, 1) if _ends(word)), len(words))
    return " ".join(words[:end])


def _ends(word: str) -> bool:
    return word.rstrip(")\"”'").endswith((".", "?", "!")) and word.lower() not in {
        "vs.",
        "e.g.",
        "i.e.",
        "al.",
    }


def _selected(config: Config, query: Query) -> Sequence[Paper]:
    return sorted(select(config, query), key=lambda paper: paper.key)


class _References:
    """What ``[[liu2025quantization]]`` in a review leads to outside of our pages: the paper itself."""

    def __init__(self, library: Library, taxonomy: Taxonomy) -> None:
        self._library = library
        self._taxonomy = taxonomy

    def prose(self, text: str) -> Prose:
        """Paragraphs of `text`. A reference that nothing answers to stays as it was written: kb check names it."""
        return parse_prose(text, self._target, lambda reference: None)

    def _target(self, name: str) -> Target | None:
        if name.startswith("branch:"):
            branch = self._taxonomy.final_branch(name.removeprefix("branch:"))
            return Target("", self._taxonomy.branches[branch].title) if branch else None
        paper = self._library.get(name)
        if paper is None:
            return None
        year = f" ({paper.year})" if paper.year else ""
        return Target(best_url(paper), f"{byline(paper.authors) or paper.title}{year}")
