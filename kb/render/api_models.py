"""The static API, version 1, as models: its JSON Schemas and the page about it are made from them.

Within version 1, fields may come; none goes, and none changes its meaning. What would break a reader is version 2, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from kb.records.claims import Claim
from kb.records.models import Assignment, Author, Dates, Identifiers, Links, Note, Review
from kb.records.results import Benchmark, Method, Model, ReportedResult, ResultSource

VERSION = "1.0"


class Api(BaseModel):
    """Base of what the API says: frozen. A reader ignores fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class FileEntry(Api):
    """A file of the API.

    Attributes:
        path: relative to the site.
        schema_path: its JSON Schema.
        about: what it holds.
        entries: how many papers, branches, results, claims, runs or events.
    """

    path: str
    schema_path: str
    about: str
    entries: int


class FeedLink(Api):
    """An Atom feed.

    Attributes:
        path: relative to the site.
        title: what it is of.
    """

    path: str
    title: str


class IndexFile(Api):
    """What there is.

    Attributes:
        version: of the API; the number before the point is the one in its path.
        title: of the survey.
        url: where the site stands; null where kb.toml does not say.
        repository: where the records are kept; null where kb.toml does not say.
        files: every file but those of single papers, which papers.json names.
        feeds: to follow what is new.
    """

    version: str
    title: str
    url: str | None
    repository: str | None
    files: tuple[FileEntry, ...]
    feeds: tuple[FeedLink, ...]


class PaperEntry(Api):
    """A paper in the list.

    Attributes:
        key: its cite key, for ever.
        page: for people, relative to the site.
        file: all that is known of it, relative to the site.
        title: as printed.
        authors: names in the order of the paper.
        year: of the first version; null where that is not known.
        published, updated: as precise as known, such as "2025" or "2025-04-07"; null where that is not known.
        venue: where it is published.
        state: one of preprint, published, withdrawn.
        status: one of included, stub; a stub is a place kept for a paper of which too little is known.
        arxiv_id: without version.
        doi: bare and in lower case.
        code: addresses of repositories.
        confirmed: ids of the branches that a person confirmed.
        proposed: ids of the branches that a list, the classifier or a person proposes, and nobody confirmed or rejected.
        review: how far its card is, one of done, draft, stub; null where there is none.
        summary: the review's summary.
        verdicts: how many of its claims have each verdict.
    """

    key: str
    page: str
    file: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    published: str | None
    updated: str | None
    venue: str | None
    state: str
    status: str
    arxiv_id: str | None
    doi: str | None
    code: tuple[str, ...]
    confirmed: tuple[str, ...]
    proposed: tuple[str, ...]
    review: str | None
    summary: str | None
    verdicts: Mapping[str, int]


class PapersFile(Api):
    """Every paper.

    Attributes:
        version: of the API.
        papers: by key.
    """

    version: str
    papers: tuple[PaperEntry, ...]


class SimilarEntry(Api):
    """A paper that is like another one.

    Attributes:
        paper: its key.
        similarity: 0 is an average pair of papers, 1 as close as one pair in a thousand; where graph.json says that the paper
            is placed by words, the cosine of the weighed words of the titles.
        branches: of the first facet, in which both papers stand.
    """

    paper: str
    similarity: float
    branches: tuple[str, ...]


class MeasuredEntry(Api):
    """Figures of a method.

    Attributes:
        paper: the other paper's key.
        method: what pages call the method.
        figures: how many.
    """

    paper: str
    method: str
    figures: int


class PaperFile(Api):
    """All that is known of one paper: its record, and what follows from it.

    Attributes:
        version: of the API.
        key: its cite key, for ever.
        page: for people, relative to the site.
        title: as printed.
        authors: in the order of the paper.
        identifiers: what it is called elsewhere.
        dates: when it appeared, and when it last changed.
        venue: where it is published.
        publication_state: one of preprint, published, withdrawn.
        withdrawn_reason: why it was withdrawn.
        links: code and data.
        status: one of included, stub.
        labels: places in the taxonomy, with everybody who speaks for or against them.
        standings: by branch, what all these voices together make of it: confirmed, proposed or rejected.
        review: the review card; null where there is none. [[key]] and [[branch:id]] refer to papers and branches.
        claims: names of its claims in claims.json.
        notes: remarks.
        abstract: only where the survey keeps abstracts.
        citation: a line to cite it by.
        bibtex: the same as BibTeX.
        similar: the papers most like it, the most alike first.
        cites, cited_by: keys of papers of the survey; graph.json says whether citations are known at all.
        measures: other papers' methods of which it reports figures.
        measured_by: papers that report figures of its method.
    """

    version: str
    key: str
    page: str
    title: str
    authors: tuple[Author, ...]
    identifiers: Identifiers
    dates: Dates
    venue: str | None
    publication_state: str
    withdrawn_reason: str | None
    links: Links
    status: str
    labels: tuple[Assignment, ...]
    standings: Mapping[str, str]
    review: Review | None
    claims: tuple[str, ...]
    notes: tuple[Note, ...]
    abstract: str | None
    citation: str
    bibtex: str
    similar: tuple[SimilarEntry, ...]
    cites: tuple[str, ...]
    cited_by: tuple[str, ...]
    measures: tuple[MeasuredEntry, ...]
    measured_by: tuple[MeasuredEntry, ...]


