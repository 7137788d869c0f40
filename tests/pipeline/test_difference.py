"""kb diff: what a change does to the survey, against a git history."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kb.config import load_config
from kb.export.github import as_markdown, as_text
from kb.pipeline.difference import Difference, compare, difference, state_of
from kb.pipeline.difference_words import headline, sections
from tests.library import make_library
from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.test_build_findings import NAME, add_findings
from tests.pipeline.test_merge_driver import Repository

RECORD = """\
title: Quantization Hurts Reasoning
authors: [Ruikang Liu, Yuxuan Sun]
identifiers: {arxiv_id: "2504.04823"}
dates: {published: "2025-04-07"}
labels:
  - {branch: shorter, by: list, source: a-list}
"""
KEY = "liu2025quantization"
FILE = f"papers/{KEY}.yaml"
OTHER = """\
title: Early Exit of Long Chains
authors: [Ada Almeida]
identifiers: {arxiv_id: "2505.00001"}
dates: {published: "2025-05-01"}
"""


@pytest.fixture
def repository(base: KnowledgeBase) -> Repository:
    """One record, committed; .kb is what the program keeps for itself."""
    return Repository(base, {FILE: RECORD, ".gitignore": ".kb/\nbuild/\n"})


def told(repository: Repository, *words: str) -> dict[str, Any]:
    out = repository.base.run("diff", "--no-pages", "--json", *words)
    assert out.code == 0, out.text
    found: dict[str, Any] = json.loads(out.out)
    return found


def said(repository: Repository, *words: str) -> str:
    out = repository.base.run("diff", "--no-pages", *words)
    assert out.code == 0, out.text
    return out.out


def write(repository: Repository, **records: str) -> None:
    for key, text in records.items():
        repository.base.path(key).write_text(text, encoding="utf-8")


def test_no_change_is_said_in_one_line(repository: Repository) -> None:
    assert said(repository) == "Nothing of the survey changes.\n"


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "in the working tree"])
def test_a_new_paper_a_changed_field_and_a_decided_label_are_told(
    repository: Repository, committed: bool
) -> None:
    """Since the branch left; what is only in the working tree counts."""
    confirmed = RECORD.replace(
        "source: a-list}", "source: a-list}\n  - {branch: smaller, by: person, source: Bo, state: confirmed}"
    )
    files: dict[str, str | None] = {
        FILE: confirmed.replace("Yuxuan Sun", "Y. Sun"),
        "papers/almeida2025early.yaml": OTHER,
    }
    if committed:
        repository.commit(files)
    else:
        write(repository, **{Path(name).stem: text or "" for name, text in files.items()})
    found = told(repository, "--since", "theirs")
    assert found["added"] == [{"key": "almeida2025early", "title": "Early Exit of Long Chains"}]
    assert found["changed"] == {KEY: ["authors", "labels"]}
    assert found["labels"] == [
        {"paper": KEY, "branch": "smaller", "by": "Bo", "before": None, "now": "confirmed"}
    ]
    text = said(repository, "--since", "theirs")
    assert "smaller: not named → confirmed (by Bo)" in text
    assert text.splitlines()[-1].startswith("1 paper added, 1 record changed, 1 label changed")


def test_a_change_on_the_other_side_is_not_ours(repository: Repository) -> None:
    """What main got since the branch left does not show as taken out here."""
    repository.git("checkout", "-q", "theirs")
    repository.commit({"papers/almeida2025early.yaml": OTHER})
    repository.git("checkout", "-q", "main")
    assert told(repository, "--since", "theirs")["gone"] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (RECORD, "same arxiv_id 2504.04823"),
        (RECORD.replace("2504.04823", "2504.99998"), "same title, but another arxiv_id"),
        (
            RECORD.replace('{arxiv_id: "2504.04823"}', "{doi: 10.1145/3666122}").replace("Hurts", "Hurt"),
            "nearly the same title and authors",
        ),
        (
            RECORD.replace("2504.04823", "2504.99998").replace("Hurts Reasoning", "Hurts Reasoning Models"),
            "a similar title by the same first author",
        ),
    ],
)
def test_a_new_record_that_is_here_already_is_noticed(repository: Repository, text: str, reason: str) -> None:
    """By identifier, by title, and by author and likeness; with the commands that decide."""
    write(repository, liu2025again=text)
    (neighbour,) = told(repository)["neighbours"]
    assert (neighbour["key"], neighbour["other"]) == ("liu2025again", KEY)
    assert reason in neighbour["reason"]
    assert f"kb same {KEY} liu2025again" in said(repository)


def test_the_other_record_is_a_link_where_workflows_run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the repository that GitHub names, where kb.toml names none."""
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "org/survey")
    write(repository, liu2025again=RECORD)
    path = repository.root / "build" / "change.md"
    assert repository.base.run("diff", "--no-pages", "--markdown", str(path)).code == 0
    assert f"](https://github.com/org/survey/blob/HEAD/papers/{KEY}.yaml)" in path.read_text()
    monkeypatch.setenv("GITHUB_REPOSITORY", "javascript:x y")
    assert repository.base.run("diff", "--no-pages", "--markdown", str(path)).code == 0
    assert "](http" not in path.read_text()


