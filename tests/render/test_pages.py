"""The pages of a small library."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from kb.config import SiteSettings
from kb.errors import DataError
from kb.export.bibtex import render_bibtex
from kb.records.candidates import Candidate, CandidateState
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.branches import view_facets, walk
from kb.render.env import make_environment, render_template
from kb.render.navigation import expand_navigation
from kb.render.pages import LIST_LIMIT, render_site
from kb.render.site_input import Site, SiteInput
from kb.render.views import Guess, Voices, row_of
from tests.library import REPO, invent_papers

TAXONOMY = load_taxonomy(REPO / "taxonomy.yaml")


@cache
def templates() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (REPO / "templates").glob("*.j2")}


def site_input(*papers: Paper, **changes: Any) -> SiteInput:
    settings = SiteSettings(title="T", repository="https://github.com/example/survey")
    given = SiteInput({p.key: p for p in papers}, TAXONOMY, settings, templates(), render_bibtex)
    return replace(given, **changes)


def paper(key: str = "a2020b", **fields: Any) -> Paper:
    return Paper.from_data(key, {"title": "A Title", "authors": ["Ada Almeida"], **fields})


def render(*papers: Paper, **changes: Any) -> Site:
    return render_site(site_input(*papers, **changes))


def test_every_kind_of_page_is_there_even_without_a_record() -> None:
    """An empty knowledge base has a site: home, table, taxonomy, work list and all branches."""
    pages = render().pages
    assert {"index.md", "survey.md", "taxonomy.md", "needs-work.md"} <= pages.keys()
    assert all(f"branches/{branch}.md" in pages for branch in TAXONOMY.branches)


def test_pages_do_not_depend_on_the_order_of_records() -> None:
    """The same records in another order give the same bytes."""
    papers = invent_papers(40)
    assert render(*papers) == render(*reversed(papers))


def test_confirmed_and_proposed_labels_are_told_apart() -> None:
    """A person's word makes a label confirmed, a list's or a classifier's only proposed, with the witnesses named."""
    labels = [
        {"branch": "shorter/rl", "by": "list", "source": "someone/list"},
        {"branch": "shorter/rl", "by": "person", "source": "Ada", "state": "confirmed"},
        {"branch": "smaller", "by": "classifier", "source": "v1", "confidence": 0.5},
        {"branch": "faster", "by": "list", "source": "someone/list"},
        {"branch": "faster", "by": "person", "source": "Ada", "state": "rejected"},
    ]
    pages = render(paper(labels=labels)).pages
    rows = [line for line in pages["papers/a2020b.md"].splitlines() if "kb-standing" in line]
    assert [row.split("kb-standing-")[1].split('"')[0] for row in rows] == [
        "confirmed",
        "proposed",
        "rejected",
    ]
    assert "confirmed by Ada. listed by someone/list" in rows[0]
    assert "classifier v1, 50% sure" in rows[1]
    assert "rejected by Ada. listed by someone/list" in rows[2]
    assert "1 paper: 1 label confirmed by a person, 0 proposed" in pages["branches/shorter.md"]
    assert "1 paper: 0 labels confirmed by a person, 1 proposed" in pages["branches/smaller.md"]
    assert "0 papers" in pages["branches/faster.md"]


def test_a_direction_in_a_list_says_whether_a_person_confirmed_it() -> None:
    """By a sign and not by colour alone; a label below a direction counts for it."""
    labels = [
        {"branch": "shorter", "by": "list", "source": "someone/list"},
        {"branch": "shorter/rl", "by": "person", "source": "Ada", "state": "confirmed"},
        {"branch": "smaller", "by": "list", "source": "someone/list"},
        {"branch": "faster", "by": "list", "source": "someone/list", "state": "rejected"},
    ]
    review = {"state": "done", "focus": "Shortness"}
    pages = render(paper(labels=labels, review=review, dates={"published": "2020"})).pages
    for page in ("survey.md", "survey/2020.md", "branches/smaller.md"):
        (row,) = [line for line in pages[page].splitlines() if "A Title" in line]
        assert 'kb-standing-confirmed" title="confirmed by a person">Shorter ✓</span>' in row
        assert 'kb-standing-proposed" title="proposed">Smaller?</span>' in row
        assert "Faster" not in row


