"""BibTeX comes back from a parser as it went in."""

from __future__ import annotations

import bibtexparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.export.bibtex import render_bibtex
from kb.records.models import Paper
from tests.library import HOSTILE, invent_papers

_NAMED = {
    r"{\textbackslash}": "\\", r"{\textbraceleft}": "\0", r"{\textbraceright}": "\1", r"{\textasciitilde}": "~",
    r"{\textasciicircum}": "^", r"{\textless}": "<", r"{\textgreater}": ">", r"{\textbar}": "|",
    r"{\textquotedbl}": '"', r"\$": "$", r"\&": "&", r"\%": "%", r"\#": "#", r"\_": "_",
}  # fmt: skip


def read_latex(text: str) -> str:
    """What LaTeX would print: named characters, and braces for grouping dropped."""
    result, place = "", 0
    while place < len(text):
        name = next((name for name in _NAMED if text.startswith(name, place)), None)
        if name:
            result, place = result + _NAMED[name], place + len(name)
        else:
            result, place = result + text[place], place + 1
    return result.replace("{", "").replace("}", "").replace("\0", "{").replace("\1", "}")


def parse(text: str) -> list[dict[str, str]]:
    parser = bibtexparser.bparser.BibTexParser(common_strings=True)
    return list(bibtexparser.loads(text, parser=parser).entries)


def paper(title: str, **fields: object) -> Paper:
    return Paper.from_data("a2020b", {"title": title, "authors": ["Ada Almeida", "Björn Brandt"], **fields})


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_comes_back(title: str) -> None:
    """No title can end its field, start a command or lose a character."""
    (entry,) = parse(render_bibtex([paper(title)]))
    assert read_latex(entry["title"]) == title
    assert entry["ID"] == "a2020b"


@given(
    st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=40)
)
def test_any_title_comes_back(title: str) -> None:
    """The same for whatever letters, digits, punctuation and symbols there are."""
    (entry,) = parse(render_bibtex([paper(title)]))
    assert read_latex(entry["title"]) == title


@pytest.mark.parametrize("evil", [r"\input{/etc/passwd}", r"\write18{id}", "}", "{", "a}, note = {x"])
def test_no_command_survives(evil: str) -> None:
    """A command in any field is printed, not obeyed: no backslash is left before a letter of ours."""
    text = render_bibtex([paper(f"x {evil} y", venue=f"V {evil}")])
    assert r"\input" not in text
    assert r"\write" not in text
    (entry,) = parse(text)
    assert read_latex(entry["title"]) == f"x {evil} y"
    assert read_latex(entry["booktitle"]) == f"V {evil}"
    assert "note" not in entry


def test_all_entries_parse_and_keep_their_order() -> None:
    """A whole library parses: as many entries as papers, in their order, with their authors."""
    papers = [p for p in invent_papers(60) if p.authors]
    entries = parse(render_bibtex(papers))
    assert [entry["ID"] for entry in entries] == [p.key for p in papers]
    assert [entry["author"].split(" and ") for entry in entries] == [
        [a.name for a in p.authors] for p in papers
    ]


def test_kinds_and_identifiers() -> None:
    """A journal's paper is an article, a conference's in proceedings, a preprint neither; ids have their fields."""
    ids = {"arxiv_id": "2504.04823", "doi": "10.1145/3666122"}
    journal, conference, preprint = parse(
        render_bibtex(
            [
                paper(
                    "X", venue="Transactions on Things", identifiers=ids, dates={"published": "2025-04-07"}
                ),
                paper("X", venue="ICML 2025"),
                paper("X"),
            ]
        )
    )
    assert (journal["ENTRYTYPE"], journal["journal"]) == ("article", "Transactions on Things")
    assert (journal["doi"], journal["eprint"], journal["year"]) == ("10.1145/3666122", "2504.04823", "2025")
    assert (conference["ENTRYTYPE"], preprint["ENTRYTYPE"]) == ("inproceedings", "misc")


def test_acronyms_keep_their_capitals_and_teams_stay_whole() -> None:
    """Styles lower-case titles and split names: what must not change stands in braces."""
    text = render_bibtex([Paper.from_data("a2020b", {"title": "CoT for LLMs", "authors": ["Qwen Team"]})])
    assert "{CoT} for {LLMs}" in text
    assert "{{Qwen Team}}" in text
