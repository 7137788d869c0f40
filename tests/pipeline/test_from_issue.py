"""kb from-issue: forms become records, rows and labels by the same code as everything else, and every form is answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kb import cli
from tests.pipeline.events import body, copy_forms, event, write_event
from tests.pipeline.kbase import ArxivServer, KnowledgeBase, Outcome, paper, tree
from tests.reported import line, write_rows, write_words

TITLE = "Shorter Chains by Early Exit"
RECORD = """\
title: Quantization Hurts Reasoning
authors: [Ruikang Liu, Yuxuan Sun]
identifiers: {arxiv_id: "2504.04823"}
dates: {published: "2025-04-07"}
labels:
  - {branch: shorter, by: list, source: a-list}
"""
KEY = "liu2025quantization"


@pytest.fixture
def base(base: KnowledgeBase) -> KnowledgeBase:
    """A knowledge base with one record, the forms, and the words of results."""
    copy_forms(base.root)
    base.path(KEY).parent.mkdir(parents=True)
    base.path(KEY).write_text(RECORD)
    write_words(base.root / "results")
    return base


@pytest.fixture
def online(base: KnowledgeBase, arxiv: ArxivServer) -> KnowledgeBase:
    """The same with an arXiv that knows one paper more."""
    base.configure(arxiv=arxiv.url)
    arxiv.papers.append(
        paper("2505.00001", TITLE, "Ada Almeida", "Bo Chen", published="2025-05-01T00:00:00Z")
    )
    return base


def ask(base: KnowledgeBase, text: str | None, **fields: Any) -> tuple[Outcome, dict[str, Any]]:
    """Run the command on an event; what it prints, and the answer (empty if there is none)."""
    out = base.run("from-issue", str(write_event(base.root.parent, text, **fields)), "--json")
    return out, json.loads(out.out) if out.out else {}


def suggest(**answers: str) -> str:
    return body("suggest-paper", **answers)


def report(**answers: str) -> str:
    told = {
        "origin": "The paper reports it",
        "paper": KEY,
        "model": "tiny-7b",
        "method": "GPTQ",
        "weight_bits": "4",
        "benchmark": "Quiz 100",
        "metric": "accuracy",
        "score": "41",
        "place": "v3, Table 4",
    }
    return body("report-result", **(told | answers))


def relabel(**answers: str) -> str:
    return body("wrong-label", **({"paper": KEY, "why": "Section 2 says so."} | answers))


# Suggested papers


@pytest.mark.parametrize(
    "said",
    [
        "2505.00001",
        "https://arxiv.org/abs/2505.00001v1",
        "[it](https://arxiv.org/pdf/2505.00001)",
        "`arXiv:2505.00001`",
    ],
)
def test_a_paper_on_arxiv_becomes_a_record(online: KnowledgeBase, said: str) -> None:
    """With arXiv's metadata, the issue as its witness, and the label as a proposal of who asked."""
    out, told = ask(online, suggest(reference=said, branch="Short chains", why="It exits early."))
    assert (out.code, told["outcome"], told["branch"]) == (0, "change", "kb/issue-12")
    assert online.keys() == ["almeida2025shorter", KEY]
    record = online.store().library["almeida2025shorter"]
    assert (record.title, [author.name for author in record.authors]) == (TITLE, ["Ada Almeida", "Bo Chen"])
    (label,) = record.labels
    assert (label.branch, label.by, label.source, label.state, label.evidence) == (
        "shorter",
        "person",
        "ada-almeida",
        "proposed",
        ("issue 12",),
    )
    assert online.store().rows["issue 12"].paper == "almeida2025shorter"
    assert told["title"] == f"Paper suggested in #12: {TITLE}"
    assert told["body"].startswith("Closes #12.\n")
    assert "exits early" in told["body"]
    assert "exits early" not in "".join(path.read_text() for path in (online.root / "papers").rglob("*.*"))
    assert online.run("check", "--errors").code == 0


