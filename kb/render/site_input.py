"""What the site is made from, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kb.config import SiteSettings
from kb.link.graph import PaperGraph
from kb.records.candidates import Candidate
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.api_models import RunEntry
from kb.render.citation import Cite, uncited
from kb.render.events import History
from kb.render.findings import Findings
from kb.render.graph_pages import MapFigures
from kb.render.views import Problem


@dataclass(frozen=True)
class SiteInput:
    """All that the pages are made from.

    Attributes:
        papers: records by key.
        templates: page templates by name, from templates/.
        handwritten: Markdown pages by path relative to docs/, from site/docs/.
        merged: (gone, into): keys whose pages send the reader on.
        seen_in: names of the sources that know a paper, by its key.
        provenance: who says so, by a paper's key and the field of its record.
        findings: verdicts on claims, reported results.
        history: what happened to the survey.
        runs: what the harness measured.
        graph: what connects papers, and where they lie on the map; measured as `map_figures` say.
        bibtex: renders records as BibTeX.
        venue_series: gives a venue's short name without the year.
        cite: says how a paper is cited.
    """

    papers: Mapping[str, Paper]
    taxonomy: Taxonomy
    settings: SiteSettings
    templates: Mapping[str, str]
    bibtex: Callable[[Sequence[Paper]], str]
    cite: Cite = uncited
    handwritten: Mapping[str, str] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    merged: tuple[tuple[str, str], ...] = ()
    seen_in: Mapping[str, Sequence[str]] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    venue_series: Callable[[str], str] = str
    history: History = field(default_factory=History)
    runs: tuple[RunEntry, ...] = ()
    graph: PaperGraph = field(default_factory=PaperGraph)
    map_figures: MapFigures | None = None


@dataclass(frozen=True)
class Site:
    """Pages by path relative to docs/, what must be mended before they may be published, and the verdicts they show."""

    pages: dict[str, str]
    problems: tuple[Problem, ...]
    verdicts: tuple[tuple[str, str], ...] = ()  # on each claim
