"""The `kb` command as a person or a script meets it: help, exit codes, messages, output that is safe and whole."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kb import __version__
from kb.cli import cli, main
from kb.pipeline import query
from kb.pipeline.relevance import write_relevance
from kb.records.candidates import Candidate, CandidateState, render_candidates
from kb.records.files import write_atomic
from tests.pipeline.kbase import KnowledgeBase

RECORD = """\
title: "Frugal Chains [red]in[/red] :cat: Colour"
authors: [Ada Almeida]
identifiers: {arxiv_id: "2401.10000"}
dates: {published: "2024-01-17"}
labels:
  - {branch: shorter, by: list, source: someone/list}
"""
KEY = "almeida2024frugal"
HEAVY = "torch sentence_transformers sklearn transformers mkdocs material requests pyzotero arxiv lxml networkx".split()
REPO = Path(__file__).parents[1]


@pytest.fixture
def base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> KnowledgeBase:
    for name in ("ZOTERO_API_KEY", "KB_ZOTERO_BASE_URL", "KB_ARXIV_BASE_URL", "KB_PERSON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KB_CACHE_DIR", str(tmp_path / "cache"))
    made = KnowledgeBase(tmp_path / "kb", capsys, {"KB_CACHE_DIR": str(tmp_path / "cache")})
    (made.root / "papers").mkdir()
    made.path(KEY).write_text(RECORD)
    return made


def spawn(base: KnowledgeBase, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kb", *base.arguments(*words)],
        cwd=REPO,
        env=os.environ | base.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _commands(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from _commands(command, *words, name)


# Help


@pytest.mark.parametrize("words", [(), *_commands(cli)], ids=" ".join)
def test_every_help_has_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what the command does, and shows how it is used."""
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert re.search(rf"^\s+(?:\w+=\S+ )?kb {' '.join(words)}", text, re.M)
    assert "..." not in text.split("Examples:")[0].replace("]...", "").replace("...]", "")


def test_the_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Under what it is for; none is left out, none is cut short."""
    main(["--help"])
    text = capsys.readouterr().out
    for name in cli.commands:
        assert re.search(rf"^  {name}  ", text, re.M), name
    assert "More:" not in text


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """As `kb, version X`."""
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


# What is imported


@pytest.mark.parametrize(
    "words", [["--help"], ["check"], ["list"], ["show", KEY], ["candidates"]], ids=" ".join
)
def test_a_command_that_reads_imports_nothing_heavy(base: KnowledgeBase, words: list[str]) -> None:
    """No model, no site generator, no HTTP client is loaded for help, check, list, show and candidates."""
    program = (
        "import sys\nfrom kb.cli import main\ncode = main(sys.argv[1:])\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\nsys.exit(code)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *base.arguments(*words)],
        cwd=REPO,
        env=os.environ | base.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "LOADED []"


# Exit codes


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["list", "--nonsense"], 2, "No such option"),
        (["show"], 2, "Missing argument"),
        (["list", "--year", "soon"], 2, "not a valid integer"),
        (["list", "--review", "perfect"], 2, "is not one of"),
        (["list", "--branch", "nowhere"], 2, "no branch 'nowhere'"),
        (["show", "nobody"], 2, "no record 'nobody'"),
        (["sync", "nonsense"], 2, "no source that kb.toml enables"),
        (["import", "nonsense", "x.bib"], 2, "no format that kb reads"),
        (["new", "hello"], 2, "no arXiv id"),
        (["accept"], 2, "no candidate is named"),
        (["accept", "c-00000000"], 2, "is waiting"),
        (["unmerge", "nobody2024x"], 2, "was not merged"),
        (["unmerge", "../x"], 3, "cannot be a key"),
        (["resolve", KEY, "title", "--mine"], 2, "no conflict"),
        (["resolve", KEY, "title"], 2, "who is right?"),
        (["same", KEY, KEY], 2, "the same as itself"),
        (["check", "--only", "nonsense"], 2, "no check named"),
        (["import", "bibtex", "nowhere.bib"], 3, "cannot be read"),
        (["list"], 0, "1 record"),
    ],
)
def test_each_outcome_has_its_exit_code(base: KnowledgeBase, words: list[str], code: int, said: str) -> None:
    """Usage is 2, data is 3, success is 0; what is wrong is said on stderr, without a traceback."""
    out = base.run(*words)
    assert out.code == code
    assert said in (out.err if code else out.out)
    assert "Traceback" not in out.text


def test_exit_codes_reach_the_shell(base: KnowledgeBase) -> None:
    """The same through a real process."""
    assert spawn(base, "list").returncode == 0
    assert spawn(base, "frobnicate").returncode == 2
    (base.root / "kb.toml").write_text("nonsense = 1\n[sources.arxiv]\npage_size = 0\n")
    run = spawn(base, "list")
    assert run.returncode == 2
    assert run.stdout == ""
    assert f"kb: {base.root / 'kb.toml'}: nonsense: is no setting of kb" in run.stderr
    assert "sources.arxiv.page_size" in run.stderr
    assert len(run.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "command", [["list"], ["check"], ["show", KEY], ["sync"], ["sync", "--dry-run"], ["build"]]
)
def test_a_bad_record_is_3_and_every_error_has_its_place(base: KnowledgeBase, command: list[str]) -> None:
    """All errors of all records, each with file and line, one line each; nothing is written."""
    base.path("jensen2025bad").write_text("title: 12\nnonsense: 1\n")
    base.path("kovacs2025bad").write_text("title: A\n<<<<<<< ours\n")
    before = base.tree()
    run = spawn(base, *command)
    assert run.returncode == 3
    text = run.stdout + run.stderr
    for place in ("papers/jensen2025bad.yaml:1: title:", "papers/jensen2025bad.yaml:2: nonsense:"):
        assert place in text
    assert "papers/kovacs2025bad.yaml:2:" in text
    assert "Traceback" not in text
    assert {name: data for name, data in base.tree().items() if not name.startswith("build/")} == before


def test_very_many_errors_are_counted(base: KnowledgeBase) -> None:
    """The first are shown; `kb check` shows all."""
    for number in range(30):
        base.path(f"bad{number}").write_text("title: 12\n")
    run = base.run("list")
    assert run.code == 3
    assert "and 9 more; kb check lists all" in run.err
    assert base.run("check").out.count("error: loads:") == 30


def test_debug_shows_the_traceback_and_keeps_the_code(base: KnowledgeBase) -> None:
    """For whoever looks for the cause."""
    run = spawn(base, "--debug", "show", "nobody")
    assert run.returncode == 2
    assert "Traceback" in run.stderr
    assert "kb: no record 'nobody'" in run.stderr


def test_a_bug_is_one_line_too(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw exits 1 and asks to be reported; --debug shows where it was."""

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("in the\nmiddle")

    monkeypatch.setattr(query, "select", broken)
    out = base.run("list")
    assert out.code == 1
    assert out.err.count("\n") == 1
    assert "a bug in kb: ZeroDivisionError: in the middle" in out.err
    assert "Traceback" in base.run("--debug", "list").err