def test_the_same_issue_again_changes_nothing(online: KnowledgeBase) -> None:
    """An edited issue starts from the main branch each time; where its paper is there, it says so."""
    text = suggest(reference="2505.00001")
    before = tree(online.root)
    _, first = ask(online, text)
    after = tree(online.root)
    _, again = ask(online, text, action="edited")
    assert (first["outcome"], again["outcome"], again["title"]) == ("change", "known", "")
    assert tree(online.root) == after
    for name in after.keys() - before.keys():  # from the main branch
        (online.root / name).unlink()
    _, anew = ask(online, text, action="edited")
    assert anew == first
    assert tree(online.root) == after


def test_a_paper_that_is_here_is_answered_with_its_page(base: KnowledgeBase) -> None:
    """Nothing is asked of arXiv, which is not there, and nothing changes."""
    base.configure((base.root / "kb.toml").read_text() + '[site]\nurl = "https://kb.example"\n')
    before = tree(base.root)
    out, told = ask(base, suggest(reference="https://arxiv.org/abs/2504.04823"))
    assert (out.code, told["outcome"]) == (0, "known")
    assert f"](https://kb.example/papers/{KEY}.html)" in told["reply"]
    assert tree(base.root) == before


def test_a_paper_that_was_left_out_is_answered_with_the_reason(base: KnowledgeBase) -> None:
    """The stored one, whoever asks."""
    assert base.run("reject", KEY, "--reason", "no reasoning in it").code == 0
    before = tree(base.root)
    out, told = ask(base, suggest(reference="2504.04823"))
    assert (out.code, told["outcome"]) == (0, "excluded")
    assert "no reasoning in it" in told["reply"]
    assert tree(base.root) == before


def test_a_paper_elsewhere_becomes_a_record_of_what_the_form_says(base: KnowledgeBase) -> None:
    """With title, authors and year; non-English ones as well."""
    out, told = ask(
        base,
        suggest(
            reference="https://doi.org/10.1145/3666122",
            title="推理 的 效率 and Łukasz",
            authors="Łukasz Żak; 陈 博",
            year="2024",
        ),
    )
    assert (out.code, told["outcome"]) == (0, "change"), told
    (key,) = set(base.keys()) - {KEY}
    record = base.store().library[key]
    assert (record.title, record.year, record.identifiers.doi) == (
        "推理 的 效率 and Łukasz",
        2024,
        "10.1145/3666122",
    )
    assert [author.name for author in record.authors] == ["Łukasz Żak", "陈 博"]


def test_a_paper_of_which_too_little_is_known_waits(base: KnowledgeBase) -> None:
    """A candidate, and the reporter is told what would make a record of it."""
    out, told = ask(
        base,
        suggest(reference="https://openreview.net/forum?id=G8LaO1P0xv", title="A Title Long Enough to Tell"),
    )
    assert (out.code, told["outcome"]) == (0, "change")
    (waiting,) = base.candidates()
    assert waiting["identifiers"] == {"openreview": "G8LaO1P0xv"}
    assert "authors and year" in told["reply"]


def test_a_candidate_that_somebody_suggests_is_accepted(online: KnowledgeBase) -> None:
    """What waits already becomes a record as `kb accept` would make it."""
    online.path(KEY).unlink()
    online.configure(
        arxiv=online.config.settings.sources.arxiv.base_url,
        queries='[[sources.arxiv.queries]]\nname = "exit"\nquery = "ti:exit"\n',
    )
    assert online.run("sync", "arxiv").code == 0
    assert [each["state"] for each in online.candidates()] == ["candidate"]
    out, told = ask(online, suggest(reference="2505.00001"))
    assert (out.code, told["outcome"]) == (0, "change")
    assert online.candidates() == []
    assert online.path("almeida2025shorter").exists()


