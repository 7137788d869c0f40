"""The static API: the survey as JSON, with a JSON Schema for each file. Works that wait to be taken in are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from kb.config import SiteSettings
from kb.link.graph import Edge, Measured, PaperGraph
from kb.records.models import Paper
from kb.records.schema import DRAFT, render_schema, schema_from
from kb.records.taxonomy import Taxonomy
from kb.render.addresses import html_of
from kb.render.api_models import (
    FILES,
    VERSION,
    BranchEntry,
    ChangesFile,
    ClaimEntry,
    ClaimsFile,
    EdgeEntry,
    EventEntry,
    FacetEntry,
    FeedLink,
    FileEntry,
    GraphFile,
    IndexFile,
    MeasuredEntry,
    PaperEntry,
    PaperFile,
    PapersFile,
    PlaceEntry,
    ResultEntry,
    ResultsFile,
    RunEntry,
    RunsFile,
    SimilarEntry,
    TaxonomyFile,
    VerdictEntry,
)
from kb.render.branches import FacetView, walk
from kb.render.changes import FEED as CHANGES_FEED
from kb.render.citation import Citation
from kb.render.events import History
from kb.render.feeds import ALL, feed_of_branch
from kb.render.findings import Findings, Judgement
from kb.render.views import PaperView, page_of_claim, standings

ROOT = "api/v1"
# What is counted in a file whose list has another name than the file.
_LISTED = {"taxonomy": "branches", "changes": "events", "graph": "edges"}


def file_of_paper(key: str) -> str:
    """Where all that is known of one paper is, relative to docs/."""
    return f"{ROOT}/papers/{key}.json"


def schema_path(name: str) -> str:
    """Where the schema called `name` is, relative to docs/."""
    return f"{ROOT}/schema/{name}.json"


@dataclass(frozen=True)
class ApiInput:
    """What the API is made from. `views` and `facets` are those of the pages."""

    papers: Mapping[str, Paper]
    views: Mapping[str, PaperView]
    taxonomy: Taxonomy
    facets: Sequence[FacetView]
    findings: Findings
    runs: Sequence[RunEntry]
    history: History
    settings: SiteSettings
    citations: Mapping[str, Citation]
    graph: PaperGraph = field(default_factory=PaperGraph)


def api_files(given: ApiInput) -> Iterator[tuple[str, str]]:
    """Every file: path relative to docs/, and text."""
    lists: dict[str, BaseModel] = {
        "papers": _papers(given),
        "taxonomy": _taxonomy(given),
        "results": _results(given.findings),
        "claims": _claims(given.findings),
        "runs": RunsFile(version=VERSION, runs=tuple(given.runs)),
        "changes": _changes(given.history),
        "graph": _graph(given.graph),
    }
    for name, model in lists.items():
        yield f"{ROOT}/{name}.json", _text(model)
    for key in given.papers:
        yield file_of_paper(key), _text(_paper(key, given))
    yield f"{ROOT}/index.json", _text(_index(given, lists))
    for name, schema in schemas().items():
        yield schema_path(name), render_schema(schema)


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of every file, by name."""
    made = {}
    for name, model in FILES.items():
        whole, definitions = schema_from(model, "serialization")
        about = f"The API's version {VERSION}."
        made[name] = {"$schema": DRAFT, "$comment": about, **whole, "definitions": definitions}
    return made


def _text(model: BaseModel) -> str:
    """JSON, a line for each entry of a list, so that a change is a readable diff."""
    data = model.model_dump(mode="json")
    parts = [f"{json.dumps(name)}: {_value(value)}" for name, value in data.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(_line, value)) + "\n]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _index(given: ApiInput, lists: Mapping[str, BaseModel]) -> IndexFile:
    files = [
        FileEntry(
            path=f"{ROOT}/{name}.json",
            schema_path=schema_path(name),
            about=_about(FILES[name]),
            entries=len(getattr(model, _LISTED.get(name, name))),
        )
        for name, model in lists.items()
    ]
    feeds = [FeedLink(path=ALL, title="All papers"), FeedLink(path=CHANGES_FEED, title="What changed")]
    feeds += [
        FeedLink(path=feed_of_branch(id), title=branch.title)
        for id, branch in given.taxonomy.branches.items()
    ]
    settings = given.settings
    return IndexFile(
        version=VERSION,
        title=settings.title,
        url=settings.url,
        repository=settings.repository,
        files=tuple(files),
        feeds=tuple(feeds),
    )


