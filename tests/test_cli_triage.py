"""kb triage and kb taxonomy as a person meets them: a real terminal, a pipe, a program."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kb.pipeline.sync import import_file
from kb.pipeline.triage_session import load_memory
from tests.pipeline.kbase import KnowledgeBase, Outcome
from tests.pipeline.sorting import key, labels, make, say

REPO = Path(__file__).parents[1]
_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


@pytest.fixture
def filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> KnowledgeBase:
    monkeypatch.delenv("KB_PERSON", raising=False)
    return make(tmp_path / "kb", capsys)


class Terminal:
    """`kb` at a terminal of its own: what it shows can be awaited, and keys be pressed."""

    def __init__(self, root: Path, *words: str, env: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kb", "--root", str(root), *words],
            cwd=REPO,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **(env or {})},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        os.close(slave)
        self.shown = ""
        self.read = 0

    def until(self, text: str, seconds: float = 60) -> str:
        """What has come since the last call, up to `text`."""
        end = time.monotonic() + seconds
        while (at := self.shown.find(text, self.read)) < 0:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            data = b""
            if ready:
                with suppress(OSError):  # the other side has gone
                    data = os.read(self.master, 65536)
            assert data, f"no {text!r} in {self.shown[self.read :]!r}"
            self.shown = _CODES.sub("", self.shown + data.decode("utf-8", "replace"))
        found = self.shown[self.read : at]
        self.read = at + len(text)
        return found

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ended(self) -> int:
        code = self.process.wait(timeout=60)
        os.close(self.master)
        return code


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals that end with the test."""
    found: list[Terminal] = []
    yield found
    for terminal in found:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()


def mine(base: KnowledgeBase, name: str) -> list[tuple[str, str]]:
    number = int(name.removeprefix(key(0)[:-1]))
    return [
        (label.branch, label.state.value)
        for label in labels(base, number)
        if label.by == "person" and label.source == "Eva"
    ]


def asked(terminal: Terminal) -> str:
    """The key of the paper that is asked about now."""
    text = terminal.until("> ")
    found = re.findall(rf"{key(0)[:-1]}\d+", text)
    assert found, text
    return str(found[-1])


def test_a_session_at_a_terminal(filled: KnowledgeBase, terminals: list[Terminal]) -> None:
    """One key a decision: accept, another one, search, skip, undo, quit; each is on disk before the next."""
    for number in (2, 4, 5, 7, 8, 9):
        say(filled, number, "smaller/quantization", by="list", source="c/list")
        say(filled, number, "faster", by="list", source="d/list")
    terminal = Terminal(filled.root, "triage", "--by", "Eva", "--no-learn")
    terminals.append(terminal)

    first = asked(terminal)
    terminal.press("\r")
    second = asked(terminal)
    assert [state for _, state in mine(filled, first)] == ["confirmed"]

    terminal.press("2")
    third = asked(terminal)
    assert [state for _, state in mine(filled, second)] == ["rejected", "confirmed"]

    terminal.press("promp")
    terminal.until("1 shorter/prompt")
    terminal.press("\r")
    fourth = asked(terminal)
    assert ("shorter/prompt", "confirmed") in mine(filled, third)

    terminal.press("s")
    fifth = asked(terminal)
    assert fifth != fourth
    assert len(load_memory(filled.config).skipped) == 1

    terminal.press("r")
    assert asked(terminal) == fifth
    assert [state for _, state in mine(filled, fifth)] == ["rejected"]

    terminal.press("uu")  # two keys at once are two keys
    assert asked(terminal) == fifth
    assert asked(terminal) == fourth
    assert mine(filled, fifth) == []
    assert load_memory(filled.config).skipped == {}

    terminal.press("q")
    terminal.until("3 decided")
    assert terminal.ended() == 0


def test_a_search_can_be_narrowed_corrected_and_left(
    filled: KnowledgeBase, terminals: list[Terminal]
) -> None:
    """Backspace, a number, escape; an arrow key is not a decision."""
    terminal = Terminal(filled.root, "triage", "--by", "Eva", "--no-learn")
    terminals.append(terminal)
    first = asked(terminal)
    terminal.press("/qu")
    terminal.until("1 smaller/quantization")
    terminal.press("\x7f\x7f\x1b")
    terminal.until("> ")
    assert mine(filled, first) == []
    terminal.press("\x1b[A")
    terminal.press("/rl")
    terminal.until("2 faster/rl")
    terminal.press("2")
    asked(terminal)
    assert ("faster/rl", "confirmed") in mine(filled, first)
    terminal.press("\x04")
    terminal.until("1 decided")
    assert terminal.ended() == 0