def test_a_doubtful_likeness_waits_for_a_person(base: KnowledgeBase) -> None:
    """The same title by other people is neither added nor called the same."""
    before = tree(base.root)
    out, told = ask(
        base,
        suggest(
            reference="10.1145/3666122",
            title="Quantization Hurts Reasoning",
            authors="Cleo Diaz",
            year="2025",
        ),
    )
    assert (out.code, told["outcome"]) == (0, "waits")
    assert KEY in told["reply"]
    assert tree(base.root) == before


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"reference": ""}, "Which paper should be added?: is empty"),
        ({"reference": "hello there"}, "is no arXiv id, no DOI and no address"),
        ({"reference": "https://github.com/org/code"}, "github.com holds no papers"),
        ({"reference": "https://www.youtube.com/watch?v=x"}, "www.youtube.com holds no papers"),
        ({"reference": "javascript:alert(1)"}, "is no arXiv id"),
        ({"reference": "../../etc/passwd"}, "is no arXiv id"),
        ({"reference": "2504.04823 and 2504.10903"}, "is no arXiv id"),
        ({"reference": "2504.04823\n2504.10903"}, "has more than one line"),
        ({"reference": "10.1145/3666122"}, "Its title: is needed"),
        ({"reference": "10.1145/3666122", "title": "!!!", "year": "25"}, "is no year"),
        ({"reference": "10.1145/3666122", "title": "Some Title", "year": "soon"}, "is no year"),
        ({"reference": "2504.04823", "branch": "nonsense"}, "is no branch of the survey"),
    ],
)
def test_what_cannot_be_used_is_answered_with_how_to_mend_it(
    base: KnowledgeBase, answers: dict[str, str], says: str
) -> None:
    """Exit code 3, one friendly answer, nothing changed."""
    before = tree(base.root)
    out, told = ask(base, suggest(**answers))
    assert (out.code, told["outcome"]) == (3, "unfit"), told
    assert says in told["line"]
    assert told["reply"].startswith("Thank you. This cannot be used yet:")
    assert "edit the issue" in told["reply"]
    assert tree(base.root) == before


def test_an_id_that_arxiv_does_not_know_is_the_reporters_to_correct(online: KnowledgeBase) -> None:
    out, told = ask(online, suggest(reference="2505.99999"))
    assert (out.code, told["outcome"]) == (3, "unfit")
    assert "arXiv has no 2505.99999" in told["line"]


def test_a_title_that_is_another_papers_is_asked_about(online: KnowledgeBase) -> None:
    """A wrong number is the most common slip."""
    out, told = ask(online, suggest(reference="2505.00001", title="Pruning Attention Heads of Vision Models"))
    assert (out.code, told["outcome"]) == (3, "unfit")
    assert TITLE in told["line"]


def test_an_arxiv_that_does_not_answer_is_not_the_reporters_fault(base: KnowledgeBase) -> None:
    """Exit code 4, said in the reply, nothing changed."""
    base.configure(arxiv="http://127.0.0.1:9")
    before = tree(base.root)
    out, told = ask(base, suggest(reference="2505.00001"))
    assert (out.code, told["outcome"]) == (4, "later")
    assert "not your fault" in told["reply"]
    assert tree(base.root) == before


# Reported results


def test_a_figure_of_a_paper_becomes_a_doubtful_row(base: KnowledgeBase) -> None:
    """In the words of the vocabulary, with its place, and marked as not yet compared."""
    out, told = ask(base, report(baseline_score="50", seeds="3", method="GPTQ[calib=Numina]"))
    assert (out.code, told["outcome"]) == (0, "change"), told
    (row,) = base.store().results.rows
    assert (row.source, row.model, row.method, row.variant, row.benchmark) == (
        KEY,
        "Tiny-7B",
        "gptq",
        "calib=Numina",
        "Quiz",
    )
    assert (row.score, row.baseline_score, row.seeds, row.place) == (41, 50, 3, "v3, Table 4")
    assert (row.certainty, row.note) == ("low", "reported in issue 12, not yet compared with the source")
    assert base.run("check", "--errors").code == 0


def test_rows_that_are_there_keep_their_place(base: KnowledgeBase) -> None:
    """A row more, and no other line changes."""
    path = write_rows(base.root / "results", KEY, line(score=41, baseline=50))
    assert ask(base, report(method="AWQ", score="40"))[1]["outcome"] == "change"
    rows = base.store().results.rows
    assert [(row.method, row.score) for row in rows] == [("awq", 40), ("gptq", 41)]
    assert path.read_text().count("\n") == 3