class PlaceEntry(Api):
    """Where a paper lies on the map.

    Attributes:
        paper: its key.
        x, y: from -100 to 100; papers that are alike lie close together, and neither axis means anything.
        by_words: no embedding was computed yet: its place and its likes come from the words of its title.
    """

    paper: str
    x: float
    y: float
    by_words: bool


class EdgeEntry(Api):
    """What joins two papers.

    Attributes:
        kind: similar goes both ways; cites and measures lead from one paper to the earlier one. One of similar, cites, measures.
        source, target: keys of papers.
        weight: similarity, or the number of figures; 1 for a citation.
    """

    kind: str
    source: str
    target: str
    weight: float


class GraphFile(Api):
    """What joins papers, and the map of them.

    Attributes:
        version: of the API.
        model: what computed the embeddings; empty where none were.
        citations_known: citations were asked for; otherwise that there is no edge says nothing.
        places: by key.
        edges: by kind.
    """

    version: str
    model: str
    citations_known: bool
    places: tuple[PlaceEntry, ...]
    edges: tuple[EdgeEntry, ...]


class FacetEntry(Api):
    """A way of sorting.

    Attributes:
        id: its slug.
        title: what pages call it.
        description: what it sorts by.
        single: a paper has at most one confirmed branch of it.
    """

    id: str
    title: str
    description: str
    single: bool


class BranchEntry(Api):
    """A branch of the taxonomy.

    Attributes:
        id: the full id, which labels name.
        facet: the facet's id.
        parent: the id of the branch above it; null at the top. A top branch of the first facet is a direction.
        title: what pages call it.
        description: what belongs there.
        page: for people, relative to the site.
        feed: its Atom feed, relative to the site.
        confirmed, proposed: how many papers, those of the branches below included.
    """

    id: str
    facet: str
    parent: str | None
    title: str
    description: str
    page: str
    feed: str
    confirmed: int
    proposed: int


class TaxonomyFile(Api):
    """How papers are sorted.

    Attributes:
        version: of the API.
        facets: ways of sorting.
        branches: parents before children.
        redirects: from the id of a branch that is no more to the one that stands for it now.
    """

    version: str
    facets: tuple[FacetEntry, ...]
    branches: tuple[BranchEntry, ...]
    redirects: Mapping[str, str]


class ResultEntry(Api):
    """A reported figure.

    Attributes:
        ref: its name.
        row: as the source reports it.
        doubts: what does not add up.
    """

    ref: str
    row: ReportedResult
    doubts: tuple[str, ...]


class ResultsFile(Api):
    """What sources report that they measured, and the words of it.

    Attributes:
        version: of the API.
        results: in the order of sources and rows.
        sources, models, benchmarks, methods: what the rows name.
    """

    version: str
    results: tuple[ResultEntry, ...]
    sources: tuple[ResultSource, ...]
    models: tuple[Model, ...]
    benchmarks: tuple[Benchmark, ...]
    methods: tuple[Method, ...]


class EstimateEntry(Api):
    """An estimated effect, variant minus baseline.

    Attributes:
        effect: in points of 100 for accuracy, else in the metric's unit, or in percent.
        low, high: its 90 % interval; null where no uncertainty is known.
        p_support, p_refute: one-sided p values: of the claim being false, and of it being true.
        units: independent units behind it.
        cells: comparisons behind it.
        method: how it was made.
    """

    effect: float | None
    low: float | None
    high: float | None
    p_support: float | None
    p_refute: float | None
    units: int
    cells: int
    method: str