def test_several_branches_at_once(filled: KnowledgeBase, terminals: list[Terminal]) -> None:
    """`+` takes a line; both are confirmed, and nothing is rejected."""
    say(filled, 2, "smaller/quantization", by="list", source="c/list")
    terminal = Terminal(filled.root, "triage", "--by", "Eva", "--no-learn")
    terminals.append(terminal)
    first = asked(terminal)
    terminal.press("+1+2\r")
    asked(terminal)
    assert [state for _, state in mine(filled, first)] == ["confirmed", "confirmed"]
    terminal.press("q")
    assert terminal.ended() == 0


def test_the_name_is_asked_for_once(filled: KnowledgeBase, terminals: list[Terminal]) -> None:
    """And remembered on this machine."""
    terminal = Terminal(filled.root, "triage", "--no-learn", env={"KB_PERSON": ""})
    terminals.append(terminal)
    terminal.until("Your name")
    terminal.press("Eva\n")
    asked(terminal)
    terminal.press("q")
    assert terminal.ended() == 0
    again = Terminal(filled.root, "triage", "--no-learn", env={"KB_PERSON": ""})
    terminals.append(again)
    first = asked(again)
    again.press("a")
    asked(again)
    assert mine(filled, first)
    again.press("q")
    assert again.ended() == 0


def test_an_interrupted_session_keeps_what_was_decided(
    filled: KnowledgeBase, terminals: list[Terminal]
) -> None:
    """Ctrl-C ends it with the code of an interruption; the terminal works as before."""
    terminal = Terminal(filled.root, "triage", "--by", "Eva", "--no-learn")
    terminals.append(terminal)
    first = asked(terminal)
    terminal.press("\r")
    asked(terminal)
    terminal.press("\x03")
    terminal.until("interrupted")
    assert terminal.ended() == 130
    assert mine(filled, first)


@pytest.mark.parametrize("columns", ["20", "300"])
def test_any_width_will_do(filled: KnowledgeBase, terminals: list[Terminal], columns: str) -> None:
    terminal = Terminal(filled.root, "triage", "--by", "Eva", "--no-learn", env={"COLUMNS": columns})
    terminals.append(terminal)
    terminal.until("[q]uit")
    terminal.press("q")
    assert terminal.ended() == 0


# A pipe


def piped(base: KnowledgeBase, lines: str, *words: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "kb", "--root", str(base.root), "triage", "--no-learn", *words],
        cwd=REPO,
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_answers_can_be_piped(filled: KnowledgeBase) -> None:
    """A line is an answer: empty accepts, a number or a name is another branch, what is wrong is asked again."""
    say(filled, 2, "smaller/quantization", by="list", source="c/list")
    done = piped(filled, "\n99\nno such thing\nrl\nsmaller + faster/early\ns\nr\nu\n?\nv\n", "--by", "Eva")
    assert done.code == 0, done.err
    assert "there is no 99" in done.out or "'99' may be no branch" in done.out
    assert "'no such thing' may be no branch" in done.out
    assert "'rl' may be shorter/rl, faster/rl" in done.out
    assert "no abstract is kept" in done.out
    assert "\x1b" not in done.out
    assert "2 decided" in done.out


def test_waiting_works_can_be_settled_by_pipe(filled: KnowledgeBase) -> None:
    """Enter takes one in, `r` and a reason keeps one out."""
    path = filled.root / "waiting.bib"
    path.write_text(
        "@article{a, title = {A frugal paper}, author = {Jun Fukuda}, year = {2024}, eprint = {2401.00001}}\n"
        "@article{b, title = {A lavish paper}, author = {Jun Fukuda}, year = {2023}, eprint = {2301.00001}}\n"
    )
    import_file(filled.config, "bibtex", path, creates=False)
    done = piped(filled, "\nr\nr not about this\n", "--by", "Eva", "--only", "candidates")
    assert done.code == 0, done.err
    assert "kept out for a reason" in done.out
    assert "2 decided, none open" in done.out
    assert filled.path("fukuda2024frugal").exists()
    assert "not about this" in (filled.root / "papers" / "_decisions.yaml").read_text()


def test_a_pipe_without_a_name_is_refused(filled: KnowledgeBase) -> None:
    """A label is somebody's word."""
    done = piped(filled, "\n")
    assert (done.code, "--by NAME" in done.err) == (2, True)