def test_a_figure_that_is_here_is_known_and_another_one_waits(base: KnowledgeBase) -> None:
    """A figure that differs changes nothing before a person has compared both with the source."""
    write_rows(base.root / "results", KEY, line(score=41, baseline=50))
    before = tree(base.root)
    assert ask(base, report())[1]["outcome"] == "known"
    _, told = ask(base, report(score="42.5"))
    assert (told["outcome"], tree(base.root)) == ("waits", before)
    assert "the issue says 42.5" in told["line"]


def test_ones_own_figure_gets_a_source_of_its_own(base: KnowledgeBase) -> None:
    """The issue is the source; with a paper it is a rerun of it."""
    sources = base.root / "results" / "_sources.yaml"
    old = sources.read_text()
    text = report(origin="I measured it myself", paper="", place="https://github.com/ada/logs")
    assert ask(base, text)[1]["outcome"] == "change"
    found = base.store().results
    assert [row.source for row in found.rows] == ["issue-12"]
    source = found.words.sources["issue-12"]
    assert (source.kind, source.url) == ("report", "https://github.com/org/survey/issues/12")
    assert sources.read_text().startswith(old)
    assert (
        ask(base, report(origin="I measured it myself", paper="2504.04823", score="40"), number=13)[1][
            "outcome"
        ]
        == "change"
    )
    source = base.store().results.words.sources["issue-13"]
    assert (source.kind, source.of) == ("rerun", KEY)


def test_a_survey_without_sources_gets_its_first_one(base: KnowledgeBase) -> None:
    (base.root / "results" / "_sources.yaml").unlink()
    assert ask(base, report(origin="I measured it myself", paper=""))[1]["outcome"] == "change"
    assert list(base.store().results.words.sources) == ["issue-12"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"model": "Huge-70B"}, "there is no model 'Huge-70B'"),
        ({"model": "Tiny-7", "score": "many"}, "did you mean Tiny-7B"),
        ({"score": "many"}, "'many' is no number"),
        ({"score": "nan"}, "is no number"),
        ({"score": "410"}, "score is 410"),
        ({"score": ""}, "The score: is empty"),
        ({"weight_bits": "400"}, "Bits of a weight"),
        ({"benchmark": "=HYPERLINK(1)"}, "there is no benchmark"),
        ({"place": "=cmd|' /C calc'!A0"}, "a spreadsheet would run"),
        ({"metric": "vibes"}, "is none of the options"),
        ({"origin": "a friend said so"}, "is none of the options"),
        ({"paper": "nobody2020nothing"}, "there is no paper"),
        ({"paper": "../../../etc/passwd"}, "there is no paper"),
        ({"paper": ""}, "there is no paper"),
    ],
)
def test_a_figure_that_cannot_be_used_is_answered(
    base: KnowledgeBase, answers: dict[str, str], says: str
) -> None:
    """Every mistake at once, with the word that was likely meant."""
    before = tree(base.root)
    out, told = ask(base, report(**answers))
    assert (out.code, told["outcome"]) == (3, "unfit"), told
    assert says in told["line"]
    assert tree(base.root) == before


# Labels


def test_a_strangers_branch_is_a_proposal_and_a_wrong_one_is_rejected_in_their_name(
    base: KnowledgeBase,
) -> None:
    """What lists say stays; who merges agrees."""
    out, told = ask(base, relabel(wrong="shorter", right="Smaller"))
    assert (out.code, told["outcome"]) == (0, "change"), told
    labels = [
        (each.branch, each.by.value, each.source, each.state.value)
        for each in base.store().library[KEY].labels
    ]
    assert labels == [
        ("shorter", "list", "a-list", "proposed"),
        ("shorter", "person", "ada-almeida", "rejected"),
        ("smaller", "person", "ada-almeida", "proposed"),
    ]
    assert "Section 2" not in base.text(KEY)
    assert ask(base, relabel(wrong="shorter", right="Smaller"))[1]["outcome"] == "known"


def test_who_may_write_to_the_repository_confirms(base: KnowledgeBase) -> None:
    """GitHub says who that is, not the issue."""
    assert ask(base, relabel(right="smaller"), author_association="MEMBER")[1]["outcome"] == "change"
    states = {each.source: each.state.value for each in base.store().library[KEY].labels}
    assert states == {"a-list": "proposed", "ada-almeida": "confirmed"}


