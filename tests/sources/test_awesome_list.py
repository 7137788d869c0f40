"""Curated lists, in every layout that people write them in. All papers here are invented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.config import ListSettings
from kb.sources import list_fields as fields
from kb.sources.awesome_list import AwesomeList
from kb.sources.entry import SourceEntry, SourceResult, Status

A, B, C = "2501.00001", "2501.00002", "2501.00003"


def parse(text: str, **changes: object) -> SourceResult:
    settings_ = ListSettings.model_validate({"name": "someone/some-list", "keep_notes": True, **changes})
    return AwesomeList(settings_).parse(text, where="README.md")


def one(text: str) -> SourceEntry:
    (entry,) = parse(text).entries
    return entry


def titles(text: str) -> list[str | None]:
    return [entry.title for entry in parse(text).entries]


def table(*rows: str, header: str = "Title | Links") -> str:
    columns = "|".join("---" for _ in header.split("|"))
    return "\n".join(["## Methods", "", f"| {header} |", f"|{columns}|", *rows, ""])


def test_an_entry_says_which_list_and_line_it_is_from() -> None:
    entry = one(f"# L\n\n## Pruning\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}v2)\n")
    assert (entry.source, entry.where) == ("awesome_list:someone/some-list", "README.md:5")
    assert (entry.entry_id, entry.identifiers) == (f"arxiv_id:{A}", {"arxiv_id": A})
    assert entry.url is None, "an identifier says where the paper is"


@pytest.mark.parametrize(
    "item",
    [
        f"[Trimming Tall Trees with Care](https://arxiv.org/abs/{A})",
        f"**[Trimming Tall Trees with Care](https://arxiv.org/pdf/{A}.pdf)**",
        f"**Trimming Tall Trees with Care**. [[paper](https://arxiv.org/abs/{A})]",
        f"**Trimming Tall Trees with Care**  \n  *Ann Lee, Bo Fu.* [[pdf](https://arxiv.org/pdf/{A})], 2025.01.",
        f'"Trimming Tall Trees with Care", ICML, 2025. [[paper](https://arxiv.org/abs/{A})] [**`PTQ`**]',
        f"Trimming Tall Trees with Care <br> ICML 2025 [[Paper]](https://arxiv.org/abs/{A}) [[Code]](https://github.com/a/b)",
        f"Trimming Tall Trees \nwith Care <br> ICML 2025 [[Paper]](https://arxiv.org/abs/{A})",
        f"[2025.01] [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})",
        f":star: [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}).",
        f'<a href="https://arxiv.org/abs/{A}"><b>Trimming Tall Trees</b> with Care</a>',
        f"[Trimming Tall Trees with Care](https://arxiv.org/abs/{A}))",
        f"[Trimming Tall Trees with Care](https://arxiv.org/pdf/{A}] ![](https://img.shields.io/badge/abs-2025.01-red)",
        f"Trimming Tall Trees with Care [[Paper]] (https://arxiv.org/abs/{A})",
        f"Trimming Tall Trees with Care, https://arxiv.org/abs/{A}",
        f"Trimming Tall Trees with Care [![arXiv](https://img.shields.io/badge/x-y-red)](https://arxiv.org/abs/{A})",
        f"**Trimming Tall Trees with Care**, ICML 2025 [[paper](https://papers.cool/arxiv/{A})]",
    ],
)
def test_a_bullet_gives_title_and_identifier_however_it_is_written(item: str) -> None:
    entry = one(f"## Methods\n\n- {item}\n")
    assert (entry.title, entry.identifiers) == ("Trimming Tall Trees with Care", {"arxiv_id": A})


@pytest.mark.parametrize(
    "item",
    [
        "[Trimming Tall Trees with Care]",
        "[Trimming Tall Trees with Care]()",
        "Trimming Tall Trees: Pruning with Care",
    ],
)
def test_a_title_whose_link_is_missing_is_a_paper_all_the_same(item: str) -> None:
    entry = one(f"## Methods\n\n- {item}\n")
    assert entry.title is not None
    assert entry.title.startswith("Trimming Tall Trees")
    assert entry.entry_id.startswith("title:trimming tall trees")


def test_one_word_with_an_empty_link_is_a_named_paper() -> None:
    assert titles("## Methods\n\n- [treetrim-r1]()\n") == ["treetrim-r1"]


@pytest.mark.parametrize(
    "prose",
    [
        "- this is how we sort",
        "- inter-sample",
        "- 推理中模型深度很重要",
        "- KV Cache Management",
        "- [ ] todo",
        "-",
        "- Instead of a broad overview, we focus on what trees need.",
        "Trees are tall, see [the forest](https://arxiv.org/abs/2501.00009) for more.",
        "> **[Our Own Survey of Tall Trees](https://arxiv.org/abs/2501.00009)**",
        "[![Paper](https://img.shields.io/badge/p-q-red)](https://arxiv.org/abs/2501.00009)",
        "```\n- [A Paper in a Code Block](https://arxiv.org/abs/2501.00009)\n```",
        "<!-- - [A Paper in a Comment Block](https://arxiv.org/abs/2501.00009) -->",
        "- [Methods](#methods)\n  - [All of Them](methods.md)",
    ],
)
def test_prose_and_furniture_are_no_papers(prose: str) -> None:
    result = parse(f"# L\n\n## Methods\n\n{prose}\n")
    assert (result.entries, result.status) == ((), Status.EMPTY)


@pytest.mark.parametrize(
    "heading",
    ["📰 News", "Updates", "Contents", "Table of Contents", "Quick Links", "Citation", "Contributors", "Blog & Project",
     "Contributing to this paper list", "⭐ Star History", "Tutorial", "Tools", "Competition", "Repo", "References",
     "Acknowledgements", "License"],
)  # fmt: skip
def test_sections_about_the_list_itself_hold_no_papers(heading: str) -> None:
    text = f"# L\n\n## {heading}\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n\n## Pruning\n\n"
    text += f"- [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})\n"
    assert titles(text) == ["Felling Fewer Trees with Skill"]


def test_sections_below_a_table_of_contents_of_a_higher_level_are_read() -> None:
    assert titles(
        f"# Contents\n\n- [x](#x)\n\n## Papers\n\n- [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})"
    )


def test_the_settings_name_further_sections_to_skip() -> None:
    text = f"## Gardens\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n"
    assert parse(text, skip_headings=("gardens",)).entries == ()


def test_repositories_and_videos_are_reported_and_no_papers() -> None:
    result = parse(
        "## Methods\n\n- [TreeTool](https://github.com/a/treetool)\n- Long Talk on Tall Trees [[video](https://youtu.be/x)]\n"
    )
    assert result.entries == ()
    assert [problem.where for problem in result.problems] == ["README.md:3", "README.md:4"]
    assert result.status is Status.EMPTY, "nothing that surely is a paper was lost"


def test_a_paper_link_without_a_title_is_lost_and_makes_the_result_partial() -> None:
    result = parse(
        f"## Methods\n\n- [paper](https://arxiv.org/abs/{A})\n- [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})\n"
    )
    assert (result.status, result.complete, len(result.entries)) == (Status.PARTIAL, False, 1)
    assert "README.md:3" in str(result.problems[0])


def test_headings_come_clean_and_without_the_name_of_the_list() -> None:
    text = "# Awesome Trees\n\n### ▶️ 1&nbsp;&nbsp; Care of Trees\n\n#### 1.1&nbsp; <i>Pruning</i> ![x](y) <a id='p'></a>\n\n"
    text += f"**✨&nbsp;&nbsp;Tall Ones**\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n"
    (heading,) = one(text).headings
    assert (heading.path, heading.facet) == (("Care of Trees", "Pruning", "Tall Ones"), None)


def test_numbers_put_a_heading_in_its_place_where_its_level_does_not() -> None:
    text = "### 4. Frontiers\n\n## Stray\n\n### Deeper\n\n#### 4.3 Depth\n\n"
    text += f"- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n"
    assert one(text).headings[0].path == ("Frontiers", "Depth")


def test_bits_in_a_heading_are_no_numbering() -> None:
    assert one(f"## 2 Bit Trees\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})").headings[
        0
    ].path == ("2 Bit Trees",)


def test_foldable_sections_are_headings_and_end() -> None:
    text = "## Care\n\n<details>\n<summary>Old <b>trees</b></summary>\n\n"
    text += f"- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n\n</details>\n\n"
    text += f"- [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})\n"
    assert [entry.headings[0].path for entry in parse(text).entries] == [("Care", "Old trees"), ("Care",)]


def test_markdown_glued_to_html_is_read() -> None:
    text = f"## Care\n\n<details>\n<summary>Old</summary>\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n</details>\n"
    assert titles(text) == ["Trimming Tall Trees with Care"]


def test_html_lists_and_tables_are_read() -> None:
    text = f'## Care\n\n<ul><li><a href="https://arxiv.org/abs/{A}">Trimming Tall Trees with Care</a></li></ul>\n\n'
    text += "<table>\n<tr><th>Title</th><th>Paper</th></tr>\n"
    text += f'<tr><td>Felling Fewer Trees with Skill</td><td><a href="https://arxiv.org/abs/{B}">pdf</a></td></tr>\n</table>\n'
    assert titles(text) == ["Trimming Tall Trees with Care", "Felling Fewer Trees with Skill"]


def test_nested_bullets_are_remarks_on_the_paper_above() -> None:
    text = f"## M\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) `not relevant for us`\n"
    text += "  - 训练时修剪 \\cite{tree-1}\n  - trims with $\\alpha$\n"
    notes = [(note.text, note.lang, note.kind) for note in one(text).notes]
    assert notes == [
        ("not relevant for us", "en", "screening"), ("训练时修剪", "zh", "note"), ("trims with α", "en", "note"),
    ]  # fmt: skip


def test_the_remarks_of_somebody_elses_list_are_not_kept() -> None:
    text = f"## M\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) `not relevant for us`\n"
    (entry,) = parse(text, keep_notes=False).entries
    assert entry.notes == ()


def test_nested_bullets_below_prose_are_papers() -> None:
    text = f"## M\n\n1. 树很重要\n   - [How Trees Grow: Part 2.1]\n   - [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})\n"
    assert titles(text) == ["How Trees Grow: Part 2.1", "Felling Fewer Trees with Skill"]


def test_a_nested_link_to_another_paper_is_a_paper_of_its_own() -> None:
    text = f"## M\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n"
    text += f"  - [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B})\n"
    assert len(parse(text).entries) == 2


def test_a_table_gives_authors_venue_and_code_of_a_crowded_cell() -> None:
    row = "|[![Star](https://img.shields.io/github/stars/a/b.svg)](https://github.com/a/b) [![Publish](https://img.shields.io/badge/"
    row += f"Conference-ICML'25%20Workshop-blue)]()<br>:star: [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) <br> "
    row += f"Ann B. Lee\\*, Jörg Fu, and Bo van Li |<img src='x.png'> |[Github](https://github.com/a/b) <br> [Paper](https://arxiv.org/abs/{A})| [//]: #03/16"
    entry = one(table(row, header="Title & Authors | Introduction | Links"))
    assert [author.name for author in entry.authors] == ["Ann B. Lee", "Jörg Fu", "Bo van Li"]
    assert (entry.n_authors, entry.venue, entry.code) == (3, "ICML'25 Workshop", ("https://github.com/a/b",))
    assert entry.notes == ()


@pytest.mark.parametrize("team", ["NVIDIA", "Hunyuan team", "Tree Research"])
def test_a_team_is_one_author(team: str) -> None:
    row = f"| [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) <br> {team} | x |"
    assert [author.name for author in one(table(row)).authors] == [team]


def test_authors_that_are_cut_short_are_not_counted() -> None:
    entry = one(
        table(
            f"| ICML25 <br/> [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) <br/> Ann Lee, Bo Fu et al. | x |"
        )
    )
    assert (len(entry.authors), entry.n_authors, entry.venue) == (2, None, "ICML25")


def test_a_line_in_italics_is_the_authors() -> None:
    entry = one(f"## M\n\n- **Trimming Tall Trees with Care**  \n  *Ann Lee, Bo Fu and Cy Ox.* [[pdf](https://arxiv.org/pdf/{A})], 2025.02. "
                "![](https://img.shields.io/badge/ACL2025--findings-orange) ![](https://img.shields.io/badge/Tree--Trim-blue)\n")  # fmt: skip
    assert [author.name for author in entry.authors] == ["Ann Lee", "Bo Fu", "Cy Ox"]
    assert (entry.published, entry.venue) == ("2025-02", "ACL2025-findings")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Time | Title | Venue | Paper | Code", "2025.04 | **Trimming Tall Trees with Care** | ICML'25 | [link]({p}) | [link]({c})"),
        ("Title | Year | Venue | Paper | Code", "**Trimming Tall Trees with Care** | 2025.04 | ICML'25 | [[Paper]]({p}) | [[Code]]({c})"),
        ("Code | Paper | Published | Paper Title | Date", "[x]({c}) | [pdf]({p}) | ICML'25 | Trimming Tall Trees with Care | Apr 2025"),
        ("Time | Title | code | published", "17/04/2025 | [Trimming Tall Trees with Care]({p})) | [link]({c}) | ICML'25"),
        ("Title | Publish | Code | Method", "[Trimming Tall Trees with Care]({p}) | ICML'25, 2025.4.17 | [code]({c}) | it trims"),
    ],
)  # fmt: skip
def test_columns_are_told_by_their_headers_in_any_order(header: str, row: str) -> None:
    row = row.format(p=f"https://arxiv.org/abs/{A}", c="https://github.com/a/b")
    entry = one(table(f"| {row} |", header=header))
    assert (entry.title, entry.identifiers["arxiv_id"]) == ("Trimming Tall Trees with Care", A)
    assert (entry.published or "")[:7] == "2025-04"
    assert (entry.code, (entry.venue or "")[:7]) == (("https://github.com/a/b",), "ICML'25")


def test_a_method_column_is_a_note() -> None:
    row = f"| [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) | arXiv 2025.3.20 | x | Trims, then waits. |"
    entry = one(table(row, header="Title | Publish | Code | Method"))
    assert [note.text for note in entry.notes] == ["Trims, then waits."]
    assert (entry.published, entry.venue, entry.code) == ("2025-03-20", None, ())


def test_a_row_with_two_papers_gives_both() -> None:
    row = f"| [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) <br> [Felling Fewer Trees with Skill](https://arxiv.org/abs/{B}) | x |"
    entries = parse(table(row)).entries
    assert [(entry.title, entry.identifiers["arxiv_id"]) for entry in entries] == [
        ("Trimming Tall Trees with Care", A), ("Felling Fewer Trees with Skill", B),
    ]  # fmt: skip


def test_rows_after_an_empty_line_still_belong_to_the_table() -> None:
    row = f"| **Trimming Tall Trees with Care** | [link](https://arxiv.org/abs/{A}) |"
    text = table("", row, header="Title | Paper")
    assert one(text).where == "README.md:6"


def test_rows_of_dots_and_tables_of_results_are_no_papers() -> None:
    text = table("| ... | ... |", "| - | / |") + "\n\n| Model | Score |\n|---|---|\n| Big | 3.2 |\n"
    result = parse(text)
    assert (result.entries, result.problems) == ((), ())


def test_a_code_column_that_links_to_a_paper_is_no_code() -> None:
    row = f"| Trimming Tall Trees with Care | [link](https://arxiv.org/abs/{A}) | [link](https://arxiv.org/abs/{A}) |"
    assert one(table(row, header="Title | Paper | Code")).code == ()


def test_data_sets_are_data() -> None:
    item = f"[Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) [[data](https://huggingface.co/datasets/a/b)]"
    assert one(f"## M\n\n- {item}\n").data == ("https://huggingface.co/datasets/a/b",)


def test_a_paper_without_an_identifier_keeps_its_url() -> None:
    url = "https://proceedings.example.org/2025/trees.html"
    entry = one(f"## M\n\n- [Trimming Tall Trees with Care]({url})\n")
    assert (entry.identifiers, entry.url) == ({}, url)


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "file:///etc/passwd"]
)
def test_only_web_links_are_kept(href: str) -> None:
    for entry in parse(f"## M\n\n- [Trimming Tall Trees with Care]({href}) [[code]({href})]\n").entries:
        assert (entry.url, entry.code) == (None, ())


def test_one_paper_under_two_headings_is_one_entry_with_both() -> None:
    text = f"## One\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n\n"
    text += f"## Two\n\n- [Trimming tall trees, with care!](https://arxiv.org/pdf/{A}v3) [[code](https://github.com/a/b)]\n"
    entry = one(text)
    assert entry.title == "Trimming Tall Trees with Care", "the first spelling"
    assert [heading.path for heading in entry.headings] == [("One",), ("Two",)]
    assert entry.code == ("https://github.com/a/b",)


def test_a_bare_title_and_the_same_title_with_a_link_are_one() -> None:
    text = "## One\n\n- [Trimming Tall Trees with Care]\n\n## Two\n\n"
    assert (
        one(text + f"- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n").entry_id
        == f"arxiv_id:{A}"
    )


def test_one_identifier_under_two_unlike_titles_keeps_both_and_names_both_lines() -> None:
    text = f"## M\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n- [Sailing Swiftly over Seven Seas](https://arxiv.org/abs/{A})\n"
    result = parse(text)
    assert [entry.entry_id for entry in result.entries] == [
        f"arxiv_id:{A}",
        "title:sailing swiftly over seven seas",
    ]
    (problem,) = result.problems
    assert "README.md:4" in problem.where
    assert "line 3" in problem.message
    assert result.status is Status.OK


def test_one_title_with_two_identifiers_of_a_kind_stays_two() -> None:
    text = f"## M\n\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n- [Trimming Tall Trees with Care](https://arxiv.org/abs/{B})\n"
    result = parse(text)
    assert [entry.entry_id for entry in result.entries] == [f"arxiv_id:{A}", f"arxiv_id:{B}"]
    assert len(result.problems) == 1


def test_every_entry_has_an_entry_id_of_its_own_even_where_ids_and_titles_are_both_taken() -> None:
    """Also keeps the search for a free id from listing one candidate per paper, which made long lists quadratic."""
    rows = [
        f"- [Wholly Unrelated Matters of Fish {n}x{n}y{n}](https://arxiv.org/abs/2502.{n:05d})"
        for n in range(1, 4)
    ]
    rows = [row.replace("Fish", "Fish " * n) for n, row in enumerate(rows, 1)]
    rows += [
        f"- [Trimming Tall Trees with Great Care](https://arxiv.org/abs/2502.{n:05d})" for n in range(1, 4)
    ]
    result = parse("\n".join(["## Methods", "", *rows]))
    title = "title:trimming tall trees with great care"
    ids = [entry.entry_id for entry in result.entries]
    assert ids[3:] == [title, f"{title}#2", f"{title}#3"]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (f"First: [A good title](https://arxiv.org/abs/{A}), [Another good title](https://arxiv.org/abs/{B})",
         {"A good title": A, "Another good title": B}),
        (f"[Paper J](https://arxiv.org/abs/{A}) [Paper K](https://arxiv.org/abs/{B})", {"Paper J": A, "Paper K": B}),
        (f"[One](https://arxiv.org/abs/{A}), [Two](https://arxiv.org/abs/{B}) and [Three](https://arxiv.org/abs/{C})",
         {"One": A, "Two": B, "Three": C}),
    ],
)  # fmt: skip
def test_papers_in_a_row_on_one_line_are_all_read(item: str, expected: dict[str, str]) -> None:
    result = parse(f"## Methods\n\n- {item}\n")
    assert {entry.title: entry.identifiers["arxiv_id"] for entry in result.entries} == expected
    assert result.problems == ()


@pytest.mark.parametrize(
    "item",
    [
        f"- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) (extends [Kay](https://arxiv.org/abs/{B}))",
        f"- **Trimming Tall Trees.** [Paper](https://arxiv.org/abs/{A}) [Kay](https://arxiv.org/abs/{B})",
        f"- Trimming Tall Trees [[paper](https://arxiv.org/abs/{A})] [[v2](https://arxiv.org/abs/{B})]",
        table(f"| Trimming Tall Trees | [Paper](https://arxiv.org/abs/{A}) [J](https://arxiv.org/abs/{B}) |"),
    ],
)
def test_a_link_to_a_paper_that_became_no_entry_is_named_with_its_line(item: str) -> None:
    result = parse(item)
    assert [entry.identifiers for entry in result.entries] == [{"arxiv_id": A}]
    (problem,) = result.problems
    assert re.fullmatch(r"README\.md:\d+", problem.where)
    assert B in problem.message


def test_a_link_to_a_paper_that_the_list_names_elsewhere_is_no_problem() -> None:
    text = f"""
- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) (extends [Kay](https://arxiv.org/abs/{B}))
- [Kay: Felling Small Shrubs at Night](https://arxiv.org/abs/{B})
"""
    assert parse(text).problems == ()


@pytest.mark.parametrize("item", [A, f"arXiv:{A}", f"arXiv: {A}v2", "10.1000/xyz123", f"`{A}`"])
def test_an_identifier_without_title_and_link_is_lost_by_name(item: str) -> None:
    result = parse(f"## Methods\n\n- {item}\n")
    assert (result.entries, result.status, result.complete) == ((), Status.PARTIAL, False)
    (problem,) = result.problems
    assert problem.where == "README.md:3"
    assert item.strip("`") in problem.message


def test_an_identifier_below_a_paper_is_named_too() -> None:
    paper = f"- [Trimming Tall Trees with Care](https://arxiv.org/abs/{A})\n"
    (problem,) = parse(f"{paper}  - {B}\n").problems
    assert (problem.where, B in problem.message) == ("README.md:2", True)
    assert parse(f"{paper}  - arXiv:{A}\n").problems == ()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"\textbf{Trim}: Trimming \emph{Tall \textit{Old}} Trees", "Trim: Trimming Tall Old Trees"),
        ("Trimming ``Tall'' Trees with Care", "Trimming “Tall” Trees with Care"),
        (r"Trimming \texttt{} Tall Trees with \unknown{Care}", r"Trimming Tall Trees with \unknown{Care}"),
    ],
)
def test_latex_styles_and_quotes_do_not_stay_in_titles(written: str, shown: str) -> None:
    assert titles(f"- [{written}](https://arxiv.org/abs/{A})") == [shown]


def test_math_and_citations_do_not_stay_in_titles() -> None:
    assert (
        one(f"## M\n\n- [$\\phi$-Trimming of Tall Trees \\cite{{x}}](https://arxiv.org/abs/{A})\n").title
        == "ϕ-Trimming of Tall Trees"
    )


def test_parsing_twice_gives_the_same() -> None:
    text = table(f"| [Trimming Tall Trees with Care](https://arxiv.org/abs/{A}) | x |")
    assert parse(text) == parse(text)


def test_an_ambiguous_date_is_known_to_the_year_only() -> None:
    assert fields.parse_date("03/04/2025") == "2025"
    assert fields.parse_date("03/04/2025", dayfirst=True) == "2025-04-03"
    assert fields.slash_order(["03/04/2025", "17/02/2025"]) is True
    assert fields.parse_date("2025.13.40") == "2025"


WORD = st.text(alphabet="abz AZ01.,:-_*`[]()<>|#!$\\\n\"'/&;é中🔥", max_size=12)
BITS = st.sampled_from(
    ["- ", "| ", "|---|---|\n", "## ", "**", "[x](", "](https://arxiv.org/abs/2501.00001)", "<br>", "<li>", "<tr><td>",
     "</table>", "<a href=", "<details><summary>", "</details>", "![b](https://img.shields.io/badge/a-b-c)", "\n\n", "\n  ",
     "https://", "[[Paper]]", "\\cite{", "```", "<!--", "| Title | Paper |\n|-|-|\n"]
)  # fmt: skip


@given(st.lists(WORD | BITS, max_size=40).map("".join))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_parser_and_every_entry_is_sound(text: str) -> None:
    result = parse(text)
    ids = [entry.entry_id for entry in result.entries]
    assert len(ids) == len(set(ids))
    for entry in result.entries:
        assert entry.title
        assert "\n" not in entry.title
        assert entry.where
        assert entry.where.startswith("README.md:")


@given(st.lists(st.text(alphabet="abcdefg ,.中文", min_size=1, max_size=60), max_size=10))
@settings(max_examples=100, deadline=None)
def test_prose_in_lower_case_is_never_a_paper(lines: list[str]) -> None:
    assert parse("## M\n\n" + "\n".join(f"- {line}" for line in lines) + "\n").entries == ()


def test_deep_nesting_and_long_lines_are_survived(tmp_path: Path) -> None:
    parse("- " * 500 + "x\n" + "[" * 3000 + "\n" + "> " * 300 + "y\n" + "**a" * 2000)


@pytest.mark.parametrize(
    "text",
    [
        "- a" + " " * 100_000 + f"b [p](https://arxiv.org/abs/{A})",
        "|" + "a|" * 2000 + "\n|" + "-|" * 2000 + "\n" + "|\n" * 300,
        "- " + "[2025] " * 20_000,
        "- Title of It" + ", ICML" * 20_000 + f" [[paper](https://arxiv.org/abs/{A})]",
        "<!--" * 30_000,
        "<table>" + "<tr><td>x" * 20_000,
    ],
    ids=["spaces", "columns", "tags", "commas", "comments", "cells"],
)
@pytest.mark.timeout(5)
def test_hostile_text_takes_no_long_time(text: str) -> None:
    parse(f"## M\n\n{text}\n")


def test_a_conference_nobody_has_heard_of_is_a_venue_and_no_author() -> None:
    entry = one(
        f"## M\n\n- Trimming Tall Trees with Care <br> ICTREE 2024 [[Paper]](https://arxiv.org/abs/{A})\n"
    )
    assert (entry.authors, entry.venue) == ((), "ICTREE 2024")
