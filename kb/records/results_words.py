"""The words of reported results: results/_sources.yaml, _models.yaml, _benchmarks.yaml, _methods.yaml, and spellings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from kb.errors import DataError
from kb.records.files import read_if_there
from kb.records.problems import from_pydantic
from kb.records.results import Benchmark, Method, Model, ResultSource, SourceKind, Vocabulary
from kb.records.value import Value
from kb.records.yaml_read import Document, parse_yaml

_CLOSE = 75  # of 100, by rapidfuzz: below it, a suggestion would only puzzle


class Word(Protocol):
    """What a spelling may stand for."""

    @property
    def aliases(self) -> tuple[str, ...]: ...


W = TypeVar("W", bound=Word)


class _Sources(Value):
    """results/_sources.yaml: who reports figures, besides the papers themselves.

    Attributes:
        sources: a source each.
    """

    sources: tuple[ResultSource, ...] = ()


class _Models(Value):
    """results/_models.yaml: the models whose results are reported.

    Attributes:
        models: a model each.
    """

    models: tuple[Model, ...] = ()


class _Benchmarks(Value):
    """results/_benchmarks.yaml: what the models are measured on.

    Attributes:
        benchmarks: a benchmark each.
    """

    benchmarks: tuple[Benchmark, ...] = ()


class _Methods(Value):
    """results/_methods.yaml: the ways to make a model cheaper.

    Attributes:
        methods: a method each.
    """

    methods: tuple[Method, ...] = ()


_F = TypeVar("_F", bound=Value)
FILES: Mapping[str, type[Value]] = {
    "sources": _Sources,
    "models": _Models,
    "benchmarks": _Benchmarks,
    "methods": _Methods,
}


def folded(spelling: str) -> str:
    """A spelling without what does not matter: case, and spaces around or twice."""
    return " ".join(spelling.casefold().split())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely is a slip of."""
    from rapidfuzz import fuzz, process

    words = sorted(known)
    for alike in (fuzz.ratio, fuzz.WRatio):  # a slip of the whole word; then a part of a longer one
        found = process.extractOne(word, words, scorer=alike, processor=folded, score_cutoff=_CLOSE)
        if found:
            return found[0]
    return None


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """The advice for a word that is not known."""
    near = nearest(word, known)
    return f"did you mean {near}? if not, {otherwise}" if near else otherwise


@dataclass(frozen=True)
class Spellings:
    """From every way to write a word to its name."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, words: Mapping[str, Word]) -> Spellings:
        found = {folded(alias): name for name, word in words.items() for alias in word.aliases}
        return cls(found | {folded(name): name for name in words})

    def find(self, spelling: str) -> str | None:
        return self.names.get(folded(spelling))


def load_words(folder: Path, papers: Mapping[str, str] | None = None) -> Vocabulary:
    """The vocabulary in `folder`; a file that is not there holds no words.

    Args:
        papers: titles of the records by key; None leaves references to papers unchecked.

    Raises:
        DataError: a file is wrong, a name or spelling means two things, a reference leads nowhere; carries all.
    """
    wrong: list[DataError] = []
    found: dict[str, dict[str, Any]] = {}
    documents: dict[str, Document] = {}
    for kind, model in FILES.items():
        path = folder / f"_{kind}.yaml"
        try:
            words, documents[kind] = _read(path, model)
            found[kind] = {}
            wrong += _apart(words, kind, path, documents[kind], found[kind])
        except DataError as error:
            wrong += [error, *error.others]
    if not wrong:
        vocabulary = Vocabulary(**found)
        wrong += _dangling(vocabulary, papers, folder, documents)
        if not wrong:
            return vocabulary
    raise DataError.bundle(wrong)


def _read(path: Path, model: type[Value]) -> tuple[tuple[Any, ...], Document]:
    text = read_if_there(path)
    kind = path.stem.removeprefix("_")
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        text = f"{kind}: []\n"
    document = parse_yaml(text, file=str(path))
    try:
        return getattr(model.model_validate_json(json.dumps(document.data)), kind), document
    except ValidationError as error:
        raise from_pydantic(error, document, file=str(path)) from None


def _name(word: Any) -> str:
    return word.id if isinstance(word, ResultSource) else word.name


def _apart(
    words: Iterable[Any], kind: str, path: Path, document: Document, into: dict[str, Any]
) -> Iterator[DataError]:
    """Fill `into` by name; every name, and every spelling, that means two words."""
    means: dict[str, str] = {}
    for index, word in enumerate(words):
        name = _name(word)
        for spelling in dict.fromkeys(folded(each) for each in (name, *word.aliases)):
            # several sources may share one name in a table: their addresses tell them apart
            if (other := means.setdefault(spelling, name)) != name or (
                spelling == folded(name) and name in into
            ):
                if kind == "sources" and spelling != folded(name):
                    continue
                place = (kind, index)
                yield DataError(
                    f"{spelling!r} stands for {other} already",
                    file=path,
                    line=document.line_of(place),
                    field=f"{kind}.{index}",
                    fix="one spelling, one word: remove it from one of them",
                )
        into.setdefault(name, word)


def _dangling(
    words: Vocabulary, papers: Mapping[str, str] | None, folder: Path, documents: Mapping[str, Document]
) -> Iterator[DataError]:
    def bad(kind: str, index: int, field: str, message: str, fix: str) -> DataError:
        line = documents[kind].line_of((kind, index, field))
        return DataError(
            message, file=folder / f"_{kind}.yaml", line=line, field=f"{kind}.{index}.{field}", fix=fix
        )

    for index, benchmark in enumerate(words.benchmarks.values()):
        for part in benchmark.mean_of:
            if part not in words.benchmarks or part == benchmark.name:
                fix = suggest(part, set(words.benchmarks) - {benchmark.name}, "add it to the file")
                yield bad("benchmarks", index, "mean_of", f"there is no benchmark {part!r}", fix)
    if papers is None:
        return
    for index, method in enumerate(words.methods.values()):
        if method.paper is not None and method.paper not in papers:
            fix = suggest(method.paper, papers, "leave it out")
            yield bad("methods", index, "paper", f"there is no paper {method.paper!r}", fix)
    for index, source in enumerate(words.sources.values()):
        if source.of is not None and source.of not in papers:
            fix = suggest(source.of, papers, "leave it out")
            yield bad("sources", index, "of", f"there is no paper {source.of!r}", fix)
        if source.kind is SourceKind.PAPER and source.id not in papers:
            fix = suggest(source.id, papers, "import the paper first")
            yield bad("sources", index, "id", f"there is no paper {source.id!r}", fix)