def test_nobody_overrules_what_a_person_confirmed(base: KnowledgeBase) -> None:
    """It waits for people to talk."""
    assert base.run("triage", "--by", "Bo", "--decide", f"{KEY}=shorter").code == 0
    before = tree(base.root)
    _, told = ask(base, relabel(wrong="shorter"), author_association="OWNER")
    assert (told["outcome"], tree(base.root)) == ("waits", before)
    assert "Bo confirmed shorter" in told["line"]
    assert ask(base, relabel(right="shorter"))[1]["outcome"] == "known"


@pytest.mark.parametrize(
    "name", ["2504.04823", f"papers/{KEY}.yaml", f"https://kb.example/survey/papers/{KEY}.html#labels"]
)
def test_a_paper_may_be_named_in_every_way(base: KnowledgeBase, name: str) -> None:
    assert ask(base, relabel(paper=name, right="faster"))[1]["outcome"] == "change"


def test_a_merged_record_and_a_moved_branch_are_followed(base: KnowledgeBase) -> None:
    """The answer says where they went."""
    other = RECORD.replace("2504.04823", "2504.00009").replace(
        "Quantization Hurts Reasoning", "Another Title of It"
    )
    base.path("liu2025another").write_text(other)
    assert base.run("same", KEY, "liu2025another").code == 0
    with (base.root / "taxonomy.yaml").open("a") as stream:
        stream.write("redirects:\n  compact: smaller\n")
    _, told = ask(base, relabel(paper="liu2025another", right="compact"))
    assert told["outcome"] == "change", told
    assert "liu2025another is part of this record now" in told["line"]
    assert "compact is smaller now" in told["line"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "is empty, and so is the right branch"),
        ({"wrong": "shorter", "right": "shorter"}, "is the same as the wrong branch"),
        ({"wrong": "faster"}, "the paper does not stand in faster. To mend it: it stands in shorter"),
        ({"right": "gone/branch"}, "is no branch of the survey"),
        ({"right": "smalle"}, "one of: smaller"),
        ({"paper": "liu2025quantisation", "right": "smaller"}, f"did you mean {KEY}"),
        ({"paper": "con", "right": "smaller"}, "there is no paper 'con'"),
    ],
)
def test_a_label_that_cannot_be_corrected_is_answered(
    base: KnowledgeBase, answers: dict[str, str], says: str
) -> None:
    before = tree(base.root)
    out, told = ask(base, relabel(**answers))
    assert (out.code, told["outcome"]) == (3, "unfit"), told
    assert says in told["line"]
    assert tree(base.root) == before


# Hostile input

INJECTED = [
    "$(touch /tmp/kb-owned) `touch /tmp/kb-owned` ; rm -rf / #",
    "${{ github.token }} ${{ secrets.ZOTERO_API_KEY }}",
    "x\n::set-output name=answered::true\n::add-mask::e\n##[add-mask]e",
    "title: !!python/object/apply:os.system [id]\n- &a [*a]",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "@org/everyone #1 [x](javascript:alert(1)) ![p](https://evil.example/p.png)",
    "\u202etxt.exe\u2066 \u0000 \ud7ff \x1b[31m",
    "{{7*7}} {% include 'x' %} << 7 >>",
    "=cmd|' /C calc'!A0",
    "../../../../tmp/kb-owned\\..\\x",
    "'; DROP TABLE papers; --",
    "日本語のテキスト نص عربي",
]


@pytest.mark.parametrize("text", INJECTED)
@pytest.mark.parametrize("name", ["reference", "title", "authors", "year", "branch", "why"])
def test_nothing_in_a_field_means_anything(
    base: KnowledgeBase, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in whichever field: an outcome, no command of the runner in what is printed, no file elsewhere."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    answers = {
        "reference": "10.1145/3666122",
        "title": "A Fine Title for a Test",
        "authors": "Ada Almeida",
        "year": "2025",
    }
    before = {path for path in base.root.parent.rglob("*") if base.root not in path.parents}
    path = write_event(base.root.parent, suggest(**(answers | {name: text})))
    out = base.run("from-issue", str(path), "--out", str(base.root / "build" / "answer"))
    assert out.code in {0, 3}, out.text
    assert "Traceback" not in out.text
    for printed in out.text.splitlines():
        assert not printed.lstrip().startswith("::")
        assert "##[" not in printed
    told = (base.root / "build" / "answer" / "branch.txt").read_text()
    assert told == "kb/issue-12"
    assert not Path("/tmp/kb-owned").exists()
    after = {path for path in base.root.parent.rglob("*") if base.root not in path.parents}
    assert {each.name for each in after - before} <= {"event.json", "cache"}
    assert base.run("check", "--errors").code == 0  # what came of it can be read