def test_papers_that_people_told_apart_are_no_duplicates(repository: Repository) -> None:
    write(repository, liu2025again=RECORD.replace("2504.04823", "2504.99998"))
    assert repository.base.run("different", KEY, "liu2025again").code == 0
    assert told(repository)["neighbours"] == []


def test_two_new_records_of_one_paper_are_told_once(repository: Repository) -> None:
    write(repository, a2025one=OTHER, b2025two=OTHER)
    assert [(each["key"], each["other"]) for each in told(repository)["neighbours"]] == [
        ("b2025two", "a2025one")
    ]


def test_a_record_goes_by_merge_by_rejection_or_without_a_word(repository: Repository) -> None:
    """And each is told as what it is."""
    repository.commit(
        {
            "papers/a2025one.yaml": OTHER.replace("00001", "00002"),
            "papers/b2025two.yaml": OTHER,
            "papers/c2025three.yaml": OTHER.replace("00001", "00003"),
        }
    )
    assert repository.base.run("same", KEY, "a2025one").code == 0
    assert repository.base.run("reject", "b2025two", "--reason", "off topic").code == 0
    repository.base.path("c2025three").unlink()
    text = said(repository)
    assert f"papers/a2025one.yaml: is part of papers/{KEY}.yaml now; its address leads there" in text
    assert "papers/b2025two.yaml: rejected, off topic" in text
    assert (
        "papers/c2025three.yaml: deleted, and nobody said why: kb reject c2025three --reason ... keeps it out"
        in text
    )


def test_a_renamed_branch_and_one_that_leads_nowhere(repository: Repository) -> None:
    path = repository.root / "taxonomy.yaml"
    path.write_text(
        path.read_text().replace("id: faster", "id: quicker").replace("id: smaller", "id: lighter")
        + "redirects:\n  faster: quicker\n"
    )
    text = said(repository)
    assert "faster: is quicker now" in text
    assert "smaller: gone, and leads nowhere" in text


def test_only_new_findings_of_checks_are_told(repository: Repository) -> None:
    """What was wrong before is no matter of this change, even where its line moved."""
    repository.commit({FILE: RECORD.replace("shorter", "nowhere")})
    write(repository, **{KEY: "# a remark\n" + RECORD.replace("shorter", "nowhere")})
    assert told(repository)["found"] == []
    write(repository, almeida2025early=OTHER + "labels:\n  - {branch: elsewhere, by: list, source: x}\n")
    (finding,) = told(repository)["found"]
    assert (finding["check"], finding["file"]) == ("branches-exist", "papers/almeida2025early.yaml")
    write(repository, **{KEY: RECORD})
    assert told(repository)["mended"] == 1


def test_a_survey_that_cannot_be_read_before_is_said(repository: Repository) -> None:
    """With the file and without the folder where it was unpacked; the command goes on."""
    repository.commit({FILE: "title: [\n"})
    write(repository, **{KEY: RECORD})
    found = told(repository)
    assert found["unread"].startswith(f"{KEY}.yaml")
    assert "kb-past" not in json.dumps(found)
    assert "cannot be read" in said(repository)


def test_a_survey_that_cannot_be_read_now_is_an_error_with_a_summary(repository: Repository) -> None:
    """Exit code 3; the Markdown names what is wrong."""
    write(repository, **{KEY: "title: <script>\nlabels: 3\n"})
    path = repository.root / "build" / "change.md"
    out = repository.base.run("diff", "--markdown", str(path))
    assert out.code == 3
    assert "This change cannot be read" in path.read_text()
    assert FILE in path.read_text()