def test_a_branch_names_the_witnesses_of_each_label() -> None:
    """Those of the branches below it, too; each once, people before lists before the classifier."""
    labels = [
        {"branch": "shorter/sft", "by": "list", "source": "someone/list"},
        {"branch": "shorter", "by": "list", "source": "someone/list"},
        {"branch": "shorter/rl", "by": "classifier", "source": "v1", "confidence": 0.62},
        {"branch": "shorter/rl", "by": "person", "source": "Jun"},
    ]
    labels[2]["evidence"] = ["matched: length penalty"]
    labels.append({"branch": "faster", "by": "list", "source": "someone/list"})
    labels.append(
        {
            "branch": "faster",
            "by": "person",
            "source": "Jun",
            "state": "rejected",
            "evidence": ["reason: slow"],
        }
    )
    pages = render(paper(labels=labels)).pages
    assert "rejected by Jun &#40;reason: slow&#41;. listed by someone/list" in pages["papers/a2020b.md"]
    (row,) = [line for line in pages["branches/shorter.md"].splitlines() if "A Title" in line]
    assert "proposed by Jun. listed by someone/list</span>" in row
    assert "<summary>classifier, 62% sure</summary>" in row
    assert "matched: length penalty" in row


def test_evidence_is_folded_and_inert() -> None:
    """What the classifier stands on is there for who asks, and cannot become markup."""
    guess = Guess("v1", "62%", ("matched: <b>length penalty</b> | x", "like A Title (a2020b)"))
    values = {"who": Voices(lists=("someone/list",), guesses=(guess,))}
    text = render_template(make_environment(templates()), "_voices.md.j2", "index.md", **values)
    assert "\n" not in text
    assert '<details class="kb-guess" data-search-exclude><summary>classifier, 62% sure</summary>' in text
    assert "matched: &#60;b&#62;length penalty&#60;/b&#62; &#124; x" in text


def test_old_pages_of_branches_lead_to_the_new_ones() -> None:
    """Renamed, moved or merged: the page, the pages of its years, references, and labels that still name it."""
    taxonomy = TAXONOMY.model_copy(
        update={"redirects": {"quick": "faster", "smaller/bits": "smaller/quantization", "old": "quick"}}
    )
    labels = [{"branch": "smaller/bits", "by": "list", "source": "someone/list"}]
    insight = {"insight": "See [[branch:old]]."}
    many = [
        paper(
            f"a2020b{n}",
            labels=[{"branch": "quick", "by": "list", "source": "l"}],
            dates={"published": "2020"},
        )
        for n in range(LIST_LIMIT + 1)
    ]
    site = render(paper(labels=labels, review=insight), *many, taxonomy=taxonomy)
    assert site.problems == ()
    assert 'url=../smaller/quantization.html"' not in site.pages["branches/smaller/bits.html"]
    assert '0; url=quantization.html"' in site.pages["branches/smaller/bits.html"]
    assert '0; url=faster.html"' in site.pages["branches/quick.html"]
    assert '0; url=faster.html"' in site.pages["branches/old.html"]
    assert '0; url=../faster/2020.html"' in site.pages["branches/old/2020.html"]
    assert "../branches/faster.md" in site.pages["papers/a2020b.md"]
    assert "A Title" in site.pages["branches/smaller/quantization.md"]


def test_a_redirect_that_leads_nowhere_is_reported() -> None:
    """And a redirect of a branch that is there again is not made."""
    taxonomy = TAXONOMY.model_copy(update={"redirects": {"old": "gone", "faster": "smaller"}})
    site = render(taxonomy=taxonomy)
    (problem,) = site.problems
    assert (problem.file, problem.field) == ("taxonomy.yaml", "redirects.old")
    assert "branches/faster.html" not in site.pages


def test_a_branch_counts_each_paper_of_its_sub_branches_once() -> None:
    """A paper in two sub-branches is one paper of the branch above."""
    papers = {p.key: p for p in invent_papers(80)}
    rows = {key: row_of(p, TAXONOMY) for key, p in papers.items()}
    for facet in view_facets(TAXONOMY, papers, rows):
        for branch in walk(facet.branches):
            keys = [entry.row.key for entry in branch.entries]
            assert len(keys) == len(set(keys)) == branch.confirmed + branch.proposed
            below = {entry.row.key for child in branch.children for entry in child.entries}
            assert below <= set(keys)


def test_a_misspelt_reference_is_shown_and_reported_with_its_place() -> None:
    """A reference in a review that leads nowhere names the record and the field."""
    site = render(paper(review={"insight": "As in [[nobody2020x]]."}))
    assert "&#91;&#91;nobody2020x&#93;&#93;" in site.pages["papers/a2020b.md"]
    (problem,) = site.problems
    assert (problem.file, problem.field) == ("papers/a2020b.yaml", "review.insight")
    assert "nobody2020x" in problem.message