@pytest.mark.parametrize("text", INJECTED)
def test_a_hostile_reply_shows_the_text_and_nothing_else(base: KnowledgeBase, text: str) -> None:
    """The answer to the reporter repeats what it could not read, as text."""
    _, told = ask(base, report(model=" ".join(text.split()), benchmark=" ".join(text.split())))
    assert "<script" not in told["reply"]
    assert "](javascript" not in told["reply"]
    assert "![" not in told["reply"]
    for sign in ("@org", "#1 "):
        assert sign not in told["reply"]


def test_a_heading_in_a_code_block_or_comment_is_no_field(base: KnowledgeBase) -> None:
    """Whoever fakes an answer inside another one fakes nothing."""
    label = "### Which branch is right?\n\nfaster"
    for fake in (f"```\n{label}\n```", f"<!--\n{label}\n-->", f"> {label}", f"    {label}"):
        text = relabel(right="smaller").replace("Section 2 says so.", fake)
        ask(base, text, number=20)
        labels = {each.branch for each in base.store().library[KEY].labels if each.by == "person"}
        assert labels == {"smaller"}, fake


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (relabel(right="smaller") + "\n\n### Which branch is right?\n\nfaster", "stands twice"),
        (relabel(paper=f"```\n{KEY}", right="smaller"), "is a code block"),
        (relabel(why="x" * 20_000, right="smaller"), "is longer than 10,000"),
        (relabel(right="smaller") + "x" * 70_000, "is longer than 65,536"),
    ],
)
def test_a_body_that_cannot_be_told_apart_is_refused(base: KnowledgeBase, text: str, says: str) -> None:
    """And answered."""
    out, told = ask(base, text)
    assert (out.code, told["outcome"]) == (3, "unfit")
    assert says in told["line"]


