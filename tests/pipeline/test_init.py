"""`kb init`: a new survey in any field, which holds together from the first moment."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from kb import cli
from kb.config import load_config
from kb.errors import UsageError
from kb.pipeline.build import build
from kb.pipeline.check import check
from kb.pipeline.init import OF_KB_ITSELF, NewSurvey, github_files, init
from kb.pipeline.survey import survey
from kb.records.taxonomy import load_taxonomy
from tests.library import HOSTILE

FULL = NewSurvey(
    title="Protein language models",
    repository="https://github.com/example/proteins",
    zotero_group=77,
    arxiv_queries=('ti:"protein language model" AND abs:structure', "cat:q-bio.BM"),
    lists=("someone/awesome-proteins",),
    facets=("Task: Structure prediction, Design", "Input: Sequence, Design, 结构"),
)


@pytest.mark.parametrize("new", [FULL, NewSurvey(title="Time series")], ids=["full", "bare"])
def test_a_new_survey_has_no_fault(tmp_path: Path, new: NewSurvey) -> None:
    """Settings and taxonomy load, schemas are current, and no check finds anything."""
    init(tmp_path / "new", new)
    config = load_config(tmp_path / "new", {})
    assert config.settings.site.title == new.title
    assert check(config) == []


def test_what_was_asked_for_stands_in_the_settings(tmp_path: Path) -> None:
    """Group, queries under names of their own, lists, repository."""
    init(tmp_path, FULL)
    sources = load_config(tmp_path, {}).settings.sources
    assert sources.zotero.group == 77
    assert [(query.name, query.query) for query in sources.arxiv.queries] == [
        ("protein-language-model-structure", FULL.arxiv_queries[0]),
        ("q-bio-bm", FULL.arxiv_queries[1]),
    ]
    assert [each.name for each in sources.lists] == ["someone/awesome-proteins"]
    assert load_config(tmp_path, {}).settings.site.repository == FULL.repository


def test_facets_become_a_taxonomy(tmp_path: Path) -> None:
    """Branches with ids of their own, whatever their titles are; every survey asks for the scope of a paper, too."""
    init(tmp_path, FULL)
    taxonomy = load_taxonomy(tmp_path / "taxonomy.yaml")
    assert [(facet.id, facet.single) for facet in taxonomy.facets] == [
        ("task", False),
        ("input", False),
        ("scope", True),
    ]
    assert [branch.id for facet in taxonomy.facets[:2] for branch in facet.branches] == [
        "structure-prediction", "design", "sequence", "design-2", "branch",
    ]  # fmt: skip
    assert taxonomy.branches["branch"].title == "结构"


def test_a_survey_without_a_group_asks_no_zotero(tmp_path: Path) -> None:
    """Nobody else's group is synced by default."""
    from kb.sources import NETWORK_SOURCES

    init(tmp_path, NewSurvey(title="Time series"))
    assert list(NETWORK_SOURCES["zotero"](load_config(tmp_path, {}))) == []


@pytest.mark.parametrize(
    "title", [text for text in HOSTILE if text.isprintable()] + ["yes", "'", '"""', "\\"]
)
def test_any_title_is_kept_as_it_is(tmp_path: Path, title: str) -> None:
    """In TOML and YAML, of the survey and of its branches."""
    branch = title.replace(",", " ").strip()
    init(tmp_path, NewSurvey(title=title, facets=(f"Topic: {branch}, Other",)))
    config = load_config(tmp_path, {})
    assert config.settings.site.title == title
    assert load_taxonomy(config.taxonomy_path).facets[0].branches[0].title == branch.replace("  ", "  ")


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (NewSurvey(title=" "), "is no title"),
        (NewSurvey(title="a\nb"), "is no title"),
        (NewSurvey(title="T", zotero_group=0), "--zotero-group"),
        (NewSurvey(title="T", arxiv_queries=(" ",)), "--arxiv-query"),
        (NewSurvey(title="T", arxiv_queries=("a", "a")), "--arxiv-query: one stands there twice"),
        (NewSurvey(title="T", lists=("https://github.com/a/b",)), "owner/repository"),
        (NewSurvey(title="T", facets=("Task",)), "--facet"),
        (NewSurvey(title="T", facets=(": A, B",)), "--facet"),
        (NewSurvey(title="T", program="--index-url=http://example.com kb"), "--kb"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, new: NewSurvey, said: str) -> None:
    """And nothing is written."""
    with pytest.raises(UsageError, match=said):
        init(tmp_path / "new", new)
    assert not (tmp_path / "new").exists()


def test_it_builds_before_its_first_paper(tmp_path: Path) -> None:
    """A site with every branch, and no fault in it; LaTeX, too."""
    init(tmp_path, FULL)
    config = load_config(tmp_path, {})
    assert build(config).problems == ()
    for branch in load_taxonomy(config.taxonomy_path).branches:
        assert (tmp_path / "build/site/branches" / f"{branch}.html").is_file()
    assert survey(config).pack.papers == 0


