"""Generated parts of texts that people write too: blocks between markers, exported lists, pictures of pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from kb.export import EXPORTS
from kb.records.models import Paper

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_MARK = re.compile(r"^ {0,3}<!--[ \t]*(?P<end>/?)(?P<name>[a-z][^>]*?)[ \t]*-->[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")
_RECORD = re.compile(r"papers/([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.yaml")
_ARXIV = re.compile(r"(?<![\d.])\d{4}\.\d{4,5}(?![\d.])")
_AWESOME = "Made by kb export awesome from the records in papers/."
_PROGRAM = ("kb/", "templates/")


@dataclass(frozen=True)
class Hunk:
    """Lines that a change put in the place of others: where they are now, and all of them, old and new."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Hand:
    """An edit where a command writes."""

    line: int
    message: str
    fix: str


@dataclass(frozen=True)
class Maker:
    """What makes a block: the command, what it is made from, and what to do instead of editing it."""

    message: str
    causes: tuple[str, ...]
    fix: str = "write outside the markers"


MAKERS: Mapping[str, Maker] = {
    "kb eval report": Maker("kb eval report PAGE makes it from runs/", ("runs/", "experiments/", "kb/")),
    "classify": Maker("kb classify evaluate makes it", ("kb/", "benchmarks/classify.json")),
    "predict": Maker("kb predict evaluate makes it", ("kb/", "results/", "benchmarks/predict.json")),
    "figures": Maker("the program that measures makes it", ("kb/",)),
}
"""By the beginning of the marker. Of `kb export readme` the record is named; other blocks are benchmarks'."""
_README = "kb export readme"


def hunks(diff: str) -> list[Hunk]:
    """The parts of a diff without context."""
    found: list[Hunk] = []
    at: re.Match[str] | None = None
    lines: list[str] = []
    for line in [*diff.split("\n"), "@@ end"]:
        if line.startswith("@@ "):
            if at is not None:
                count = int(at[2] or 1)
                found.append(Hunk(int(at[1]), int(at[1]) + max(count, 1), tuple(lines)))
            at, lines = _HUNK.match(line), []
        elif at is not None and line[:1] in {"+", "-"}:
            lines.append(line[1:])
    return found


# Blocks between markers


def edited_blocks(
    file: str, text: str, changed: Sequence[Hunk], files: AbstractSet[str], papers: Mapping[str, Paper]
) -> Iterator[Hand]:
    """Changes between the markers of a Markdown page, of an awesome list that was exported.

    Args:
        files: every file that changed.
        papers: records, which an edit of what is made of them is sent to.
    """
    lines = text.split("\n")
    if _AWESOME in text:
        yield from _of_records(
            changed, lines, (1, len(lines) + 1), files, papers, f"kb export awesome --out {file}"
        )
        return
    for name, start, end in _blocks(lines):
        inside = [hunk for hunk in changed if hunk.start < end and hunk.end > start + 1]
        if not inside:
            continue
        if name.startswith(_README):
            yield from _of_records(inside, lines, (start, end), files, papers, f"{_README} --into {file}")
            continue
        maker = next((each for word, each in MAKERS.items() if name.startswith(word)), None) or _benchmark(
            name
        )
        if not _any(files - {file}, maker.causes):
            yield Hand(max(inside[0].start, start), f"this block is generated: {maker.message}", maker.fix)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """What each pair of markers is called, and the lines (1-based) of the two. A marker in an example is none."""
    ends = {match["name"] for line in lines if (match := _MARK.match(line)) and match["end"]}
    opened: tuple[str, int] | None = None
    fenced = False
    for number, line in enumerate(lines, start=1):
        fenced ^= _FENCE.match(line) is not None
        match = None if fenced else _MARK.match(line)
        if match is None:
            continue
        if match["end"]:
            if opened is not None and opened[0].startswith(match["name"]):
                yield opened[0], opened[1], number
                opened = None
        elif opened is None and any(
            match["name"] == end or match["name"].startswith(f"{end} ") for end in ends
        ):
            opened = (match["name"], number)


def _benchmark(name: str) -> Maker:
    return Maker(f"the benchmark {name} makes it", ("benchmarks/", "kb/"), "make bench measures again")


def _any(files: Iterable[str], starts: tuple[str, ...]) -> bool:
    return any(file.startswith(starts) for file in files)


# What is made of records