def test_an_interrupt_is_130(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C is no error and no traceback."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(query, "select", interrupted)
    out = base.run("list")
    assert out.code == 130
    assert "interrupted" in out.err
    assert "Traceback" not in out.err


def test_a_reader_that_goes_away_is_no_error(base: KnowledgeBase) -> None:
    """`kb list | head -1`: no traceback, no complaint of Python's, exit code 0."""
    for number in range(300):
        base.path(f"many{number}").write_text(f"title: Paper {number} {'x' * 900}\n")
    child = base.spawn("list")
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 0
    assert errors == ""


# Output


def waiting(base: KnowledgeBase, *found: Candidate) -> None:
    write_atomic(base.config.candidates_path, render_candidates(found))


def test_candidates_show_their_relevance_and_can_be_sorted_by_it(base: KnowledgeBase) -> None:
    """Where none is known nothing is shown, and what the classifier has not seen comes first."""
    works = [
        Candidate(id=f"c-{name}", state=CandidateState.CANDIDATE, title=name, reason="r") for name in "abc"
    ]
    waiting(base, *works)
    assert [row["relevance"] for row in json.loads(base.run("candidates", "--json").out)] == [None] * 3
    write_relevance(base.config, {"c-a": 0.2, "c-b": 0.9})
    found = json.loads(base.run("candidates", "--sort", "relevance", "--json").out)
    assert [(row["id"], row["relevance"]) for row in found] == [("c-c", None), ("c-b", 0.9), ("c-a", 0.2)]
    assert [row["id"] for row in json.loads(base.run("candidates", "--json").out)] == ["c-a", "c-b", "c-c"]
    assert "90%" in base.run("candidates").out


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["show", KEY],
        ["show", KEY, "--provenance"],
        ["check"],
        ["candidates"],
        ["sync", "--dry-run"],
    ],
    ids=" ".join,
)
def test_json_is_json_and_nothing_else(base: KnowledgeBase, words: list[str]) -> None:
    """For programs: stdout parses, whatever stands in the records and the queue."""
    hostile = "\x1b[2J\x9b31m\u202e [red] \x7f\n\t"
    waiting(base, Candidate(id="c-1", state=CandidateState.SUSPICIOUS, title=hostile[:12], reason="r"))
    run = spawn(base, *words, "--json")
    assert run.returncode == 0
    json.loads(run.stdout)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", run.stdout)


def test_json_of_a_broken_base_is_json_too(base: KnowledgeBase) -> None:
    """`kb check --json` lists what cannot be read, with exit code 3."""
    base.path("jensen2025bad").write_text("title: 12\n")
    run = spawn(base, "check", "--json")
    assert run.returncode == 3
    (finding,) = json.loads(run.stdout)
    assert finding["file"] == "papers/jensen2025bad.yaml"
    assert (finding["line"], finding["check"], finding["severity"]) == (1, "loads", "error")


