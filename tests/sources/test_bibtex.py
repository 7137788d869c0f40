"""BibTeX files, good and broken. All entries are invented."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.sources.bibtex import BibtexFile
from kb.sources.entry import SourceEntry, SourceResult, Status


def parse(text: str) -> SourceResult:
    return BibtexFile().parse(text, where="refs.bib")


def one(fields: str, kind: str = "article") -> SourceEntry:
    (entry,) = parse(f"@{kind}{{key, {fields}}}").entries
    return entry


def test_names_come_given_name_first() -> None:
    entry = one(
        'title={T}, author={van den Berg, Jan and J{\\"o}rg {\\L}ee and {Tree Team} and Roe, Jr., Ann}'
    )
    assert [author.name for author in entry.authors] == [
        "Jan van den Berg",
        "Jörg Łee",
        "Tree Team",
        "Ann Roe Jr.",
    ]
    assert entry.n_authors == 4


def test_and_others_is_no_author_and_leaves_the_count_open() -> None:
    entry = one("title={T}, author={Lee, Ann and others}")
    assert ([author.name for author in entry.authors], entry.n_authors) == (["Ann Lee"], None)


def test_latex_becomes_unicode() -> None:
    assert (
        one(r"title={{CoT}-Trim: $\phi$-Cuts, 50\% off \& na{\"\i}ve}").title
        == "CoT-Trim: ϕ-Cuts, 50% off & naïve"
    )


@pytest.mark.parametrize(
    ("fields", "identifiers"),
    [
        ("eprint={2501.00001v2}, archivePrefix={arXiv}", {"arxiv_id": "2501.00001"}),
        ("journal={arXiv preprint arXiv:2501.00001}", {"arxiv_id": "2501.00001"}),
        ("doi={10.48550/arXiv.2501.00001}", {"arxiv_id": "2501.00001"}),
        ("doi={https://doi.org/10.1000/T.1}", {"doi": "10.1000/t.1"}),
        (r"doi={10.1000/t\_1}", {"doi": "10.1000/t_1"}),
        (r"howpublished={\url{https://openreview.net/forum?id=AbCdEfGh12}}", {"openreview": "AbCdEfGh12"}),
        ("eprint={abcd}, archivePrefix={hal}", {}),
    ],
)
def test_identifiers_are_found_in_every_field(fields: str, identifiers: dict[str, str]) -> None:
    assert one(f"title={{T}}, {fields}").identifiers == identifiers


@pytest.mark.parametrize(
    ("fields", "published"),
    [("year=2024", "2024"), ("year=2024, month=mar", "2024-03"), ("date={2024-03-07}", "2024-03-07"),
     ("year={2024}, month={3}, day={7}", "2024-03-07"), ("year=2024, month=feb, day={31}", "2024-02"),
     ("year={in press}", None), ("date={2024-02/2024-05}", "2024-02")],
)  # fmt: skip
def test_dates_are_as_precise_as_they_are_given(fields: str, published: str | None) -> None:
    assert one(f"title={{T}}, {fields}").published == published


def test_a_venue_makes_it_published_and_arxiv_is_no_venue() -> None:
    printed, preprint = one("title={T}, booktitle={Trees}", "inproceedings"), one("title={T}, journal={CoRR}")
    assert (printed.venue, printed.publication_state) == ("Trees", "published")
    assert (preprint.venue, preprint.publication_state) == (None, "preprint")


def test_strings_are_resolved_within_the_file_only() -> None:
    text = '@string{trees = "Journal of Trees"}\n@article{a, title={T}, journal=trees}\n'
    assert parse(text).entries[0].venue == "Journal of Trees"
    later = parse("@article{b, title={U}, journal=trees}")
    assert later.entries[0].venue is None
    assert "undefined macro" in later.problems[0].message


def test_a_broken_entry_is_named_and_the_others_survive() -> None:
    text = "@article{a, title={Broken {brace}, year=2024}\n@article{b, title={Good}}\n@article{c, title {No sign}}\n@article{d, title={Fine}}\n"
    result = parse(text)
    assert [entry.title for entry in result.entries] == ["Good", "Fine"]
    assert [problem.where for problem in result.problems][:1] == ["refs.bib:1"]
    assert (result.status, result.creates) == (Status.PARTIAL, True)


def test_a_value_may_hold_what_looks_like_an_entry() -> None:
    result = parse("@article{a, title={T}, note={see\n@misc{inner, x} there}}\n@article{b, title={U}}\n")
    assert [entry.title for entry in result.entries] == ["T", "U"]
    assert result.problems == ()


def test_equal_keys_are_reported_and_both_papers_kept() -> None:
    result = parse("@article{a, title={One}}\n@article{A, title={Two}}\n")
    assert len(result.entries) == 2
    assert str(result.problems[0]) == "refs.bib:2: the key 'A' is also in line 1"


def test_a_paper_that_stands_twice_comes_once_and_is_reported() -> None:
    result = parse("@article{a, title={One}}\n@article{b, title={{ONE}}}\n")
    assert len(result.entries) == 1
    assert "refs.bib:1" in result.problems[0].message


def test_no_title_and_software_are_no_papers() -> None:
    result = parse('@misc{a, author={Lee, Ann}}\n@software{b, title={Saw}}\n@comment{c}\n@preamble{"x"}\n')
    assert result.entries == ()
    assert [problem.where for problem in result.problems] == ["refs.bib:1", "refs.bib:2"]


def test_no_macro_reads_or_runs_anything(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("canary")
    marker = tmp_path / "ran"
    title = rf"Trees \input{{{secret}}} \include{{{secret}}} \write18{{touch {marker}}} \immediate\openout1={marker}"
    entry = one(f"title={{{title}}}, author={{\\input{{{secret}}}}}")
    assert "canary" not in entry.model_dump_json()
    assert not marker.exists()


def test_an_identifier_is_the_id_of_the_entry_else_its_title() -> None:
    assert one("title={T}, doi={10.1000/x}").entry_id == "doi:10.1000/x"
    assert one("title={{Tall} Trees}").entry_id == "title:tall trees"


@pytest.mark.parametrize(
    "text", ["", "no entries here", "@", "@article", "@article{", "@article{,}", "%" * 50]
)
def test_a_file_without_entries_is_no_crash(text: str) -> None:
    assert parse(text).entries == ()


PIECES = st.sampled_from(["@article{", "key, ", "title={", "T", "}", "}\n", '"', ",", "author={", " and ", "\\", "{", "$", "@string{a=", "#", "=", "%", "\\input{x}"])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=6), max_size=30).map("".join))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    for entry in parse(text).entries:
        assert entry.title


def test_deep_braces_are_survived() -> None:
    parse("@article{a, title=" + "{" * 3000 + "x" + "}" * 3000 + "}\n@article{b, title={Fine}}")