def test_references_lead_to_papers_and_branches() -> None:
    """References in reviews and in hand-written pages become relative links; merged keys lead to what stayed."""
    site = render(
        paper(review={"insight": "Like [[c2021d]], in [[branch:smaller/quantization]]."}),
        paper("c2021d", dates={"published": "2021"}),
        handwritten={"themes.md": "# T\n\n[[old2019x|that one]]\n"},
        merged=(("old2019x", "c2021d"),),
    )
    assert site.problems == ()
    assert "[Almeida &#40;2021&#41;](c2021d.md)" in site.pages["papers/a2020b.md"]
    assert "[Quantization](../branches/smaller/quantization.md)" in site.pages["papers/a2020b.md"]
    assert "[that one](papers/c2021d.md)" in site.pages["themes.md"]


def test_a_label_outside_the_taxonomy_is_reported_with_its_place() -> None:
    """A branch that is gone does not break the page, but is named with record and field."""
    site = render(paper(labels=[{"branch": "no/such", "by": "list", "source": "l"}]))
    (problem,) = site.problems
    assert (problem.file, problem.field) == ("papers/a2020b.yaml", "labels.0.branch")


def test_a_merged_key_sends_the_reader_on_through_all_merges() -> None:
    """The page of a key that was merged twice leads to the record that stayed; a circle or a gap is reported."""
    site = render(paper(), merged=(("one", "two"), ("two", "a2020b"), ("x", "y"), ("y", "x")))
    assert 'url=a2020b.html"' in site.pages["papers/one.html"]
    assert 'url=a2020b.html"' in site.pages["papers/two.html"]
    assert "<script" not in site.pages["papers/one.html"]
    assert {p.file for p in site.problems} == {"papers/_decisions.yaml"}
    assert len(site.problems) == 2


def test_an_unsafe_link_is_only_words() -> None:
    """What a source called a URL and is none is shown and leads nowhere."""
    waiting = Candidate(
        id="c1",
        state=CandidateState.UNRESOLVED,
        title="<b>T</b>",
        url="javascript:alert(1)",
        reason="no author | none",
        seen_in=("list x",),
    )
    page = render(candidates=(waiting,)).pages["needs-work.md"]
    assert 'href="javascript' not in page
    assert "&#60;b&#62;T&#60;/b&#62;: no author &#124; none" in page


def test_a_suspicious_candidate_stands_beside_the_record_it_resembles() -> None:
    """A person can compare the two."""
    waiting = Candidate(
        id="c1",
        state=CandidateState.SUSPICIOUS,
        title="A title",
        reason="same title",
        like=("a2020b", "gone"),
    )
    page = render(paper(), candidates=(waiting,)).pages["needs-work.md"]
    assert "Compare [A Title](papers/a2020b.md)" in page


def test_a_stub_says_what_is_missing_and_where_to_write_it() -> None:
    """A record without a review invites to write one, with a link to the file."""
    page = render(paper()).pages["papers/a2020b.md"]
    assert "Still missing: summary, problem" in page
    assert "https://github.com/example/survey/edit/main/papers/a2020b.yaml" in page


def test_a_withdrawn_paper_is_flagged_everywhere_it_is_listed() -> None:
    """Nobody reads a withdrawn paper without seeing that it is."""
    labels = [{"branch": "smaller", "by": "list", "source": "l"}]
    gone = paper(
        publication_state="withdrawn",
        withdrawn_reason="an error",
        labels=labels,
        dates={"published": "2020"},
        review={"focus": "F"},
    )
    pages = render(gone).pages
    assert "Reason given: an error" in pages["papers/a2020b.md"]
    assert all("withdrawn" in pages[p] for p in ("survey.md", "survey/2020.md", "branches/smaller.md"))


def test_long_lists_are_split_by_year() -> None:
    """No page lists more papers than a browser shows at once, but those of one year."""
    papers = [
        paper(
            f"a{n}",
            dates={"published": str(2020 + n % 2)},
            labels=[{"branch": "smaller", "by": "list", "source": "l"}],
        )
        for n in range(LIST_LIMIT + 1)
    ]
    pages = render(*papers).pages
    assert "papers/a1.md" not in pages["branches/smaller.md"]
    assert "../../papers/a1.md" in pages["branches/smaller/2021.md"]


def test_a_page_may_not_take_a_generated_name() -> None:
    """A hand-written page that kb would overwrite is an error that names it."""
    with pytest.raises(DataError, match=r"site/docs/survey\.md"):
        render(handwritten={"survey.md": "# Mine\n"})


