"""Every page of the site as Markdown, computed from records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kb.errors import DataError
from kb.records.candidates import Candidate
from kb.records.models import Paper
from kb.records.relabel import relabelled
from kb.render.api import ApiInput, api_files, file_of_paper
from kb.render.api_models import VERSION
from kb.render.api_page import LLMS, api_page, llms_txt
from kb.render.api_page import PAGE as API
from kb.render.branches import BranchView, Entry, FacetView, by_year, view_facets, walk
from kb.render.changes import FEED as CHANGES_FEED
from kb.render.changes import MANY, Changes
from kb.render.changes import PAGE as CHANGES
from kb.render.charts.pictures import pictures_of
from kb.render.citation import bibtex_of_survey, line_of_survey
from kb.render.claim_words import BADGES
from kb.render.env import make_environment, relative, render_template
from kb.render.escape import SafeText, escape_text
from kb.render.feeds import feed_of_branch, paper_feeds
from kb.render.findings import Judgement
from kb.render.from_disk import twin
from kb.render.graph_pages import PICTURE as MAP_FILE
from kb.render.graph_pages import add_graph
from kb.render.issue_links import issue_url
from kb.render.needs_work import open_work
from kb.render.picture_pages import Exhibit, add_pictures
from kb.render.places import Places
from kb.render.prose import Target, resolve_markdown
from kb.render.redirects import redirects_of_branches, redirects_of_papers
from kb.render.relations import MAP, relations_of
from kb.render.result_views import paper_results
from kb.render.site_input import Site, SiteInput
from kb.render.story import by_paper, tell
from kb.render.survey_table import BIBTEX, DATA, PAGE, survey_table
from kb.render.views import (
    PaperView,
    Problem,
    Row,
    Waiting,
    Writer,
    edit_link,
    page_of_branch,
    page_of_paper,
    reviewed,
    row_of,
    standings,
    target_of,
    waiting_of,
)

# A list longer than this is split by year. A browser shows a few hundred rows at once without effort.
LIST_LIMIT = 200
# On the page of what needs work each list is cut here: it is a start, not an archive.
WORK_LIMIT = 100
NEWEST = 8
# Team papers have a hundred authors and more: the rest is folded away.
SHOWN_AUTHORS = 20
# Tables of figures longer than this are folded.
FOLDED = 12


def render_site(given: SiteInput) -> Site:
    """Make every page.

    Raises:
        DataError: a template is broken, or a hand-written page has the path of a generated one.
    """
    return _Renderer(given).render()


class _Renderer:
    def __init__(self, given: SiteInput) -> None:
        # Labels that still name an old branch stand where it is now, until they are migrated.
        papers = {key: relabelled(paper, given.taxonomy) for key, paper in given.papers.items()}
        self.given = given = replace(given, papers=papers)
        self.env = make_environment(given.templates)
        self.env.globals["site_title"] = given.settings.title
        self.env.globals["repository"] = given.settings.repository
        self.env.globals["issue_form"] = partial(issue_url, given.settings.repository)
        self.env.globals["main_facet"] = given.taxonomy.facets[0].title
        self.env.globals["badges"] = BADGES
        self.env.globals["folded"] = FOLDED
        self.env.globals["has_claims"] = bool(given.findings.judged)
        self.env.globals["has_results"] = bool(given.findings.results.rows)
        self.pages: dict[str, str] = {}
        self.merged = {gone: into for gone, into in given.merged if gone not in given.papers}
        verdicts = {judged.name: judged.state for judged in given.findings.judged}
        self.writer = Writer(given.taxonomy, self.resolve, given.settings.repository, verdicts=verdicts)
        self.places = Places(given.findings.results, given.papers)
        by_key = sorted(given.papers.values(), key=lambda paper: paper.key)
        newest = sorted(by_key, key=lambda paper: paper.dates.published or "", reverse=True)
        self.rows = {paper.key: row_of(paper, given.taxonomy) for paper in newest}
        known = {key: paper for key, paper in given.papers.items() if self._labels_known(paper)}
        rows = {key: row for key, row in self.rows.items() if key in known}
        self.citations = {key: given.cite(paper) for key, paper in papers.items()}
        self.facets = view_facets(given.taxonomy, known, rows)
        self.views = {
            key: self.writer.paper(
                given.papers[key],
                bibtex=given.bibtex([given.papers[key]]),
                sources=given.seen_in.get(key, ()),
            )
            for key in self.rows
        }

        everyone = [
            Entry(row, "confirmed" in standings(papers[key]).values()) for key, row in self.rows.items()
        ]
        self.pictures = pictures_of(self.facets, everyone, papers, given.findings, given.history, self.places)
        self.env.globals["pictures"] = self.pictures

    def render(self) -> Site:
        self._home()
        self._papers()
        self._survey()
        self._survey_table()
        self._graph()
        self._branches()
        self._findings()
        self._pictures()
        self._needs_work()
        self._feeds()
        self._redirects()
        self._changes()
        self._api()
        self._about()
        self._handwritten()
        verdicts = tuple(sorted(self.writer.verdicts.items()))
        return Site(dict(sorted(self.pages.items())), tuple(self.writer.problems), verdicts)

    def resolve(self, reference: str) -> Target | None:
        """The page that ``[[reference]]`` speaks of."""
        if reference.startswith("branch:"):
            branch = self.given.taxonomy.final_branch(reference.removeprefix("branch:").strip())
            if branch is None:
                return None
            return Target(page_of_branch(branch), self.given.taxonomy.branches[branch].title)
        paper = self.given.papers.get(self.final_key(reference))
        return target_of(paper) if paper else None

    def final_key(self, key: str) -> str:
        """The key that stands for `key` after all merges; itself if it was never merged, or in a circle."""
        seen: set[str] = set()
        while key in self.merged and key not in seen:
            seen.add(key)
            key = self.merged[key]
        return key

    def _labels_known(self, paper: Paper) -> bool:
        return all(label.branch in self.given.taxonomy.branches for label in paper.labels)

    def _add(self, path: str, template: str, **values: Any) -> None:
        self._put(path, render_template(self.env, template, path, **values))

    def _put(self, path: str, text: str) -> None:
        if path in self.pages:
            raise DataError(
                "kb makes a page of this name itself", file=f"site/docs/{path}", fix="give yours another name"
            )
        self.pages[path] = text

    def _home(self) -> None:
        rows = list(self.rows.values())
        candidates = Counter(candidate.state.value for candidate in self.given.candidates)
        self._add(
            "index.md",
            "home.md.j2",
            introduction=self._introduction(),
            total=len(rows),
            reviewed=sum(reviewed(paper) for paper in self.given.papers.values()),
            claims=len(self.given.findings.judged),
            code=sum(bool(paper.links.code) for paper in self.given.papers.values()),
            waiting=sum(candidates.values()),
            facet=self.facets[0],
            newest=rows[:NEWEST],
            reviews=self._latest_reviews(),
            citation=bibtex_of_survey(self.given.settings, self.given.bibtex),
            citation_line=line_of_survey(self.given.settings),
        )

    def _introduction(self) -> SafeText:
        """What kb.toml says of the survey: Markdown that its maintainers write, as on a hand-written page."""
        settings = self.given.settings
        if settings.introduction is None:
            return escape_text(settings.description or "")
        return SafeText(self._resolved("index.md", settings.introduction.strip(), "kb.toml"))

    def _about(self) -> None:
        """How to read the survey and how to contribute; a hand-written page of the name takes its place."""
        if "about.md" in self.given.handwritten:
            return
        keys = sorted(self.rows, key=lambda key: (not reviewed(self.given.papers[key]), key))
        branches = sorted(self.given.taxonomy.branches.values(), key=lambda branch: not branch.depth)
        self._add(
            "about.md",
            "about.md.j2",
            paper=SafeText(keys[0] if keys else "lovelace1843notes"),
            branch=SafeText(branches[0].id),
            has_sorting="sorting.md" in self.given.handwritten,
        )

    def _latest_reviews(self) -> list[PaperView]:
        done = [self.views[key] for key in sorted(self.views) if reviewed(self.given.papers[key])]
        return sorted(done, key=lambda view: view.review.date or "", reverse=True)[:NEWEST]

    def _papers(self) -> None:
        events = by_paper(self.given.history.events)
        relations = relations_of(
            self.given.graph, self.rows, self.given.taxonomy, self.given.findings.results
        )
        for key, view in self.views.items():
            shown = SHOWN_AUTHORS if len(view.authors) > SHOWN_AUTHORS + 5 else len(view.authors)
            results = paper_results(key, self.given.findings, self.places)
            self._add(
                page_of_paper(key),
                "paper.md.j2",
                paper=view,
                shown_authors=shown,
                results=results,
                relations=relations(key),
                citation=self.citations[key],
                data=file_of_paper(key),
                story=tell(
                    self.given.papers[key],
                    events.get(key, ()),
                    self.given.provenance.get(key, {}),
                    self.given.taxonomy,
                    has_claims=bool(self.given.findings.judged),
                ),
            )

    def _findings(self) -> None:
        """Claims and results, if there are any."""
        found = self.given.findings
        if not (found.judged or found.results.rows):
            return
        # brings statistics with it
        from kb.render.finding_pages import add_claims, add_contradictions, add_gaps, add_results

        if found.judged:
            found = replace(found, judged=self._told_apart(found.judged))
            add_claims(self._add, found, self.given.papers, self.places, self.given.settings.repository)
        if found.results.rows:
            add_results(self._add, found, self.places)
        add_contradictions(self._add, found, self.given.papers, self.places)
        add_gaps(self._add, found, self.places)

    def _told_apart(self, judged: Sequence[Judgement]) -> tuple[Judgement, ...]:
        """Claims of different names; a name that stands twice is a problem of its record."""
        unique: dict[str, Judgement] = {}
        for each in judged:
            if each.name in unique:
                paper, _, claim = each.name.partition("/")
                message = f"the claim id {claim} is used twice"
                self.writer.problems.append(
                    Problem(message, f"papers/{paper}.yaml", "claims", fix="rename one")
                )
            unique.setdefault(each.name, each)
        return tuple(unique.values())

    def _survey(self) -> None:
        table = [self.views[key] for key in self.rows if self.views[key].cells is not None]
        table.sort(key=lambda view: _REVIEW_ORDER[view.review.state])
        years = by_year(tuple(Entry(row, True) for row in self.rows.values()), "survey")
        self._add("survey.md", "survey.md.j2", table=table, years=years, total=len(self.rows))
        for year in years:
            self._add(
                year.page,
                "year.md.j2",
                title=f"Papers of {year.title}" if year.title != "No date" else "Papers without a date",
                back="survey.md",
                back_title="Summary table",
                year=year,
                branch=None,
            )

    def _survey_table(self) -> None:
        table = survey_table(self.given.papers, self.views, self.given.taxonomy, self.given.venue_series)
        self._add(PAGE, "survey-table.md.j2", table=table, total=len(self.rows))
        for path, text in ((DATA, table.data), (BIBTEX, table.bibtex)):
            self._put(path, text)
            self._put(*twin(path, text))

    def _graph(self) -> None:
        given = self.given
        add_graph(
            self._add,
            self._put,
            given.graph,
            given.papers,
            self.rows,
            given.taxonomy,
            given.settings.title,
            given.map_figures,
        )

    def _branches(self) -> None:
        self._add("taxonomy.md", "taxonomy.md.j2", facets=self.facets)
        for facet in self.facets:
            for branch in walk(facet.branches):
                self._branch(facet, branch)

    def _branch(self, facet: FacetView, branch: BranchView) -> None:
        years = by_year(branch.entries, f"branches/{branch.id}")
        split = branch.total > LIST_LIMIT
        self._add(
            branch.page,
            "branch.md.j2",
            facet=facet,
            branch=branch,
            years=years,
            split=split,
            feed=feed_of_branch(branch.id),
        )
        for year in years if split else ():
            self._add(
                year.page,
                "year.md.j2",
                title=f"{branch.title}, {year.title}",
                back=branch.page,
                back_title=branch.title,
                year=year,
                branch=branch,
            )

    def _pictures(self) -> None:
        said = "A point is a paper; what is near is alike."
        others = [Exhibit("map", "Map of papers", said, MAP, MAP_FILE)] if MAP_FILE in self.pages else []
        add_pictures(self._add, self._put, self.pictures, self.given.settings, others)

    def _needs_work(self) -> None:
        work = open_work(self.given.papers.values(), self.given.candidates)
        self._add(
            "needs-work.md",
            "needs-work.md.j2",
            limit=WORK_LIMIT,
            suspicious=self._waiting(work.suspicious),
            unresolved=self._waiting(work.unresolved),
            candidates=self._waiting(work.candidates),
            stubs=[self.rows[paper.key] for paper in work.stubs],
            unlabelled=[self.rows[paper.key] for paper in work.unlabelled],
            unreviewed=[self.rows[paper.key] for paper in work.unreviewed],
            edits={key: edit_link(self.given.settings.repository, f"papers/{key}.yaml") for key in self.rows},
        )

    def _waiting(self, candidates: Sequence[Candidate]) -> list[Waiting]:
        def alike(each: Candidate) -> tuple[Row, ...]:
            return tuple(self.rows[key] for like in each.like if (key := self.final_key(like)) in self.rows)

        return [waiting_of(each, alike(each)) for each in candidates]

    def _feeds(self) -> None:
        given = self.given
        for path, text in paper_feeds(given.papers, self.views, self.facets, given.taxonomy, given.settings):
            self._put(path, text)

    def _changes(self) -> None:
        """After all other pages: it links to those that there are."""
        given = self.given
        changes = Changes(given.history, given.papers, given.taxonomy, self.pages, given.settings)
        self._put(CHANGES_FEED, changes.feed())
        years = changes.years()
        values = {"history": given.history, "many": MANY, "directions": self._directions()}
        newest = years[0] if years else None
        self._add(
            CHANGES,
            "changes.md.j2",
            title="What changed",
            newest=True,
            year=newest,
            older=years[1:],
            **values,
        )
        for year in years[1:]:
            title = f"What changed in {year.title}"
            self._add(year.page, "changes.md.j2", title=title, newest=False, year=year, older=(), **values)

    def _api(self) -> None:
        given = self.given
        source = ApiInput(
            papers=given.papers,
            views=self.views,
            taxonomy=given.taxonomy,
            facets=self.facets,
            findings=given.findings,
            runs=given.runs,
            history=given.history,
            settings=given.settings,
            citations=self.citations,
            graph=given.graph,
        )
        for path, text in api_files(source):
            self._put(path, text)
        self._add(API, "api.md.j2", files=api_page(), directions=self._directions(), version=VERSION)
        self._put(LLMS, llms_txt(source))

    def _directions(self) -> list[tuple[str, str]]:
        return [(branch.title, feed_of_branch(branch.id)) for branch in self.facets[0].branches]

    def _redirects(self) -> None:
        """After the pages of branches: those of their years have redirects, too."""
        for found in (
            redirects_of_papers(self.merged, self.final_key, self.given.papers),
            redirects_of_branches(self.given.taxonomy, self.pages),
        ):
            for each in found:
                if isinstance(each, Problem):
                    self.writer.problems.append(each)
                else:
                    self._put(*each)

    def _handwritten(self) -> None:
        for path, text in sorted(self.given.handwritten.items()):
            self._put(path, self._resolved(path, text))

    def _resolved(self, path: str, text: str, file: str | None = None) -> str:
        def link(reference: str, words: str | None) -> str | None:
            target = self.resolve(reference)
            if target is None:
                return None
            return f"[{escape_text(words or target.label)}]({relative(target.page, path)})"

        def complain(reference: str, line: int) -> None:
            message = f"[[{reference}]] is neither a paper's key nor a branch"
            self.writer.problems.append(
                Problem(message, file or f"site/docs/{path}", line=line, fix="correct the reference")
            )

        return resolve_markdown(text, link, complain)


_REVIEW_ORDER = {"done": 0, "draft": 1, "stub": 2}