def _of_records(
    changed: Iterable[Hunk],
    lines: Sequence[str],
    within: tuple[int, int],
    files: AbstractSet[str],
    papers: Mapping[str, Paper],
    command: str,
) -> Iterator[Hand]:
    """Changes of text that is made of records, each once for the records that it speaks of."""
    if _any(files, _PROGRAM):
        return
    by_arxiv = {
        paper.identifiers.arxiv_id: key for key, paper in papers.items() if paper.identifiers.arxiv_id
    }
    told: set[str] = set()
    for hunk in changed:
        keys = _named(hunk, lines, within, by_arxiv, papers)
        if keys and not any(f"papers/{key}.yaml" in files for key in keys):
            where = " and ".join(f"papers/{key}.yaml" for key in keys)
            message, fix = (
                f"{command.partition(' --')[0]} makes it from records",
                f"edit {where}, then {command}",
            )
        elif not keys and not _any(files, ("papers/", "taxonomy.yaml", "site/docs/themes.md", "kb.toml")):
            message, fix = (
                f"{command.partition(' --')[0]} makes it from records",
                f"edit the records, then {command}",
            )
        else:
            continue
        if fix not in told:
            told.add(fix)
            yield Hand(max(hunk.start, within[0]), message, fix)


def _named(
    hunk: Hunk,
    lines: Sequence[str],
    within: tuple[int, int],
    by_arxiv: Mapping[str, str],
    papers: Mapping[str, Paper],
) -> list[str]:
    """The records that changed lines speak of, or else the part that they stand in."""
    found: dict[str, None] = {}
    for line in hunk.lines:
        keys = [*_RECORD.findall(line), *(by_arxiv.get(arxiv, "") for arxiv in _ARXIV.findall(line))]
        found |= dict.fromkeys(key for key in keys if key in papers)
    for number in range(
        min(hunk.start, len(lines)), within[0], -1
    ):  # the heading names its record below itself
        if found or lines[number - 1].startswith("## "):
            break
        if match := _RECORD.search(lines[number - 1]):
            found |= dict.fromkeys([match[1]] if match[1] in papers else [])
            break
    return list(found)


@dataclass(frozen=True)
class _Form:
    """How an export names the record of an entry, and how many lines of the entry stand above that."""

    format: str
    key: re.Pattern[str]
    above: int = 0


_FORMS = {
    ".bib": _Form("bibtex", re.compile(r"^@\w+\{([a-z][a-z0-9-]*),")),
    ".ris": _Form("ris", re.compile(r"^ID  - ([a-z][a-z0-9-]*)\r?$"), 1),
    ".csv": _Form("csv", re.compile(r"^([a-z][a-z0-9-]*),")),
    ".json": _Form("csl-json", re.compile(r'^\s*"id": "([a-z][a-z0-9-]*)",?$'), 1),
}
_ELSEWHERE = re.compile(r"(?:papers|results|runs|schema|benchmarks|experiments|site|tests|kb|build)/.*")
_MOST_ARE_OURS = 0.8


def edited_export(
    file: str, text: str, changed: Sequence[Hunk], files: AbstractSet[str], papers: Mapping[str, Paper]
) -> Iterator[Hand]:
    """Changes in a bibliography whose entries are called as the records are: kb export made it, most likely."""
    form = _FORMS.get(file[file.rfind(".") :])
    if form is None or _ELSEWHERE.fullmatch(file) or _any(files, _PROGRAM):
        return
    found = [
        (number - form.above, match[1])
        for number, line in enumerate(text.split("\n"), start=1)
        if (match := form.key.match(line)) and (form.format != "csv" or match[1] in papers)
    ]
    known = [key for _, key in found if key in papers]
    if not known or len(known) < _MOST_ARE_OURS * len(found):
        return
    format = "biblatex" if form.format == "bibtex" and "eprinttype" in text else form.format
    if text == EXPORTS[format]([papers[key] for key in sorted(papers)]):
        return
    told: set[str] = set()
    for hunk in changed:
        keys = _entries(hunk, found, papers)
        if not keys or told.issuperset(keys) or any(f"papers/{key}.yaml" in files for key in keys):
            continue
        told |= set(keys)
        where = " and ".join(f"papers/{key}.yaml" for key in keys)
        yield Hand(
            hunk.start,
            f"kb export {format} makes such a file",
            f"edit {where}, then kb export {format} --out {file}",
        )


def _entries(hunk: Hunk, found: Sequence[tuple[int, str]], papers: Mapping[str, Paper]) -> list[str]:
    """The entries that a change touches: from each one's first line to the next one's."""
    ends = [start for start, _ in found[1:]] + [1 << 60]
    touched = [
        key
        for (start, key), end in zip(found, ends, strict=True)
        if hunk.start < end and hunk.end > start and key in papers
    ]
    return touched