@pytest.mark.parametrize("unit", ["> ", "- ", "[", "`", "<!--", "### a\n\n", "* a\n ", "&#", "|a", "\\"])
def test_a_body_as_long_as_github_allows_is_read_in_no_time(base: KnowledgeBase, unit: str) -> None:
    """Whatever it is made of; a parser that went quadratic would run into the time limit of tests."""
    text = relabel(right="smaller", why=unit * (9_000 // len(unit)))
    out, _ = ask(base, text)
    assert out.code in {0, 3}


@pytest.mark.parametrize(
    "text", [None, "", "Please fix the site.", "### Something\n\nelse", "### Its title\n\nx"]
)
def test_an_issue_that_is_none_of_the_forms_is_left_to_people(base: KnowledgeBase, text: str | None) -> None:
    """No answer, no change, exit code 0."""
    before = tree(base.root)
    out, told = ask(base, text)
    assert (out.code, told["outcome"], told["reply"]) == (0, "none", "")
    assert tree(base.root) == before


def test_a_closed_issue_asks_for_nothing(base: KnowledgeBase) -> None:
    assert ask(base, relabel(right="smaller"), action="edited", state="closed")[1]["outcome"] == "none"


EVENTS: dict[str, tuple[bytes, str]] = {
    "a pull request": (
        json.dumps({"action": "opened", "pull_request": {"number": 1}}).encode(),
        "no event of an issue but of pull_request",
    ),
    "a comment on one": (json.dumps(event("x", pull_request={"url": "x"})).encode(), "no event of an issue"),
    "a schedule": (b'{"schedule": "17 4 * * 1"}', "but of schedule"),
    "a deletion": (json.dumps(event("x", action="deleted")).encode(), "the issue was deleted"),
    "a hostile action": (json.dumps(event("x", action="::x\n")).encode(), "the issue was changed"),
    "no number": (json.dumps(event("x", number="12; id")).encode(), "has no number"),
    "a negative number": (json.dumps(event("x", number=-1)).encode(), "has no number"),
    "true": (json.dumps(event("x", number=True)).encode(), "has no number"),
    "a body that is a list": (json.dumps(event("x", body=["x"])).encode(), "the issue's body is no text"),
    "no object": (b"[1, 2]", "is no event of GitHub"),
    "no JSON": (b"### Which paper should be added?", "is no JSON"),
    "deep JSON": (b"[" * 100_000, "is no JSON"),
    "nothing": (b"", "is no JSON"),
    "too much": (b" " * 4_000_001, "is larger than"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_what_is_no_issue_is_refused_in_one_line(base: KnowledgeBase, name: str) -> None:
    """Exit code 2; nothing of the event is repeated that was not checked."""
    data, says = EVENTS[name]
    path = base.root.parent / "event.json"
    path.write_bytes(data)
    out = base.run("from-issue", str(path))
    assert (out.code, out.out) == (2, "")
    assert says in out.err
    assert out.err.count("\n") == 1


@pytest.mark.parametrize("login", ["ada; rm -rf /", "${{ x }}", "../x", "", None, 5, "a" * 60])
def test_a_name_that_is_none_is_not_written_down(base: KnowledgeBase, login: object) -> None:
    """GitHub's names are letters, digits and hyphens."""
    assert ask(base, relabel(right="smaller"), user={"login": login})[1]["outcome"] == "change"
    assert {each.source for each in base.store().library[KEY].labels} == {"a-list", "somebody"}


def test_an_address_that_is_none_is_not_written_down(base: KnowledgeBase) -> None:
    assert (
        ask(base, report(origin="I measured it myself", paper=""), html_url="javascript:alert(1)")[1][
            "outcome"
        ]
        == "change"
    )
    assert base.store().results.words.sources["issue-12"].url is None


def test_a_bare_body_can_be_tried_out(base: KnowledgeBase) -> None:
    """From a file or from standard input; the answer's parts are files."""
    path = base.root.parent / "body.md"
    path.write_text(relabel(right="smaller").replace("\n", "\r\n"), newline="")
    out = base.run("from-issue", "--number", "7", str(path), "--out", str(base.root.parent / "out"))
    assert out.code == 0, out.text
    assert out.out.startswith("issue 7: change: ")
    assert (base.root.parent / "out" / "title.txt").read_text() == f"Label reported in #7: {KEY}"
    done = subprocess.run(
        [sys.executable, "-m", "kb", *base.arguments("from-issue", "--number", "7", "-")],
        input=relabel(right="faster"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split(": ")[1]) == (0, "change")


def test_a_folder_without_forms_is_told(base: KnowledgeBase) -> None:
    """Exit code 3, with what to do."""
    for path in (base.root / ".github" / "ISSUE_TEMPLATE").iterdir():
        path.unlink()
    out = base.run("from-issue", str(write_event(base.root.parent, "x")))
    assert out.code == 3
    assert "there are no issue forms here" in out.err


def test_a_form_may_be_reworded_and_translated(base: KnowledgeBase) -> None:
    """Its ids count, and the order of its options."""
    path = base.root / ".github" / "ISSUE_TEMPLATE" / "wrong-label.yml"
    path.write_text(path.read_text().replace("Which branch is right?", "哪个分支是对的？"))
    text = relabel(right="smaller").replace("Which branch is right?", "哪个分支是对的？")
    assert ask(base, text)[1]["outcome"] == "change"


def test_a_broken_record_is_the_maintainers_to_mend(base: KnowledgeBase) -> None:
    """Exit code 3 with the file, and no answer that blames the reporter."""
    base.path(KEY).write_text("title: [\n")
    out = base.run(
        "from-issue",
        str(write_event(base.root.parent, relabel(right="smaller"))),
        "--out",
        str(base.root / "out"),
    )
    assert out.code == 3
    assert f"papers/{KEY}.yaml" in out.err
    assert not (base.root / "out").exists()


def test_help_names_the_exit_codes() -> None:
    assert cli.main(["from-issue", "--help"]) == 0