def _about(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").split("\n")[0]


def _papers(given: ApiInput) -> PapersFile:
    return PapersFile(version=VERSION, papers=tuple(_entry(key, given) for key in sorted(given.papers)))


def _entry(key: str, given: ApiInput) -> PaperEntry:
    paper, view = given.papers[key], given.views[key]
    places = {
        state: [label.branch for label in view.labels if label.standing == state]
        for state in ("confirmed", "proposed")
    }
    return PaperEntry(
        key=key,
        page=html_of(view.row.page),
        file=file_of_paper(key),
        title=paper.title,
        authors=tuple(author.name for author in paper.authors),
        year=paper.year,
        published=paper.dates.published,
        updated=paper.dates.updated,
        venue=paper.venue,
        state=paper.publication_state.value,
        status=paper.status.value,
        arxiv_id=paper.identifiers.arxiv_id,
        doi=paper.identifiers.doi,
        code=paper.links.code,
        confirmed=tuple(places["confirmed"]),
        proposed=tuple(places["proposed"]),
        review=paper.review.state.value if paper.review else None,
        summary=paper.review.summary if paper.review else None,
        verdicts=dict(view.verdicts),
    )


def _paper(key: str, given: ApiInput) -> PaperFile:
    paper, view = given.papers[key], given.views[key]
    return PaperFile(
        version=VERSION,
        key=key,
        page=html_of(view.row.page),
        title=paper.title,
        authors=paper.authors,
        identifiers=paper.identifiers,
        dates=paper.dates,
        venue=paper.venue,
        publication_state=paper.publication_state.value,
        withdrawn_reason=paper.withdrawn_reason,
        links=paper.links,
        status=paper.status.value,
        labels=paper.labels,
        standings=standings(paper),
        review=paper.review,
        claims=tuple(dict.fromkeys(f"{key}/{claim.id}" for claim in paper.claims)),
        notes=paper.notes,
        abstract=paper.abstract,
        citation=given.citations[key].plain,
        bibtex=view.bibtex,
        similar=tuple(
            SimilarEntry(paper=each.key, similarity=each.likeness, branches=each.branches)
            for each in given.graph.similar.get(key, ())
        ),
        cites=given.graph.cites.get(key, ()),
        cited_by=given.graph.cited_by.get(key, ()),
        measures=_measured(given.graph.measures.get(key, ())),
        measured_by=_measured(given.graph.measured_by.get(key, ())),
    )


def _measured(found: Sequence[Measured]) -> tuple[MeasuredEntry, ...]:
    return tuple(MeasuredEntry(paper=each.paper, method=each.method, figures=each.rows) for each in found)


def _graph(graph: PaperGraph) -> GraphFile:
    return GraphFile(
        version=VERSION,
        model=graph.model,
        citations_known=bool(graph.cites),
        places=tuple(
            PlaceEntry(paper=key, x=x, y=y, by_words=key in graph.by_words)
            for key, (x, y) in graph.places.items()
        ),
        edges=tuple(
            EdgeEntry(kind=kind.value, source=one, target=other, weight=weight)
            for kind in Edge
            for one, other, weight in graph.edges(kind)
        ),
    )


def _taxonomy(given: ApiInput) -> TaxonomyFile:
    views = {branch.id: branch for facet in given.facets for branch in walk(tuple(facet.branches))}
    branches = [
        BranchEntry(
            id=id,
            facet=placed.facet,
            parent=placed.parent,
            title=placed.title,
            description=placed.branch.description,
            page=html_of(views[id].page),
            feed=feed_of_branch(id),
            confirmed=views[id].confirmed,
            proposed=views[id].proposed,
        )
        for id, placed in given.taxonomy.branches.items()
    ]
    facets = [
        FacetEntry(id=facet.id, title=facet.title, description=facet.description, single=facet.single)
        for facet in given.taxonomy.facets
    ]
    return TaxonomyFile(
        version=VERSION,
        facets=tuple(facets),
        branches=tuple(branches),
        redirects=dict(given.taxonomy.redirects),
    )


def _results(found: Findings) -> ResultsFile:
    words = found.results.words
    return ResultsFile(
        version=VERSION,
        results=tuple(
            ResultEntry(ref=row.ref, row=row, doubts=found.doubts.get(row.ref, ()))
            for row in found.results.rows
        ),
        sources=tuple(words.sources.values()),
        models=tuple(words.models.values()),
        benchmarks=tuple(words.benchmarks.values()),
        methods=tuple(words.methods.values()),
    )


def _claims(found: Findings) -> ClaimsFile:
    unique: dict[str, Judgement] = {}
    for judged in found.judged:
        unique.setdefault(judged.name, judged)
    return ClaimsFile(version=VERSION, claims=tuple(map(_claim, unique.values())))


def _claim(judged: Judgement) -> ClaimEntry:
    from kb.link.verdict_data import verdict_data  # brings statistics with it

    data = verdict_data(judged.verdict, judged.claim)
    data["outcome"] = data["outcome"] or None
    paper = judged.verdict.paper
    return ClaimEntry(
        name=judged.name,
        paper=paper,
        page=html_of(page_of_claim(paper, judged.claim.id)),
        claim=judged.claim,
        verdict=VerdictEntry.model_validate_json(_line(data)),
    )


def _changes(history: History) -> ChangesFile:
    events = [
        EventEntry(
            name=event.name,
            at=event.at,
            kind=event.kind,
            paper=event.paper,
            title=event.title,
            claim=event.claim,
            branch=event.branch,
            before=event.before,
            after=event.after,
            commit=event.commit,
        )
        for event in history.events
    ]
    return ChangesFile(version=VERSION, source=history.source, since=history.since, events=tuple(events))
