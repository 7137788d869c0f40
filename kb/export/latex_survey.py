"""The skeleton of a survey paper: LaTeX, figures, tables and bibliography, made from records. Values in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from kb.export.bibtex import render_bibtex
from kb.export.latex_env import cite, make_environment, render_template
from kb.export.latex_results import FewResults, ResultTable, result_tables, source_papers, sources_of
from kb.export.latex_text import Latex, asks_for_unicode_engine, set_scripts
from kb.export.latex_tree import overview, tree_figures
from kb.export.latex_view import BranchPart, PaperLine, branch_part, byline, line_of, place_papers, roots_of
from kb.export.tree_svg import render_svg
from kb.records.models import Paper
from kb.records.results import Results
from kb.records.taxonomy import Taxonomy

_STATES = ("supported", "refuted", "contested", "inconclusive", "stale", "untested")
_COLUMN_CM = 1.63


@dataclass(frozen=True)
class ClaimLine:
    """A claim with its verdict and the sentence that gives the reason."""

    paper: str
    statement: str
    place: str
    state: str
    why: str


@dataclass(frozen=True)
class Given:
    """What a survey is made from.

    Attributes:
        papers: all records by key; all of them can be cited.
        branches: branches to write about; without any, the top branches of the first facet.
        templates: the LaTeX templates by name ("latex/survey.tex.j2").
    """

    title: str
    authors: tuple[str, ...]
    papers: Mapping[str, Paper]
    taxonomy: Taxonomy
    results: Results
    claims: tuple[ClaimLine, ...]
    templates: Mapping[str, str]
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class SurveyPack:
    """The files by path. `engine` is pdflatex (what arXiv wants) unless a text needs other fonts: then xelatex."""

    files: Mapping[str, str]
    engine: str
    papers: int
    tables: int
    claims: int


def render_survey(given: Given) -> SurveyPack:
    """Everything that goes into the folder of a survey.

    Raises:
        DataError: a template is absent or broken.
    """
    return _Maker(given).pack()


class _Maker:
    def __init__(self, given: Given) -> None:
        self.given = given
        self.env: jinja2.Environment = make_environment(
            given.templates, {key: byline(paper) for key, paper in given.papers.items()}
        )
        self.known = frozenset(given.papers)
        roots = roots_of(given.taxonomy, given.branches)
        placed, rest = place_papers(given.papers.values(), given.taxonomy, roots)
        self.roots = [branch_part(given.taxonomy, root, placed) for root in roots]
        self.rest = [] if given.branches else [line_of(paper) for paper in rest]
        self.lines = [*(line for root in self.roots for line in root.all_papers), *self.rest]
        keys = frozenset(line.key for line in self.lines)
        self.claims = sorted(
            (claim for claim in given.claims if claim.paper in keys),
            key=lambda claim: _STATES.index(claim.state),
        )
        sources = sources_of(given.results, keys) if given.branches else None
        self.tables, self.few = result_tables(given.results, sources)

    def pack(self) -> SurveyPack:
        files = dict(self._parts())
        files["references.bib"] = set_scripts(
            render_bibtex([self.given.papers[key] for key in sorted(self.known)])
        )
        files["survey.tex"] = ""  # made when the engine is known
        engine = "xelatex" if any(map(asks_for_unicode_engine, files.values())) else "pdflatex"
        files["survey.tex"] = self._survey(engine)
        if engine == "pdflatex" and asks_for_unicode_engine(files["survey.tex"]):
            engine = "xelatex"
            files["survey.tex"] = self._survey(engine)
        files["latexmkrc"] = self._fill("latexmkrc", engine=engine)
        files["kbsurvey.tex"] = self._fill("kbsurvey.tex")
        tables = sum(path.startswith("tables/") for path in files)
        return SurveyPack(dict(sorted(files.items())), engine, len(self.lines), tables, len(self.claims))

    def _parts(self) -> Iterator[tuple[str, str]]:
        for root in self.roots:
            yield from self._section(root)
        tree = overview(self.given.title, self.roots)
        yield "figures/taxonomy.tex", self._fill("overview.tex", root=tree)
        yield "figures/taxonomy.svg", render_svg(tree, self.given.title)
        if self.reviewed:
            yield "tables/reviewed.tex", self._fill("reviewed.tex", papers=self.reviewed)
        for table in self.tables:
            yield f"tables/results-{table.slug}.tex", self._results(table)
        if self.few:
            groups = [(few, self._cite(few)) for few in self.few]
            yield "tables/results-other.tex", self._fill("results-other.tex", groups=groups)
        if self.claims:
            yield "tables/claims.tex", self._fill("claims.tex", claims=self.claims, summary=self._summary())

    def _section(self, root: BranchPart) -> Iterator[tuple[str, str]]:
        figures = tree_figures(root) if root.total else ()
        label = Latex(f"tab:papers-{root.slug}")
        for figure in figures:
            inner, leaf = Latex(f"{figure.inner_cm:.2f}"), Latex(f"{figure.leaf_cm:.2f}")
            yield (
                f"figures/taxonomy-{figure.slug}.tex",
                self._fill("taxonomy.tex", figure=figure, inner_cm=inner, leaf_cm=leaf, table=label),
            )
            yield f"figures/taxonomy-{figure.slug}.svg", render_svg(figure.root, root.title)
        yield f"sections/{root.slug}.tex", self._fill("section.tex", root=root, figures=figures)
        if root.total:
            yield f"tables/papers-{root.slug}.tex", self._fill("papers.tex", root=root, groups=_groups(root))

    def _results(self, table: ResultTable) -> str:
        n = len(table.columns)
        total = 3.1 + 1.6 + n * _COLUMN_CM + (n + 1) * 0.21
        return self._fill(
            "results.tex",
            table=table,
            citation=self._cite(table),
            width=Latex(f"{_COLUMN_CM:g}"),
            total=Latex(f"{total:.2f}"),
        )

    def _survey(self, engine: str) -> str:
        taxonomy = self.given.taxonomy
        facet = next(f for f in taxonomy.facets if f.id == taxonomy.facet_of(self.roots[0].id))
        dates = [paper.dates.published or "" for paper in self.given.papers.values()]
        return self._fill(
            "survey.tex",
            engine=engine,
            title=self.given.title,
            authors=self.given.authors,
            newest=max(dates, default="")[:7],
            facet=facet,
            roots=self.roots,
            rest=self.rest,
            total=len(self.lines),
            branches=sum(_count(root) for root in self.roots),
            reviewed=self.reviewed,
            tables=self.tables,
            few=self.few,
            claims=self.claims,
            summary=self._summary(),
        )

    @property
    def reviewed(self) -> list[PaperLine]:
        """Finished reviews first."""
        found = [line for line in self.lines if line.reviewed]
        return sorted(found, key=lambda line: line.review.state.value != "done")

    def _summary(self) -> str:
        """How many claims have which verdict."""
        numbers = {state: sum(claim.state == state for claim in self.claims) for state in _STATES}
        return ", ".join(f"{number} {state}" for state, number in numbers.items() if number)

    def _cite(self, of: ResultTable | FewResults) -> Latex:
        return cite(source_papers(of.source), self.known)

    def _fill(self, name: str, **values: Any) -> str:
        return render_template(self.env, f"latex/{name}.j2", **values)


def _groups(root: BranchPart) -> list[tuple[BranchPart, Sequence[PaperLine]]]:
    """Every branch at or below `root` that has papers of its own."""
    found = [(root, root.papers)] if root.papers else []
    return found + [group for part in root.parts for group in _groups(part)]


def _count(part: BranchPart) -> int:
    return 1 + sum(_count(one) for one in part.parts)