# What is there


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A single file that is there stops it, by name, before anything is written."""
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"holds README\.md already") as caught:
        init(tmp_path, FULL)
    assert "--merge" in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["README.md"]


def test_merge_adds_only_what_is_missing(tmp_path: Path) -> None:
    """Into a repository with a README and a taxonomy: both stay, schemas speak of that taxonomy; again, nothing changes."""
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "taxonomy.yaml").write_text(
        "facets:\n  - {id: a, title: A, description: A, branches: [{id: mine-alone, title: M, description: M}]}\n"
    )
    done = init(tmp_path, FULL, merge=True)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert set(done.kept) == {"README.md", "taxonomy.yaml"}
    assert "mine-alone" in (tmp_path / "schema" / "paper.json").read_text()
    assert check(load_config(tmp_path, {})) == []
    again = init(tmp_path, FULL, merge=True)
    assert again.written == ()
    assert set(again.kept) == {*done.kept, *done.written}


def test_files_of_other_names_are_nobodys_business(tmp_path: Path) -> None:
    """A fresh repository has a .git and a licence."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "LICENSE").write_text("x")
    init(tmp_path, FULL)
    assert (tmp_path / "LICENSE").read_text() == "x"


def test_a_link_is_nothing_to_write_through(tmp_path: Path) -> None:
    """A folder of the survey that leads elsewhere stops it; so does a name that is a file."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".vscode").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="no folder of its own"):
        init(tmp_path / "new", FULL, merge=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        init(tmp_path / "file", FULL)


# What comes along


def test_workflows_come_along_unless_they_are_not_wanted(tmp_path: Path) -> None:
    """Those of every survey, byte for byte; those of the program stay with it; --no-github leaves all out."""
    init(tmp_path / "a", FULL)
    init(tmp_path / "b", NewSurvey(title="T", github=False))
    for name, text in github_files().items():
        assert (tmp_path / "a" / name).read_text(encoding="utf-8") == text
        assert OF_KB_ITSELF not in text[:200]
    assert {".github/actions/setup-kb/action.yml", ".github/workflows/check.yml"} <= github_files().keys()
    assert ".github/workflows/program.yml" not in github_files()
    assert not (tmp_path / "b" / ".github").exists()


def test_the_same_kb_is_installed_again(tmp_path: Path) -> None:
    """requirements.txt names this version, or what --kb says, and holds it to the versions that kb stands on now."""
    init(tmp_path / "a", FULL)
    init(tmp_path / "b", NewSurvey(title="T", program="kb-survey @ git+https://example.com/kb@v1"))
    from kb import __version__

    assert f"kb-survey=={__version__}" in (tmp_path / "a" / "requirements.txt").read_text().splitlines()
    assert (
        (tmp_path / "b" / "requirements.txt")
        .read_text()
        .endswith("kb-survey @ git+https://example.com/kb@v1\n")
    )
    first = (tmp_path / "a" / "requirements.txt").read_text().splitlines()[0]
    assert (first == "-c constraints.txt") == (tmp_path / "a" / "constraints.txt").exists()


def test_no_word_of_another_field_is_in_a_new_survey(tmp_path: Path) -> None:
    """Not in settings, taxonomy, README or schemas of branches."""
    init(tmp_path, FULL)
    for name in (
        "kb.toml",
        "taxonomy.yaml",
        "README.md",
        "Makefile",
        ".gitignore",
        "schema/taxonomy.json",
        "schema/kb.json",
    ):
        text = (tmp_path / name).read_text(encoding="utf-8").lower()
        for word in ("reasoning", "quantiz", "shorter", "faster", "chain of thought", "6415084"):
            assert word not in text, (name, word)
    branches = json.loads((tmp_path / "schema/paper.json").read_text(encoding="utf-8"))
    assert "structure-prediction" in json.dumps(branches)
    assert "shorter" not in json.dumps(branches)


# As a person runs it


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The title is made of the folder's name where none is given and nobody can be asked."""
    code, out, _ = run(capsys, "init", str(tmp_path / "time-series"))
    assert code == 0
    assert "schema --write" in out
    settings = tomllib.loads((tmp_path / "time-series" / "kb.toml").read_text(encoding="utf-8"))
    assert settings["site"]["title"] == "Time series"
    code, _, err = run(capsys, "init", str(tmp_path / "time-series"))
    assert code == 2
    assert "and" in err
    assert "more already" in err


def test_the_answer_is_data_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json lists what was written."""
    code, out, _ = run(capsys, "init", str(tmp_path / "new"), "--no-github", "--json")
    assert code == 0
    assert "kb.toml" in json.loads(out)["written"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    """Title, group, query, facet; a group that is no number is asked for again."""
    import pty

    answers = b"Protein models\nsix\nti:protein\nTask: Structure, Design\n77\n"
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "kb", "init", "new"])  # noqa: S606
    os.write(terminal, answers)
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # the terminal is gone with the process
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said.decode()
    settings = load_config(tmp_path / "new", {}).settings
    assert settings.site.title == "Protein models"
    assert settings.sources.zotero.group == 77
    assert [query.query for query in settings.sources.arxiv.queries] == ["ti:protein"]
    assert load_taxonomy(tmp_path / "new" / "taxonomy.yaml").facets[0].title == "Task"
