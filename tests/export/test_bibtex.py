"""BibTeX and BibLaTeX come back from two parsers as they went in, whatever stands in a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bibtexparser  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given
from pybtex.database import Entry, Person, parse_string

from kb.export.biblatex import render_biblatex
from kb.export.bibtex import render_bibtex
from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import split_name
from kb.records.models import Paper
from kb.sources.bibtex import BibtexFile
from tests.export.strange import TITLES, paper, papers, read_latex
from tests.library import invent_papers

Render = Callable[[Sequence[Paper]], str]
both = pytest.mark.parametrize("render", [render_bibtex, render_biblatex])


def parse(text: str) -> list[dict[str, str]]:
    parser = bibtexparser.bparser.BibTexParser(common_strings=True, ignore_nonstandard_types=False)
    return list(bibtexparser.loads(text, parser=parser).entries)


def parse_pybtex(text: str) -> dict[str, Entry]:
    return dict(parse_string(text, "bibtex").entries)


def name_of(person: Person) -> str:
    """As a record has it: given names, particle, family, suffix."""
    parts = (
        person.first_names,
        person.middle_names,
        person.prelast_names,
        person.last_names,
        person.lineage_names,
    )
    return " ".join(read_latex(word) for words in parts for word in words)


@both
@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_comes_back(render: Render, title: str) -> None:
    """No title can end its field, start a command or lose a character, in either parser."""
    text = render([paper(title)])
    (entry,) = parse(text)
    assert (entry["ID"], read_latex(entry["title"])) == ("a2020b", title)
    assert read_latex(parse_pybtex(text)["a2020b"].fields["title"]) == title


@given(papers())
@example(paper("&|A", authors=["&{", "& Team"]))
@example(paper("{", venue="}", authors=["Sammy Davis Jr.", "King, Jr.", "a, b", "von", "x and y"]))
def test_any_record_comes_back_from_bibtex(given_paper: Paper) -> None:
    """Title, people and teams, venue, date, identifiers and withdrawal are what two parsers read."""
    ids = given_paper.identifiers
    published = issued(given_paper)
    text = render_bibtex([given_paper])
    (entry,) = parse(text)
    other = parse_pybtex(text)["a2020b"]
    for fields in (entry, other.fields):
        assert read_latex(fields["title"]) == given_paper.title
        assert read_latex(fields.get("journal") or fields.get("booktitle") or "") == (given_paper.venue or "")
        assert fields.get("year", "") == published[:4]
        assert fields.get("month", "")[:3].lower() == (
            "jan feb mar apr may jun jul aug sep oct nov dec".split()[int(published[5:7]) - 1]
            if len(published) > 4
            else ""
        )
        assert (fields.get("eprint"), fields.get("doi")) == (ids.arxiv_id, ids.doi)
        assert read_latex(fields.get("note", "")) == withdrawn_note(given_paper)
        assert fields.get("url", "").replace("%7B", "{").replace("%7D", "}") == best_url(given_paper)
    assert [name_of(person) for person in other.persons.get("author", [])] == [
        str(split_name(author.name)) for author in given_paper.authors
    ]


@given(papers())
def test_any_record_comes_back_from_biblatex(given_paper: Paper) -> None:
    """The same for BibLaTeX, whose dates are whole and whose eprints have a type."""
    ids = given_paper.identifiers
    text = render_biblatex([given_paper])
    (entry,) = parse(text)
    other = parse_pybtex(text)["a2020b"]
    for fields in (entry, other.fields):
        assert read_latex(fields["title"]) == given_paper.title
        assert read_latex(fields.get("journaltitle") or fields.get("booktitle") or "") == (
            given_paper.venue or ""
        )
        assert fields.get("date", "") == issued(given_paper)
        assert (fields.get("eprint"), fields.get("doi")) == (ids.arxiv_id, ids.doi)
        assert fields.get("eprinttype") == ("arxiv" if ids.arxiv_id else None)
        assert fields.get("eprintclass") == ("hep-th" if ids.arxiv_id == "hep-th/9901001" else None)
        assert fields.get("version", "") == str(ids.arxiv_version or "")
        assert read_latex(fields.get("addendum", "")) == withdrawn_note(given_paper)
    assert [name_of(person) for person in other.persons.get("author", [])] == [
        str(split_name(author.name)) for author in given_paper.authors
    ]


@both
@pytest.mark.parametrize(
    "evil", [r"\input{/etc/passwd}", r"\write18{id}", "}", "{", "a}, note = {x", r"$\input x$"]
)
def test_no_command_survives(render: Render, evil: str) -> None:
    """A command in any field is printed, not obeyed: no backslash is left before a letter of ours."""
    text = render([paper(f"x {evil} y", venue=f"V {evil}", authors=[f"Ada {evil}"])])
    assert r"\input" not in text
    assert r"\write" not in text
    (entry,) = parse(text)
    assert read_latex(entry["title"]) == f"x {evil} y"
    assert read_latex(entry["booktitle"]) == f"V {evil}"
    assert "note" not in entry


@both
def test_all_entries_parse_and_keep_their_order(render: Render) -> None:
    """A whole library parses: as many entries as papers, in their order, with their authors."""
    library = [p for p in invent_papers(60) if p.authors]
    entries = parse(render(library))
    assert [entry["ID"] for entry in entries] == [p.key for p in library]
    assert [entry["author"].split(" and ") for entry in entries] == [
        [a.name for a in p.authors] for p in library
    ]


def test_kb_reads_its_own_bibtex() -> None:
    """`kb import bibtex` of an export finds the same works: titles, people, identifiers, dates and venues."""
    library = [p for p in invent_papers(60) if p.authors]
    for render, length in ((render_bibtex, 7), (render_biblatex, 10)):
        result = BibtexFile().parse(render(library), where="x.bib")
        assert not result.problems
        assert [
            (e.title, e.identifiers, e.published, e.venue, [a.name for a in e.authors])
            for e in result.entries
        ] == [
            (
                p.title,
                p.identifiers.by_kind(),
                issued(p)[:length],
                p.venue,
                [a.name for a in p.authors],
            )
            for p in library
        ]


def test_kinds_and_identifiers() -> None:
    """A journal's paper is an article, a conference's in proceedings, a preprint neither; ids have their fields."""
    ids = {"arxiv_id": "2504.04823", "doi": "10.1145/3666122"}
    given_papers = [
        paper(venue="Transactions on Things", identifiers=ids, dates={"published": "2025-04-07"}),
        paper(venue="International Conference on Computer Science"),
        paper(identifiers={"arxiv_id": "2504.04823"}),
    ]
    journal, conference, preprint = parse(render_bibtex(given_papers))
    assert (journal["ENTRYTYPE"], journal["journal"]) == ("article", "Transactions on Things")
    assert (journal["doi"], journal["eprint"], journal["year"]) == ("10.1145/3666122", "2504.04823", "2025")
    assert (conference["ENTRYTYPE"], preprint["ENTRYTYPE"]) == ("inproceedings", "misc")
    assert ("month" in journal, "month" in preprint) == (
        False,
        False,
    )  # that of the preprint is not the journal's
    assert preprint["howpublished"] == "arXiv preprint arXiv:2504.04823"
    kinds = [entry["ENTRYTYPE"] for entry in parse(render_biblatex(given_papers))]
    assert kinds == ["article", "inproceedings", "online"]


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("CoT for LLMs", "{CoT} for {LLMs}"),
        ("Long Chain-of-Thought with O1-Pruner", "Long Chain-of-Thought with {O1-Pruner}"),
        ("Sketch-of-Thought: Less Is More", "{Sketch-of-Thought}: Less Is More"),
        (
            "Quantizing networks with Hessian spectra in Paris",
            "Quantizing networks with {Hessian} spectra in {Paris}",
        ),
        ("Hurts Reasoning? An Empirical Study", "Hurts Reasoning? {An} Empirical Study"),
        ("Fast vs. Slow: A Study of Plan B", "Fast vs. Slow: A Study of Plan {B}"),
        ("VLM-R$^3$: Reasoning", "{VLM-R$^3$}: Reasoning"),
        ("MiMo -- from Pretraining", "{MiMo} -- from Pretraining"),
        ("The #LLM", r"The {{\#LLM}}"),
        ("ϕ-Decoding", r"{{\ensuremath{\phi}}-Decoding}"),
    ],
)
def test_what_must_not_be_lower_cased_stands_in_braces(title: str, written: str) -> None:
    """Acronyms, names of methods, sentence starts and single letters keep their capitals; ordinary words need no braces."""
    assert f"= {{{written}}}" in render_bibtex([paper(title)])


def test_teams_stay_whole_and_people_do_not() -> None:
    """Styles take names apart: a team stands in braces; a suffix is said in the form that BibTeX knows."""
    text = render_bibtex(
        [paper(authors=["Qwen Team", "Wei Ai", "Sammy Davis Jr.", "Laurens van der Maaten"])]
    )
    assert "{{Qwen Team} and Wei Ai and Davis, Jr., Sammy and Laurens van der Maaten}" in text