def test_hostile_text_cannot_steer_the_terminal(filled: KnowledgeBase) -> None:
    """Control characters in what waits are not printed."""
    path = filled.root / "papers" / "_candidates.jsonl"
    line = {
        "id": "c-1",
        "state": "candidate",
        "title": "A \x1b[2Jtitle\u202e",
        "authors": ["\x07Ada"],
        "url": "https://example.com/\x1b]0;x\x07",
        "seen_in": ["bibtex a\x1b"],
        "reason": "\x9bnamed",
    }
    path.write_text(json.dumps(line) + "\n")
    done = piped(filled, "q\n", "--by", "Eva", "--only", "candidates")
    assert "title" in done.out
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", done.out) == []


# A program


def test_the_queue_as_json(filled: KnowledgeBase) -> None:
    """Nothing is asked, nothing is written, no name is needed."""
    before = filled.tree()
    done = filled.run("triage", "--json", "--limit", "3")
    found = json.loads(done.out)
    assert (done.code, len(found)) == (0, 3)
    assert {"id", "kind", "title", "facet", "proposals", "reasons", "links", "score"} <= found[0].keys()
    assert filled.tree() == before


def test_decisions_by_option(filled: KnowledgeBase) -> None:
    """Confirm, confirm two, reject; the answer says which files changed."""
    words = ["--decide", f"{key(2)}=shorter", "--decide", f"{key(4)}=faster/early+smaller", "--json"]
    done = filled.run("triage", "--by", "Eva", *words, "--decide", f"{key(5)}=-faster")
    assert done.code == 0, done.err
    assert json.loads(done.out)["files"] == [f"papers/{key(n)}.yaml" for n in (2, 4, 5)]
    assert mine(filled, key(4)) == [("faster/early", "confirmed"), ("smaller", "confirmed")]
    assert mine(filled, key(5)) == [("faster", "rejected")]


def test_decisions_by_file(filled: KnowledgeBase, tmp_path: Path) -> None:
    """All of them, or none where a line is wrong."""
    path = tmp_path / "decisions.jsonl"
    good = json.dumps({"id": key(2), "branch": "shorter"})
    path.write_text(f'{good}\n{{"id": "{key(4)}", "branch": "nowhere"}}\n')
    before = filled.tree()
    done = filled.run("triage", "--by", "Eva", "--decisions", str(path))
    assert (done.code, "no branch 'nowhere'" in done.err) == (2, True)
    assert filled.tree() == before
    path.write_text(f"{good}\n")
    assert filled.run("triage", "--by", "Eva", "--decisions", str(path)).code == 0
    assert mine(filled, key(2)) == [("shorter", "confirmed")]
    path.write_text("{\n[]\n")
    done = filled.run("triage", "--by", "Eva", "--decisions", str(path))
    assert (done.code, done.err.count("decisions.jsonl:")) == (3, 2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--facet", "colour"], "no facet 'colour'"),
        (["--branch", "nowhere"], "no branch 'nowhere'"),
        (["--decide", "x"], "KEY=BRANCH"),
        (["--decide", "nobody=shorter"], "no record 'nobody'"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_one_line(
    filled: KnowledgeBase, words: list[str], says: str
) -> None:
    """With the code of a wrong use."""
    done = filled.run("triage", "--by", "Eva", *words)
    assert (done.code, says in done.err, len(done.err.splitlines())) == (2, True, 1)


def test_a_program_is_not_kept_waiting_by_learning(filled: KnowledgeBase) -> None:
    """A single decision does not load the classifier."""
    start = time.monotonic()
    done = filled.run("triage", "--by", "Eva", "--decide", f"{key(2)}=shorter")
    assert "learning" not in done.text
    assert time.monotonic() - start < 5


# The taxonomy


def test_taxonomy_commands_say_what_they_did(filled: KnowledgeBase) -> None:
    """A line a branch, the number of records, and what a person has to look at."""
    done = filled.run("taxonomy", "rename", "shorter", "briefer")
    assert "shorter/rl is now briefer/rl" in done.out
    assert re.search(r"\d records changed", done.out)
    done = filled.run("taxonomy", "split", "smaller/quantization", "qat=Training")
    assert "new: smaller/quantization/qat" in done.out
    assert f"  {key(3)}" in done.out
    done = filled.run("taxonomy", "move", "nowhere", "smaller", "--json")
    assert (done.code, "no branch nowhere" in done.err) == (2, True)
    data = json.loads(filled.run("taxonomy", "merge", "faster/rl", "faster/early", "--json").out)
    assert data["moved"] == {"faster/rl": "faster/early"}