class VoiceEntry(EstimateEntry):
    """What one source says by itself.

    Attributes:
        state: the verdict from its figures alone.
    """

    state: str


class VerdictEntry(Api):
    """What the evidence makes of a claim.

    Attributes:
        state: one of supported, refuted, inconclusive, contested, stale, untested.
        says: the verdict that the evidence gives, where the state is stale; else the same.
        why: one sentence.
        outcome: the estimate over all evidence; null where there is none.
        sources: by source.
        needed: how many times as many items or units would decide; null where that is no matter of numbers.
        cells: comparisons that count.
        left_out: comparisons that were looked at and do not count.
        claim_hash, evidence_hash: of what the verdict was computed from.
    """

    state: str
    says: str
    why: str
    outcome: EstimateEntry | None
    sources: Mapping[str, VoiceEntry]
    needed: float | None
    cells: int
    left_out: int
    claim_hash: str
    evidence_hash: str


class ClaimEntry(Api):
    """A claim and its verdict.

    Attributes:
        name: key/id, for ever.
        paper: the key of the paper that makes it.
        page: for people, relative to the site.
        claim: as the record has it.
        verdict: computed from results.json and runs.json.
    """

    name: str
    paper: str
    page: str
    claim: Claim
    verdict: VerdictEntry


class ClaimsFile(Api):
    """What papers claim, held against what was measured.

    Attributes:
        version: of the API.
        claims: in the order of papers.
    """

    version: str
    claims: tuple[ClaimEntry, ...]


class Share(Api):
    """An accuracy with its 95 % interval over items, from 0 to 1.

    Attributes:
        value: null where nothing was scored.
        low, high: null where no interval can be had.
        items: how many.
    """

    value: float | None
    low: float | None
    high: float | None
    items: int


class RunEntry(Api):
    """A run of the harness.

    Attributes:
        id: its folder under runs/ of the repository.
        state: complete; imported, from another harness's log.
        model: what was run.
        weight_hash: of its weights; null where they were not seen.
        method: what was done to the model; "none" is the model as it is.
        weight_bits, act_bits, kv_bits: of weights, activations and KV cache, nominal; 16 is the model as it is.
        effective_bits: of the weights, scales included; null where that is not known.
        task: name of the task or benchmark.
        task_version: of the task; null where it has none.
        seed: of the samples.
        baseline: the run of the same model at full precision that it is compared with.
        accuracy: over all samples that were scored.
        unscored: samples that could not be scored.
        groups: accuracy by chain length or kind of puzzle.
    """

    id: str
    state: str
    model: str
    weight_hash: str | None
    method: str
    weight_bits: float
    act_bits: float
    kv_bits: float
    effective_bits: float | None
    task: str
    task_version: str | None
    seed: int | None
    baseline: str | None
    accuracy: Share
    unscored: int
    groups: Mapping[str, Share]


class RunsFile(Api):
    """What this survey measured itself.

    Attributes:
        version: of the API.
        runs: by id. Runs that are under way are left out.
    """

    version: str
    runs: tuple[RunEntry, ...]


class EventEntry(Api):
    """Something that happened to the survey.

    Attributes:
        name: what tells it from every other event.
        at: when it came into the survey, RFC 3339 in UTC.
        kind: one of new, gone, published, withdrawn, restored, reviewed, verdict, label.
        paper: the record's key.
        title: what a record was called that is gone; else empty.
        claim: the claim's id, for a verdict; else empty.
        branch: for a label; else empty.
        before, after: verdict or standing; else empty.
        commit: of the repository; empty where there is no git history.
    """

    name: str
    at: str
    kind: str
    paper: str
    title: str
    claim: str
    branch: str
    before: str
    after: str
    commit: str


class ChangesFile(Api):
    """What happened, each event once.

    Attributes:
        version: of the API.
        source: one of git, shallow (a clone that begins at `since`), records (no git: reviews alone have a date).
        since: the day at which a shallow history begins; else empty.
        events: newest first.
    """

    version: str
    source: str
    since: str
    events: tuple[EventEntry, ...]


FILES: Mapping[str, type[Api]] = {
    "index": IndexFile,
    "papers": PapersFile,
    "paper": PaperFile,
    "taxonomy": TaxonomyFile,
    "results": ResultsFile,
    "claims": ClaimsFile,
    "runs": RunsFile,
    "changes": ChangesFile,
    "graph": GraphFile,
}
"""Schemas by name, and the models they are made from. `paper` is of papers/<key>.json; any other is of the file of its name."""
