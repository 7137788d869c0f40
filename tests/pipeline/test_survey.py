"""kb survey: every citation and reference resolves, every sentence is a record's, a person's edits stay, and it compiles."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from pybtex.database import parse_string

from kb.config import load_config
from kb.export.latex_survey import ClaimLine, Given, SurveyPack, render_survey
from kb.export.latex_text import latex_text, visible
from kb.pipeline.stage import read_templates
from kb.pipeline.survey import MANIFEST, survey
from kb.pipeline.tex import compile_tex
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.results import (
    Method,
    MethodKind,
    ReportedResult,
    Results,
    ResultSource,
    SourceKind,
    Vocabulary,
)
from kb.records.taxonomy import load_taxonomy
from tests.export.strange import TITLES
from tests.latex import needs_latex, text_of
from tests.library import REPO, invent_papers, make_library
from tests.pipeline.kbase import KnowledgeBase, tree

LATIN = (
    *(title for title in TITLES if all(ord(char) < 0x590 for char in title)),
    "W" * 70, "ÄÖÜÄÖÜ" * 12, "x" * 120, "MMMMMMMM-WWWWWWWW/XXXXXXXX" * 3, "LIVECODEBENCHMARK2024AIME2025",
    "[opt] * {[ ]} , = ; \\\\ \\\\[1cm] \\\\*", "] ) } \\end{longtable} \\end{document} \\fi \\else",
    "x̂ + ŷ q̇ and ΑΒΓ αβγ ≤ ∑ ∞ → ℝ ½ ™ № €", "https://very.long.example.org/path/to/some/thing?with=query&and=more#part",
    "%%% ### &&& ___ $$$ ~~~ ^^^ {{{ }}} |||", "-- --- ``quotes'' ,, << >> ?` !` '' \"", "<#comment#> <% block %> <<value>> {{ x }}",
)  # fmt: skip
OTHER = (
    "中文标题：大型语言模型的高效推理与量化研究综述以及更多的文字用来测试换行是否正确",
    "한국어 제목과 日本語の題名",
    "שלום עולם reasoning ב-4 ביט",
    "كيف تفكر النماذج: دراسة",
    "Кириллица и Ελληνικά",
    "Emoji 🤔💡 thinking",
    "ไทย हिन्दी ქართული Հայերեն",
    "ŷ̃ q̇́ H₂O ﬁne 𝒜",
)


def given(papers: list[Paper], titles: tuple[str, ...], *, n_results: int = 0) -> Given:
    """A survey of `papers` in which everything that can be strange is one of `titles`."""
    one_line = [visible(title) for title in titles]
    rows = [
        ReportedResult(source=papers[30].key, model=model, method=method, variant=model[:60] if number % 3 == 0 else None,
                       weight_bits=4, benchmark=benchmark, score=score, baseline_score=100, spread=12.34)
        for number, model in enumerate(one_line[:n_results])
        for method in ("gptq", "awq")
        for benchmark, score in zip(one_line[:8], (100, 99.99, 0.01, 50.5, 100, 1, 2, 3), strict=False)
    ]  # fmt: skip
    rows += [
        ReportedResult(
            source=f"s{number}", model=title, method="gptq", weight_bits=4, benchmark="B", score=100
        )
        for number, title in enumerate(one_line[:n_results])
    ]
    sources = (
        {papers[30].key: ResultSource(id=papers[30].key, kind=SourceKind.PAPER, title=one_line[0])}
        if rows
        else {}
    )
    sources |= {
        f"s{number}": ResultSource(id=f"s{number}", kind=SourceKind.REPORT, title=title)
        for number, title in enumerate(one_line)
    }
    methods = {
        name: Method(name=name, title=title, family="f", kind=MethodKind.POST_TRAINING)
        for name, title in (("gptq", "GPTQ"), ("awq", one_line[-1]))
    }
    states = ("supported", "refuted", "contested", "inconclusive", "stale", "untested")
    claims = tuple(
        ClaimLine(papers[20 + n].key, title, one_line[n - 1], states[n % 6], one_line[(n + 3) % len(titles)])
        for n, title in enumerate(titles)
    )
    taxonomy = load_taxonomy(REPO / "taxonomy.yaml")
    vocabulary = Vocabulary(sources, {}, {}, methods)
    return Given(
        "A survey & 100% of it", ("Ada & Co", "Łucja"), {paper.key: paper for paper in papers}, taxonomy,
        Results(tuple(rows), vocabulary), claims, read_templates(REPO),
    )  # fmt: skip


def strange_papers(n: int, titles: tuple[str, ...]) -> list[Paper]:
    """Invented records; every second one has a title, an author, a venue and a review out of `titles`."""
    papers = invent_papers(n)
    for number in range(14, n, 2):
        data = papers[number].to_data()
        some = [visible(titles[(number // 2 + step) % len(titles)]) for step in range(3)]
        data |= {
            "title": f"{some[0]} {number}",
            "authors": [some[1][:200], "Ada Almeida"],
            "venue": some[2][:200],
        }
        if number % 6 == 2:
            data["review"] = {
                "state": "draft",
                "summary": some[0],
                "focus": some[1],
                "contribution": some[2] * 2,
            }
        papers[number] = Paper.from_data(papers[number].key, data)
    return papers


def write(pack: SurveyPack, folder: Path) -> Path:
    for name, text in pack.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


# The text


def names(pack: SurveyPack, command: str) -> set[str]:
    tex = "\n".join(text for name, text in pack.files.items() if name.endswith(".tex"))
    return {name for found in re.findall(rf"\\{command}\{{([^}}]*)\}}", tex) for name in found.split(",")}


def test_every_citation_every_reference_and_every_file_is_there() -> None:
    papers = strange_papers(120, LATIN + OTHER)
    pack = render_survey(given(papers, LATIN + OTHER, n_results=10))
    entries = set(parse_string(pack.files["references.bib"], "bibtex").entries)
    assert names(pack, "citep") <= {paper.key for paper in papers} == entries
    assert names(pack, "citep") == {paper.key for paper in papers if paper.status.value == "included"}
    assert names(pack, "ref") <= names(pack, "label")
    assert {f"{name}.tex" for name in names(pack, "input") if not name.startswith("/")} <= set(pack.files)
    labels = re.findall(r"\\label\{([^}]*)\}", "".join(pack.files.values()))
    assert len(labels) == len(set(labels))


def test_every_sentence_of_a_section_is_a_field_or_a_count() -> None:
    """What remains once fields, citations and commands are gone is the glue of the template."""
    papers = invent_papers(80)
    pack = render_survey(given(papers, ("Plain",)))
    taxonomy = load_taxonomy(REPO / "taxonomy.yaml")
    fields = {paper.title for paper in papers}
    fields |= {
        text for branch in taxonomy.branches.values() for text in (branch.title, branch.branch.description)
    }
    for paper in papers:
        if paper.review:
            fields |= {
                text
                for text in (paper.review.summary, paper.review.contribution, paper.review.limitations)
                if text
            }
    text = pack.files["sections/smaller.tex"]
    for field in sorted(fields, key=len, reverse=True):
        text = text.replace(latex_text(field), "")
    text = re.sub(
        r"%.*|\\begin\{figure\}.*?\\end\{figure\}|~?\\(?:citep|ref|label|input)\{[^}]*\}",
        "",
        text,
        flags=re.S,
    )
    left = set(re.findall(r"[A-Za-z]+(?: [A-Za-z]+)*", re.sub(r"\\[a-z]+", "", text)))
    assert left <= {"Table", "lists its", "papers", "Figure", "shows its branches", "Papers", "Further papers", "No paper stands here yet"}  # fmt: skip


def test_branches_that_are_asked_for_are_all_there_is(tmp_path: Path) -> None:
    make_library(tmp_path, 60)
    report = survey(load_config(tmp_path), branches=("smaller/quantization",))
    assert [name for name in report.pack.files if name.startswith("sections/")] == [
        "sections/smaller-quantization.tex"
    ]
    assert 0 < report.pack.papers < 60
    assert "Not yet sorted" not in report.pack.files["survey.tex"]


# The folder


def made(root: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    """A small knowledge base with the taxonomy of the repository, to run commands in."""
    make_library(root, 12)
    settings = (root / "kb.toml").read_text(encoding="utf-8")
    base = KnowledgeBase(root, capsys)
    base.configure(settings)
    (root / "taxonomy.yaml").write_bytes((REPO / "taxonomy.yaml").read_bytes())
    return base


def test_a_second_run_changes_nothing_and_an_edited_file_is_left_alone(tmp_path: Path) -> None:
    papers = make_library(tmp_path, 30)
    config = load_config(tmp_path)
    assert survey(config).written == len(survey(config).pack.files)
    folder = tmp_path / "build" / "survey"
    before = tree(folder)
    assert survey(config).written == 0
    assert tree(folder) == before

    (folder / "survey.tex").write_text("mine", encoding="utf-8")
    assert survey(config).edited == ()  # what would be made is what was made: nothing to tell
    record = tmp_path / "papers" / f"{papers[0].key}.yaml"
    changed = papers[0].to_data() | {"title": "Another title", "labels": []}
    record.write_text(render_record(Paper.from_data(papers[0].key, changed)), encoding="utf-8")
    report = survey(config)
    assert report.edited == ("survey.tex",)
    assert (folder / "survey.tex").read_text(encoding="utf-8") == "mine"
    assert "Another title" in (folder / "references.bib").read_text(encoding="utf-8")
    assert survey(config, force=True).edited == ()
    assert (folder / "survey.tex").read_text(encoding="utf-8") == report.pack.files["survey.tex"]


def test_files_that_are_no_longer_made_go_but_what_is_a_persons_stays(tmp_path: Path) -> None:
    make_library(tmp_path, 30)
    config = load_config(tmp_path)
    survey(config)
    folder = tmp_path / "build" / "survey"
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    edited = folder / "sections" / "faster.tex"
    edited.write_text("mine too", encoding="utf-8")
    report = survey(config, branches=("smaller",))
    assert report.removed > 0
    assert not (folder / "sections" / "shorter.tex").exists()
    assert edited.read_text(encoding="utf-8") == "mine too"
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"../../papers/x.yaml": "0"}'])
def test_a_broken_list_of_what_was_made_costs_nobody_a_file(tmp_path: Path, manifest: str) -> None:
    make_library(tmp_path, 12)
    survey(load_config(tmp_path))
    folder = tmp_path / "build" / "survey"
    (folder / "survey.tex").write_text("mine", encoding="utf-8")
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    papers = tree(tmp_path / "papers")
    assert survey(load_config(tmp_path)).edited == ("survey.tex",)
    assert (folder / "survey.tex").read_text(encoding="utf-8") == "mine"
    assert tree(tmp_path / "papers") == papers


def test_the_command_says_what_it_did_and_an_unknown_branch_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = made(tmp_path / "made", capsys)
    done = base.run("survey", "--out", str(tmp_path / "out"))
    assert (done.code, done.err) == (0, "")
    assert re.match(r".*/out: 11 papers, \d+ tables, no claims; \d+ files written\n", done.out)
    wrong = base.run("survey", "--branch", "smaller/quantisation")
    assert wrong.code == 2
    assert "there is no branch 'smaller/quantisation' (fix: such as smaller/quantization)" in wrong.err


def test_a_template_that_a_survey_does_not_have_comes_with_kb(tmp_path: Path) -> None:
    """Its own counts where it has one; the others are those of the program."""
    make_library(tmp_path / "made", 12)
    latex = tmp_path / "made" / "templates" / "latex"
    (latex / "survey.tex.j2").unlink()
    config = load_config(tmp_path / "made", {})
    ours = survey(config).pack.files["survey.tex"]
    (latex / "survey.tex.j2").write_text("% mine\n")
    assert ours != survey(config, force=True).pack.files["survey.tex"] == "% mine\n"


# LaTeX


def squeezed(text: str) -> str:
    """`text` without what a page changes: spaces, ends of lines, hyphens, accents, forms of quotation marks."""
    text = unicodedata.normalize("NFKD", text)
    return "".join(char for char in text if char.isalnum() and char.isprintable())


@needs_latex
@pytest.mark.slow
@pytest.mark.timeout(900)  # a few seconds a run of LaTeX, on a machine with nothing else to do
def test_five_hundred_strange_papers_compile_with_pdflatex_and_no_table_sticks_out(tmp_path: Path) -> None:
    """Zero undefined citations and references, and zero lines of tables and figures that are too wide."""
    pack = render_survey(given(strange_papers(500, LATIN), LATIN, n_results=14))
    assert pack.engine == "pdflatex"
    done = compile_tex(write(pack, tmp_path / "a survey, folder"), pack.engine)
    assert (done.log.citations, done.log.references, done.log.missing, done.log.errors) == ((), (), (), ())
    assert [line for line in done.log.too_wide if not line.startswith("text:")] == []
    said = squeezed(text_of(done.pdf, tmp_path))
    for title in LATIN:
        if title.isascii() and "$" not in title:
            assert squeezed(title) in said, title
    assert done.bbl.count(r"\bibitem") == pack.papers


@needs_latex
@pytest.mark.slow
@pytest.mark.timeout(900)  # a few seconds a run of LaTeX, on a machine with nothing else to do
def test_other_scripts_compile_with_both_engines_and_say_the_same_with_xelatex(tmp_path: Path) -> None:
    """pdfLaTeX, which has no fonts for them, prints their code points."""
    pack = render_survey(given(strange_papers(60, OTHER), OTHER, n_results=8))
    assert pack.engine == "xelatex"
    folder = write(pack, tmp_path / "survey")
    unicode_ = compile_tex(folder, "xelatex")
    assert (unicode_.log.citations, unicode_.log.references, unicode_.log.missing) == ((), (), ())
    assert [line for line in unicode_.log.too_wide if not line.startswith("text:")] == []
    said = text_of(unicode_.pdf, tmp_path)
    for phrase in (
        OTHER[0],
        "한국어",
        "日本語の題名",
        "Кириллица",
        "λληνικ",
        "ไทย",
        "ქართული",
        "Հայերեն",
        "H2O",
        "fine",
    ):
        assert squeezed(phrase) in squeezed(said), phrase
    for phrase in ("🤔", "💡", "שלום עולם", "كيف", "تفكر"):
        assert phrase in said, phrase
    plain = compile_tex(folder, "pdflatex")
    assert (plain.log.citations, plain.log.errors) == ((), ())
    assert [line for line in plain.log.too_wide if not line.startswith("text:")] == []
    assert "U+4E2D" in text_of(plain.pdf, tmp_path)


@needs_latex
@pytest.mark.slow
@pytest.mark.timeout(900)  # a few seconds a run of LaTeX, on a machine with nothing else to do
def test_the_survey_of_this_repository_compiles(tmp_path: Path) -> None:
    """Whatever the committed records hold, and in the engine that it asks for."""
    report = survey(load_config(REPO), out=tmp_path / "out", pdf=True)
    assert report.log is not None
    assert (report.log.citations, report.log.references, report.log.errors, report.log.missing) == (
        (),
        (),
        (),
        (),
    )
    assert [line for line in report.log.too_wide if not line.startswith("text:")] == []
    assert report.pdf is not None
    assert report.pdf.read_bytes().startswith(b"%PDF")


@needs_latex
@pytest.mark.slow
@pytest.mark.timeout(900)  # a few seconds a run of LaTeX, on a machine with nothing else to do
def test_a_second_pdf_is_the_same_to_the_byte_and_a_fault_is_told_with_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = made(tmp_path / "made", capsys)
    done = base.run("survey", "--pdf")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{base.root}/build/survey/survey.pdf: written")
    before = tree(base.root / "build" / "survey")
    assert {"survey.pdf", "survey.bbl", "survey.tex"} <= set(before)
    assert base.run("survey", "--pdf").code == 0
    assert tree(base.root / "build" / "survey") == before

    edited = base.root / "build" / "survey" / "sections" / "faster.tex"
    edited.write_text(r"\section{Mine}\cite{nobody2020nothing} \ref{sec:nowhere}", encoding="utf-8")
    done = base.run("survey", "--pdf", "--json")
    log = json.loads(done.out)["log"]
    assert (done.code, log["citations"]) == (7, ["nobody2020nothing"])
    assert {"sec:faster", "sec:nowhere"} <= set(log["references"])