@pytest.mark.parametrize(
    ("broken", "line"), [("# ok\n{% if %}", 2), ("{{ nothing }}", 1), ("\n{{ paper.nope }}", 2)]
)
def test_a_broken_template_is_named_with_its_line(broken: str, line: int) -> None:
    """A slip in a template is one line that says where."""
    with pytest.raises(DataError) as caught:
        render(paper(), templates=templates() | {"paper.md.j2": broken})
    assert (caught.value.file, caught.value.line) == ("templates/paper.md.j2", line)


def test_the_navigation_grows_with_the_top_of_the_taxonomy_alone() -> None:
    """Its place-holder becomes the branches at the top of the first facet, wherever it stands."""
    nav = expand_navigation(
        [{"Home": "index.md"}, {"By direction": ["top-branches", {"All": "a.md"}]}], TAXONOMY
    )
    tops = [
        {"Shorter": "branches/shorter.md"},
        {"Smaller": "branches/smaller.md"},
        {"Faster": "branches/faster.md"},
    ]
    assert nav == [{"Home": "index.md"}, {"By direction": [*tops, {"All": "a.md"}]}]


def test_home_says_what_there_is() -> None:
    """Counts, newest papers, latest reviews and how to cite stand on the first page."""
    settings = SiteSettings(title="My $survey$", citation_authors=("Ada Almeida",), citation_year=2026)
    site = render(
        paper(dates={"published": "2025-01"}, review={"state": "done", "focus": "F"}),
        paper("c2021d", title="B", dates={"published": "2024"}),
        settings=settings,
    )
    home = site.pages["index.md"]
    assert "**2** papers" in home
    assert "**1** reviewed" in home
    assert home.index("papers/a2020b.md") < home.index("papers/c2021d.md")
    assert r"My &#92;&#36;survey&#92;&#36;" in home
    assert "Ada Almeida. My &#36;survey&#36;&#46; 2026" in home


def test_the_paper_page_shows_all_that_is_known() -> None:
    """Identifiers, ORCID, code, data, claims, notes with their language, abstract and sources each have their place."""
    full = paper(
        authors=[{"name": "Ada Almeida", "orcid": "0000-0002-1825-0097"}, "Jun Fukuda"],
        identifiers={
            "arxiv_id": "2504.04823",
            "arxiv_version": 2,
            "doi": "10.1145/3666122",
            "openreview": "G8LaO1P0xv",
            "acl_anthology": "2024.acl-long.510",
            "semantic_scholar": "a" * 40,
            "url": "https://example.org/p_1",
        },
        links={"code": ["https://github.com/x/y"], "data": ["https://example.org/d"]},
        claims=[{"id": "c1", "statement": "It | works", "arxiv_version": 2, "place": "Table 2"}],
        notes=[{"text": "好", "lang": "zh", "source": "someone/list", "kind": "screening"}],
        abstract="Abstract text",
    )
    page = render(full, seen_in={"a2020b": ["zotero"]}).pages["papers/a2020b.md"]
    for piece in (
        'href="https://orcid.org/0000-0002-1825-0097"',
        'href="https://arxiv.org/abs/2504.04823v2"',
        'href="https://doi.org/10.1145/3666122"',
        'href="https://openreview.net/forum&#63;id&#61;G8LaO1P0xv"',
        'href="https://aclanthology.org/2024.acl-long.510/"',
        'href="https://example.org/p&#95;1"',
        'href="https://github.com/x/y"',
        "It &#124; works | Table 2, version 2",
        'lang="zh"',
        "Screening note from someone/list",
        "Abstract text",
        "someone/list, Zotero",
        "@misc{a2020b,",
    ):
        assert piece in page


def test_a_hundred_authors_are_folded_and_none_is_lost() -> None:
    """A team's paper shows its first authors; the others are one click away."""
    page = render(paper(authors=[f"Name {n}" for n in range(100)])).pages["papers/a2020b.md"]
    shown, folded = page.split("<summary>and 80 more authors</summary>")
    assert "Name 19" in shown
    assert "Name 20" not in shown
    assert all(f"Name {n}" in folded.split("</details>")[0] for n in range(20, 100))


def test_a_waiting_work_is_linked_by_its_identifier_and_its_lists_are_named() -> None:
    """Whoever wants to decide can read the paper first."""
    waiting = Candidate(
        id="c1",
        state=CandidateState.UNRESOLVED,
        title="T",
        identifiers={"arxiv_id": "2504.04823"},
        reason="no author",
        seen_in=("awesome_list:someone/list x", "awesome_list:someone/list y"),
    )
    page = render(candidates=(waiting,)).pages["needs-work.md"]
    assert (
        '<a href="https://arxiv.org/abs/2504.04823" rel="noopener">T</a>: no author. Named by someone/list\n'
        in page
    )
