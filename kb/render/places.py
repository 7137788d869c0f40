"""Where the pages of results lie, and how a source, a benchmark or a method is linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from kb.records.models import Paper
from kb.records.results import Method, Results
from kb.render.findings import slugs
from kb.render.views import target_of

RUNS = "runs"


@dataclass(frozen=True)
class Place:
    """Something that a page speaks of: `page` of the site, or `url` elsewhere, or neither."""

    label: str
    page: str | None = None
    url: str | None = None


class Places:
    """Links by the names that results use."""

    def __init__(self, results: Results, papers: Mapping[str, Paper]) -> None:
        self._words = results.words
        self._papers = papers
        self._benchmarks = slugs(row.benchmark for row in results.rows)
        self._methods = slugs(row.method for row in results.rows)
        named = Counter(
            target_of(papers[id]).label for id in {row.source for row in results.rows} if id in papers
        )
        self._shared = {label for label, number in named.items() if number > 1}

    @property
    def benchmarks(self) -> list[str]:
        """Those of which there are results, by name."""
        return list(self._benchmarks)

    @property
    def methods(self) -> list[str]:
        return list(self._methods)

    @property
    def method_words(self) -> Mapping[str, Method]:
        """Methods by name."""
        return self._words.methods

    def source(self, id: str) -> Place:
        if paper := self._papers.get(id):
            target = target_of(paper)
            shared = (
                f", {id}" if target.label in self._shared else ""
            )  # two papers of the same people and year
            return Place(f"{target.label}{shared}", target.page)
        if id == RUNS:
            return Place("runs of the harness")
        source = self._words.sources.get(id)
        return Place(source.title, url=source.url) if source else Place(id)

    def benchmark(self, name: str) -> Place:
        slug = self._benchmarks.get(name)
        return Place(name, f"results/benchmarks/{slug}.md" if slug else None)

    def method(self, name: str) -> Place:
        slug = self._methods.get(name)
        word = self._words.methods.get(name)
        return Place(word.title if word else name, f"results/methods/{slug}.md" if slug else None)