@pytest.mark.parametrize("ref", ["nowhere", "--output=x", "HEAD~99", ""])
def test_an_unknown_commit_is_refused(repository: Repository, ref: str) -> None:
    out = repository.base.run("diff", f"--since={ref}")
    assert (out.code, out.err.count("\n")) == (2, 1)


def test_without_git_it_is_refused(base: KnowledgeBase) -> None:
    out = base.run("diff")
    assert (out.code, out.err.count("\n")) == (2, 1)


def test_hostile_titles_stay_text(repository: Repository) -> None:
    """In the Markdown that a pull request shows, and on a terminal."""
    title = "'<img src=x onerror=alert(1)> @octocat #1 [x](javascript:y) `z`'"
    write(repository, almeida2025early=OTHER.replace("Early Exit of Long Chains", title))
    path = repository.root / "build" / "change.md"
    assert repository.base.run("diff", "--no-pages", "--markdown", str(path)).code == 0
    text = path.read_text()
    assert "<img" not in text
    assert "@octocat" not in text
    assert "](javascript" not in text


def test_the_order_of_files_and_the_place_do_not_show(repository: Repository, tmp_path: Path) -> None:
    """The same change gives the same bytes."""
    write(repository, almeida2025early=OTHER, b2025two=OTHER.replace("00001", "00002"))
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    for path in (one, two):
        assert repository.base.run("diff", "--no-pages", "--markdown", str(path)).code == 0
    assert one.read_bytes() == two.read_bytes()
    assert str(tmp_path) not in one.read_text()


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """A survey with pages, before and after a record was removed, one edited, and a figure turned a verdict."""
    root = tmp_path_factory.mktemp("site") / "kb"
    make_library(root, 6)
    add_findings(root)
    config = load_config(root, {})
    before = state_of(config)
    rows = root / "results" / "liu2025quantization.csv"
    rows.write_text(
        rows.read_text().replace(",69,", ",79.9,").replace(",70,", ",80,").replace(",71,", ",80.1,")
    )
    gone = sorted(root.glob("papers/*-5.yaml"))[0]
    gone.unlink()
    return before, state_of(config)


def test_pages_that_change_and_addresses_that_are_lost(sites: tuple[Any, Any]) -> None:
    """A page that is gone without a redirect is an address that leads nowhere."""
    found = compare("abc", *sites)
    (gone,) = found.gone
    assert f"papers/{gone.key}.html" in found.lost
    assert f"papers/{gone.key}.md" in found.pages[2]
    assert "papers/liu2025quantization.md" in found.pages[1]
    assert "changes.md" not in found.pages[1]
    text = as_text(sections(found))
    assert "Addresses that lead nowhere now" in text
    assert "addresses lost" in headline(found) or "address lost" in headline(found)


def test_a_verdict_that_flips_is_told(sites: tuple[Any, Any]) -> None:
    """With what it was."""
    found = compare("abc", *sites)
    flipped = [change for change in found.verdicts if change.flipped]
    assert [change.claim for change in flipped] == [NAME]
    assert found.results == {"liu2025quantization": (0, 3, 0)}
    assert f"`{NAME}`: the verdict flips, {flipped[0].before}" in as_markdown(sections(found)).replace(
        "&#8203;", ""
    )


def test_a_state_compared_with_itself_is_no_change(sites: tuple[Any, Any]) -> None:
    assert compare("abc", sites[0], sites[0]) == Difference("abc")
    assert headline(replace(Difference("abc"), mended=3)) == "Nothing of the survey changes."


@pytest.mark.slow
def test_the_whole_way_through_git_and_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A survey in a subfolder of its repository, with pages, against the last commit."""
    root = tmp_path / "repo" / "survey"
    make_library(root, 4)
    base = KnowledgeBase.__new__(KnowledgeBase)
    base.root, base.capsys, base.env = root, capsys, {}
    repository = Repository(base, {".gitignore": ".kb/\nbuild/\n"})
    path = root / "papers" / "feng2025efficient.yaml"
    path.write_text(path.read_text().replace("A Survey", "A Short Survey"))
    found = difference(load_config(root, {}), "HEAD")
    assert found.changed == {"feng2025efficient": ("title",)}
    assert "papers/feng2025efficient.md" in found.pages[1]
    assert found.lost == ()
    assert repository.git("status", "--porcelain").split() == ["M", "papers/feng2025efficient.yaml"]