def test_markup_and_emoji_codes_are_printed_as_they_are(base: KnowledgeBase) -> None:
    """A title in brackets is no style, and :cat: is no picture."""
    for words in (["list"], ["show", KEY]):
        assert "Frugal Chains [red]in[/red] :cat: Colour" in base.run(*words).out


def test_nothing_in_the_queue_steers_the_terminal(base: KnowledgeBase) -> None:
    """Escape sequences of a source's titles come out inert, on stdout and in messages."""
    waiting(
        base,
        Candidate(
            id="c-1",
            state=CandidateState.SUSPICIOUS,
            title="\x1b[31mRed\x1b]0;title\x07 \x9b2J \u202eback [bold]b[/bold] :cat:\r\x08",
            reason="like \x1b[5m that",
            seen_in=("zotero A",),
        ),
    )
    for words in (["candidates"], ["check"], ["accept", "c-1"], ["reject", "c-1", "--reason", "x\x1b[31m"]):
        text = base.run(*words).text
        assert text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), words
    waiting(
        base, Candidate(id="c-1", state=CandidateState.CANDIDATE, title="[bold]b[/bold] :cat:", reason="r")
    )
    assert "[bold]b[/bold] :cat:" in base.run("candidates").out


def test_what_is_piped_is_not_folded(base: KnowledgeBase) -> None:
    """One line a record, however long its title; no line ends in spaces."""
    title = f"A very {'long ' * 60}title"
    base.path("long2025long").write_text(f'title: "{title}"\n')
    for words in (["list"], ["show", "long2025long"]):
        run = spawn(base, *words)
        assert any(title in line for line in run.stdout.splitlines())
        assert all(line == line.rstrip() for line in run.stdout.splitlines())
    assert len(spawn(base, "list").stdout.splitlines()) == 4
    base.path(KEY).unlink()
    base.path("long2025long").unlink()
    waiting(base, Candidate(id="c-1", state=CandidateState.CANDIDATE, title=title, reason="w" * 300))
    assert len(spawn(base, "candidates").stdout.splitlines()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_tables_are_folded_to_its_width(base: KnowledgeBase) -> None:
    """A long title stays in its column, and nothing of it is lost or styled."""
    base.path("long2025long").write_text(f'title: "{"[bold]word " * 30}end"\n')
    parent, child = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "kb", *base.arguments("list")],
        cwd=REPO,
        env=os.environ | base.env | {"COLUMNS": "80", "TERM": "xterm"},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    data = b""
    while select.select([parent], [], [], 60)[0]:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        data += chunk
    os.close(parent)
    assert run.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", data.decode())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("[bold]") == 30
    assert text.rstrip().endswith("2 records")


@pytest.mark.parametrize(("n", "said"), [(0, "no records yet"), (1, "1 record"), (2, "2 records")])
def test_counts_are_said_as_a_person_would(base: KnowledgeBase, n: int, said: str) -> None:
    """No record, 1 record, 2 records; an empty list says how to go on."""
    base.path(KEY).unlink()
    for number in range(n):
        base.path(f"many{number}").write_text("title: A\n")
    out = base.run("list").out
    assert out.splitlines()[-1].startswith(said)
    assert base.run("list", "nothing").out.strip() == "no record matches"
    assert base.run("candidates").out.strip() == "nothing waits"


def test_outside_a_knowledge_base_the_way_in_is_named(tmp_path: Path) -> None:
    """The first thing that a new user may do wrong."""
    run = subprocess.run(
        [sys.executable, "-m", "kb", "list"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "no knowledge base here" in run.stderr
    assert "--root" in run.stderr
    assert run.stderr.count("\n") == 1


def test_an_import_says_what_it_did(base: KnowledgeBase, tmp_path: Path) -> None:
    """A dry run shows the diff and writes nothing; the import makes a record; again, nothing changes."""
    bib = tmp_path / "refs.bib"
    bib.write_text(
        "@article{a, title={Thrifty Votes}, author={Jun Fukuda}, year=2025, eprint={2505.12345}, archiveprefix={arXiv}}"
    )
    before = base.tree()
    dry = base.run("import", "bibtex", str(bib), "--dry-run")
    assert dry.code == 0
    assert "+  - Jun Fukuda" in dry.out
    assert "dry run: 1 new record" in dry.out
    assert base.tree() == before
    assert "1 new record, none updated" in base.run("import", "bibtex", str(bib)).out
    after = base.tree()
    assert "nothing changed" in base.run("import", "bibtex", str(bib)).out
    assert base.tree() == after
    report = json.loads(base.run("import", "bibtex", str(bib), "--json").out)
    assert (report["exit_code"], report["created"], report["files_changed"]) == (0, [], 0)
