"""kb week: what came in, what waits in the order of value per minute, what went stale, what other lists have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from markdown_it import MarkdownIt

from kb.errors import ConfigError, UsageError
from kb.pipeline.schemas import OUTPUTS, output_schema
from kb.pipeline.triage_queue import Wanted
from kb.pipeline.triage_session import Session
from kb.pipeline.week import plan, week
from kb.pipeline.week_models import Task, Week
from kb.pipeline.week_tasks import in_order
from kb.pipeline.week_text import markdown
from kb.pipeline.week_value import KINDS
from kb.render.needs_work import open_work
from tests.library import HOSTILE, REPO
from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.test_history import Repository

TODAY = "2026-01-09"
CLASSIFIER = {"by": "classifier", "source": "kb-classifier/2", "state": "proposed"}
LIST = {"by": "list", "state": "proposed"}
CARD = dict.fromkeys(
    ("focus", "contribution", "limitations", "summary", "problem", "approach", "insight"), "x"
)


def base_of(repository: Repository, capsys: pytest.CaptureFixture[str] | None = None) -> KnowledgeBase:
    settings = (repository.root / "kb.toml").read_text() if (repository.root / "kb.toml").exists() else ""
    base = KnowledgeBase(repository.root, capsys)
    if "[site]" in settings:
        base.configure(settings)
    return base


@pytest.fixture
def kb(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "kb")


def told(kb: Repository, **asked: Any) -> Week:
    return week(base_of(kb).config, today=TODAY, **asked)


def tasks(kb: Repository, kind: str, **asked: Any) -> list[Task]:
    return [task for task in told(kb, **asked).tasks if task.kind == kind]


def write(kb: Repository, name: str, *rows: dict[str, Any]) -> None:
    path = kb.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# Tasks, one kind after the other


def test_a_conflict_is_a_task_with_the_command_that_settles_it(kb: Repository) -> None:
    """Either side may be right: half the pages that name the paper (its own, its year's, its branch's)."""
    kb.write("a2025b", labels=[{"branch": "shorter", "source": "x", **LIST}])
    conflict = {"paper": "a2025b", "field": "venue", "ours": "ACL", "theirs": "TMLR"}
    write(kb, "papers/_sources/_conflicts.jsonl", conflict)
    (task,) = tasks(kb, "conflict")
    assert (task.id, task.section) == ("conflict:a2025b.venue", "decide")
    assert task.do == "kb resolve a2025b venue --mine, or --theirs"
    assert (task.pages, task.chance, task.value, task.minutes) == (3, 0.5, 1.5, 1)


def test_waiting_works_are_tasks_by_relevance(kb: Repository) -> None:
    """A candidate counts as much as the classifier finds it relevant; a pair that may be one work counts whole; works of
    which too little is known are no decision, and are only counted."""
    kb.write("a2025b")
    rows = [
        {"id": f"c-{number}", "state": state, "title": f"T{number}", "reason": "new", "seen_in": ["x 1"]}
        for number, state in enumerate(("candidate", "candidate", "candidate", "suspicious", "unresolved"))
    ]
    rows[3]["like"] = ["a2025b"]
    write(kb, "papers/_candidates.jsonl", *rows)
    (kb.root / ".kb" / "cache").mkdir(parents=True)
    (kb.root / ".kb" / "cache" / "relevance.json").write_text('{"c-0": 0.2, "c-1": 0.9}')
    found = [task for task in told(kb).tasks if task.kind in {"candidate", "suspicious"}]
    assert [(task.id, task.chance) for task in found if task.kind == "candidate"] == [
        ("candidate:c-1", 0.9),
        ("candidate:c-2", 0.5),
        ("candidate:c-0", 0.2),
    ]
    (pair,) = [task for task in found if task.kind == "suspicious"]
    assert (pair.chance, pair.do.startswith("kb same c-3 a2025b")) == (1.0, True)
    assert told(kb).open["unresolved"] == 1


def test_labels_count_by_who_says_so(kb: Repository) -> None:
    """Nobody, lists that disagree, list against classifier, a list alone, the classifier alone, or nobody here although
    somebody in another facet: each has its chance."""
    with (kb.root / "taxonomy.yaml").open("a") as stream:
        stream.write(
            "  - id: scope\n    title: Scope\n    description: How close.\n    branches:\n"
            "      - {id: scope, title: Core, description: At the heart.}\n"
        )
    kb.write("a2025nobody")
    kb.write(
        "b2025lists",
        labels=[
            {"branch": "shorter", "source": "x", **LIST},
            {"branch": "smaller", "source": "y", **LIST},
        ],
    )
    kb.write(
        "c2025against",
        labels=[
            {"branch": "shorter", "source": "x", **LIST},
            {"branch": "smaller", "confidence": 0.9, **CLASSIFIER},
        ],
    )
    kb.write("d2025list", labels=[{"branch": "shorter", "source": "x", **LIST}])
    kb.write("e2025sure", labels=[{"branch": "shorter", "confidence": 0.9, **CLASSIFIER}])
    kb.write("f2025unsure", labels=[{"branch": "shorter", "confidence": 0.4, **CLASSIFIER}])
    kb.write("h2025elsewhere", labels=[{"branch": "scope", "confidence": 0.9, **CLASSIFIER}])
    kb.write(
        "g2025done", labels=[{"branch": "shorter", "by": "person", "source": "Ada", "state": "confirmed"}]
    )
    found = {task.id.split(":")[1].split(" ")[0]: task for task in told(kb).tasks}
    assert {key: task.chance for key, task in found.items()} == {
        "a2025nobody": 1.0,
        "b2025lists": 0.5,
        "c2025against": 0.3,
        "d2025list": 0.05,
        "e2025sure": 0.1,
        "f2025unsure": 0.6,
        "h2025elsewhere": 0.2,
    }
    assert {key for key, task in found.items() if task.kind == "unsure"} == {"f2025unsure"}
    assert found["e2025sure"].do == "kb triage --decide e2025sure=shorter"
    lesson = 0.0011 * 2  # two papers stand where the classifier alone puts them
    assert found["f2025unsure"].value == pytest.approx(2 * 0.6 + lesson, abs=1e-3)


def test_what_was_put_off_in_triage_is_not_asked_here(kb: Repository) -> None:
    kb.write("a2025b")
    (kb.root / ".kb").mkdir()
    (kb.root / ".kb" / "triage.json").write_text('{"skipped": {"a2025b direction": ""}}')
    assert tasks(kb, "label") == []


def test_a_flipped_verdict_is_looked_at_once(kb: Repository) -> None:
    """The last flip of a claim since the week began, and what it was before that; back and forth is none."""
    claims = [{"id": name, "statement": f"Says {name}."} for name in ("one", "two", "old")]
    kb.write("a2025b", claims=claims)
    kb.verdicts({"a2025b/one": "untested", "a2025b/two": "untested", "a2025b/old": "untested"})
    kb.commit()
    kb.verdicts({"a2025b/one": "untested", "a2025b/two": "untested", "a2025b/old": "refuted"})
    kb.commit()
    kb.verdicts({"a2025b/one": "supported", "a2025b/two": "refuted", "a2025b/old": "refuted"})
    third = kb.commit()
    kb.verdicts({"a2025b/one": "refuted", "a2025b/two": "untested", "a2025b/old": "refuted"})
    kb.commit()
    (task,) = tasks(kb, "flip", since="2026-01-04")
    assert (task.id, task.title) == ("flip:a2025b/one", "Says one.")
    assert task.why.startswith("was untested, is refuted since 2026-01-05")
    assert task.do == "kb claims show a2025b/one"
    (later,) = [task for task in tasks(kb, "flip", since=third) if task.id == "flip:a2025b/one"]
    assert later.why.startswith("was supported, is refuted")


def test_a_draft_that_is_nearly_done_costs_its_parts(kb: Repository) -> None:
    """Three parts at most are missing; the minutes are those of the parts."""
    kb.write("a2025b", review={**CARD, "state": "draft"})
    kb.write("c2025d", review={"summary": "x", "state": "draft"})
    kb.write("e2025f", review={**CARD, "critique": "x", "reviewer": "Ada", "state": "draft"})
    found = {task.id: task for task in told(kb).tasks if task.kind == "draft"}
    assert found.keys() == {"draft:a2025b", "draft:e2025f"}
    assert (found["draft:a2025b"].why, found["draft:a2025b"].minutes) == ("lacks critique, reviewer", 30)
    assert (found["draft:e2025f"].chance, found["draft:e2025f"].minutes) == (1.0, 7.5)


def test_claims_and_reviews_of_an_old_version_are_stale(kb: Repository) -> None:
    """Claims of one paper are one task: its new version is read once. A year alone is not older than a day in it."""
    claims = [{"id": f"c{n}", "statement": "x", "arxiv_version": n} for n in (1, 2, 3)]
    ids = {"arxiv_id": "2504.04823", "arxiv_version": 3}
    done = {"state": "done", "date": "2025-05-01", **dict.fromkeys((*CARD, "critique", "reviewer"), "x")}
    kb.write("a2025b", identifiers=ids, claims=claims, review=done, dates={"updated": "2025-06-01"})
    kb.write("c2025d", review={**done, "date": "2025"}, dates={"updated": "2025-06-01"})
    (old,) = tasks(kb, "claims")
    assert (old.section, old.pages, old.minutes) == ("stale", 3, 12)
    assert old.why == "2 of v1, v2; version 3 is out: c1, c2"
    (review,) = tasks(kb, "review")
    assert (review.id, review.why) == ("review:a2025b", "reviewed 2025-05-01, the paper changed 2025-06-01")


# Order and plan


def made(kind: str, value: float, minutes: float, name: str = "x") -> Task:
    return Task(
        id=f"{kind}:{name}", section="decide", kind=kind, title="", why="", do="",
        pages=1, chance=1, value=value, minutes=minutes,
    )  # fmt: skip


def test_most_value_per_minute_comes_first() -> None:
    """Not most value; equals stand as in the table of kinds."""
    found = in_order([made("draft", 10, 20), made("label", 1, 1), made("conflict", 1, 1), made("flip", 3, 2)])
    assert [task.kind for task in found] == ["flip", "conflict", "label", "draft"]


def test_a_plan_takes_what_fits() -> None:
    """In order of value per minute; what is too long for the rest is passed over, what is worth nothing never taken."""
    found = in_order([made("label", 4, 2), made("draft", 15, 10), made("flip", 2, 4), made("conflict", 0, 1)])
    chosen = plan(found, 7)
    assert chosen.tasks == ("label:x", "flip:x")
    assert (chosen.minutes, chosen.taken, chosen.value) == (7, 6, 6)
    assert plan(found, 16).tasks == ("label:x", "draft:x", "flip:x")


def test_the_page_shows_the_plan_first(base: KnowledgeBase) -> None:
    write_paper(base, "a2025b")
    out = base.run("week", "--minutes", "0.5")
    assert out.code == 0
    assert re.search(
        r"^In 0.5 minutes\n1 task in 0.5 minutes; 2.0 pages are expected to change.", out.out, re.M
    )
    assert base.run("week", "--minutes", "0").code == 2


def write_paper(base: KnowledgeBase, key: str, title: str = "T") -> None:
    (base.root / "papers").mkdir(exist_ok=True)
    base.path(key).write_text(f"title: {json.dumps(title)}\n")


# Minutes


def test_minutes_are_those_of_kb_toml(kb: Repository) -> None:
    """[week.minutes] replaces the estimate, and the page says so."""
    kb.write("a2025b")
    (kb.root / "kb.toml").write_text('[site]\ntitle = "S"\n[week.minutes]\nlabel = 3\n')
    page = told(kb)
    assert [task.minutes for task in page.tasks] == [3]
    rows = {row.kind: (row.minutes, row.minutes_from, row.count) for row in page.kinds}
    assert [rows[kind] for kind in ("label", "flip")] == [(3, "kb.toml", 1), (5, "estimate", 0)]
    assert list(rows) == list(KINDS)


def test_a_kind_that_there_is_not_is_one_line(kb: Repository) -> None:
    (kb.root / "kb.toml").write_text('[site]\ntitle = "S"\n[week.minutes]\nlabels = 3\n')
    with pytest.raises(
        ConfigError, match=r"week.minutes: 'labels' is no kind of task \(fix: one of: conflict, "
    ):
        told(kb)


@pytest.mark.parametrize(("keep", "counted"), [(True, "measured in 12 answers"), (False, "estimate")])
def test_answers_are_timed_only_with_consent(kb: Repository, keep: bool, counted: str) -> None:
    """Twelve answers of 30 s give half a minute of a candidate; breaks do not count; without the setting nothing is kept."""
    (kb.root / "kb.toml").write_text(f'[site]\ntitle = "S"\n[triage]\nkeep_times = {str(keep).lower()}\n')
    for number in range(14):
        kb.write(f"a2025{'abcdefghijklmnop'[number]}")
    now = [0.0]
    base = base_of(kb)
    session = Session(base.config, Wanted(("direction",), ("papers",)), by="Ada", clock=lambda: now[0])
    session.start()
    for seconds in (*[30.0] * 12, 4000.0, 0.0):  # a walk, and a program
        now[0] += seconds
        session.accept(["shorter"])
    path = kb.root / ".kb" / "triage_times.jsonl"
    assert path.exists() is keep
    row = next(row for row in told(kb).kinds if row.kind == "label")
    assert row.minutes_from == counted
    assert row.minutes == 0.5
    if keep:
        assert set(path.read_text().splitlines()) == {'{"kind": "paper", "seconds": 30.0}'}
        path.write_text(
            path.read_text().replace("30.0", "6.0") + 'torn\n{"kind": "paper", "seconds": NaN}\n[]\n'
        )
        assert next(row.minutes for row in told(kb).kinds if row.kind == "label") == 0.1


# What came in


def test_since_a_day_or_a_commit(kb: Repository) -> None:
    """By default a week; a commit says what came after it, to the commit; records that are not committed are counted."""
    kb.write("a2025b")
    first = kb.commit()  # 2026-01-02
    kb.write("c2025d")
    kb.commit()  # 2026-01-03
    kb.write("a2025b", publication_state="withdrawn", withdrawn_reason="x")
    kb.commit()  # 2026-01-04
    kb.write("e2025f")
    kb.write("c2025d", venue="ACL")

    def said(**asked: Any) -> list[tuple[str, str]]:
        return [(event.kind, event.paper) for event in told(kb, **asked).happened]

    assert said() == [("withdrawn", "a2025b"), ("new", "c2025d"), ("new", "a2025b")]
    assert said(since="2026-01-04") == [("withdrawn", "a2025b")]
    assert said(since=first) == [("withdrawn", "a2025b"), ("new", "c2025d")]
    assert told(kb).uncommitted == {"new": 1, "changed": 1}
    assert told(kb).since == "2026-01-02"


@pytest.mark.parametrize("since", ["nowhere", "--all", "2026-13-01", ""])
def test_a_beginning_that_is_none_is_one_line(kb: Repository, since: str) -> None:
    with pytest.raises(UsageError, match="--since: "):
        told(kb, since=since)


def test_without_git_records_say_when_they_were_reviewed(tmp_path: Path) -> None:
    base = KnowledgeBase(tmp_path / "kb")
    write_paper(base, "a2025b")
    for key, day in (("c2025d", "2026-01-05"), ("e2025f", "2025-01-05")):
        (base.root / "papers" / f"{key}.yaml").write_text(
            f'title: T\nreview:\n  state: done\n  reviewer: Ada\n  date: "{day}"\n'
        )
    page = week(base.config, today=TODAY)
    assert [(event.kind, event.paper) for event in page.happened] == [("reviewed", "c2025d")]
    assert page.uncommitted == {}
    assert "There is no git history here" in markdown(page)


def test_a_shallow_clone_says_where_it_begins(kb: Repository, tmp_path: Path) -> None:
    """What came before is not told, and the page says so; the whole history is the page as ever."""
    kb.write("a2025b")
    kb.commit()
    kb.write("c2025d")
    kb.commit()  # 2026-01-03
    cut = tmp_path / "cut"
    kb.git("clone", "-q", "--depth", "1", kb.root.as_uri(), str(cut))
    page = week(KnowledgeBase(cut).config, today=TODAY)
    assert (page.history, page.history_since, page.happened) == ("shallow", "2026-01-03", ())
    assert "This clone begins on 2026&#45;01&#45;03" in markdown(page) or "begins on 2026-01-03" in markdown(
        page
    )
    assert told(kb).history == "git"
    assert "This clone" not in markdown(told(kb))


def test_the_last_outcome_of_each_source_is_told_if_it_is_bad(kb: Repository) -> None:
    """A failure stays until the source is read well; broken lines of the log are passed over."""
    rows: list[dict[str, Any]] = [
        {"time": "2026-01-01T10:00:00", "source": "zotero", "status": "failed", "error": "no key"},
        {"time": "2026-01-01T10:00:00", "source": "arxiv", "status": "failed", "error": "503"},
        {"time": "2026-01-02T10:00:00", "source": "arxiv", "status": "empty", "error": None},
        {"time": "2026-01-02T10:00:00", "source": "l", "status": "partial", "problems": ["line 3: what?"]},
    ]
    write(kb, ".kb/log/sync.jsonl", *rows)
    with (kb.root / ".kb" / "log" / "sync.jsonl").open("a") as stream:
        stream.write('{"time": 1}\nhalf a li')
    assert [(each.source, each.status, each.message) for each in told(kb).troubles] == [
        ("l", "partial", "line 3: what?"),
        ("zotero", "failed", "no key"),
    ]


# What went stale


def test_sources_that_nobody_reads_are_told(kb: Repository) -> None:
    """By this machine's log, else by the day on which its entries last changed in git; imports are no sources."""
    lists = "".join(
        f'[[sources.lists]]\nname = "{name}"\n{where}\n'
        for name, where in (
            ("new", 'url = "https://x.org/a"'),
            ("old", 'url = "https://x.org/b"'),
            ("mine", ""),
        )
    )
    never = "[sources.zotero]\nenabled = false\n[sources.arxiv]\nenabled = true\n[week]\nstale_days = 5\n"
    (kb.root / "kb.toml").write_text(f'[site]\ntitle = "S"\n{never}{lists}')
    for name in ("new", "old"):
        row = {"entry": {"source": f"awesome_list:{name}", "entry_id": "1", "title": "T"}}
        write(kb, f"papers/_sources/awesome_list__{name}.jsonl", row)
    kb.commit()  # 2026-01-02
    write(
        kb,
        ".kb/log/sync.jsonl",
        {"time": "2026-01-08T00:00", "source": "awesome_list:new", "status": "empty"},
    )
    found = [(each.name, each.why, each.do) for each in told(kb).notices]
    assert found == [
        ("arxiv", "was never read", "kb sync arxiv"),
        ("awesome_list:old", "last read 2026-01-02, 7 days ago", "kb sync old"),
    ]


@pytest.fixture
def with_runs(kb: Repository) -> Repository:
    """The runs of a small grid of the survey's own, and the grid."""
    names = sorted(path.name for path in (REPO / "runs").glob("reference-seed0-*chain*"))[:2]
    for name in names:
        shutil.copytree(REPO / "runs" / name, kb.root / "runs" / name)
    return kb


def manifest_of(kb: Repository) -> Path:
    return sorted((kb.root / "runs").glob("*/manifest.json"))[0]


def test_runs_that_their_spec_still_gives_are_not_told_of(with_runs: Repository) -> None:
    assert [each for each in told(with_runs).notices if each.kind != "source"] == []


@pytest.mark.parametrize(
    ("change", "says", "do"),
    [
        ({"state": "running"}, "was never finished", "kb eval run again, "),
        ({"spec_hash": "0" * 16}, "its settings have other defaults now", "kb eval reproduce "),
        ({"task": {"version": "0"}}, "its task is of version 0, and now of ", "kb eval reproduce "),
        (
            {"spec": {"model": "reference", "n": 1, "task": {"name": "gone"}}},
            "its settings are refused now",
            "kb eval",
        ),
    ],
)
def test_runs_that_went_stale_are_told_with_the_reason(
    with_runs: Repository, change: dict[str, Any], says: str, do: str
) -> None:
    """Nothing is run: the manifest is held against what the program would do today."""
    path = manifest_of(with_runs)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (notice,) = [each for each in told(with_runs).notices if each.kind == "run"]
    assert notice.name == path.parent.name
    assert notice.why.startswith(says)
    assert notice.do.startswith(do)


def test_a_grid_without_all_of_its_runs_is_told(with_runs: Repository) -> None:
    (with_runs.root / "experiments").mkdir()
    (with_runs.root / "experiments" / "g.yaml").write_text("model: reference\ntask: chain\nn: [\n")
    (with_runs.root / "experiments" / "h.yaml").write_text("model: reference\ntask: chain\nn: 7\n")
    found = [(each.name, each.why, each.do) for each in told(with_runs).notices if each.kind == "grid"]
    assert found[0][0] == "experiments/g.yaml"
    assert found[0][1].startswith("cannot be read: ")
    assert found[1][0::2] == ("experiments/h.yaml", "kb eval sweep experiments/h.yaml")
    assert found[1][1].startswith("1 of its runs are not there, such as reference")


# What other lists have


def test_what_other_lists_have_is_missing_here(kb: Repository, tmp_path: Path) -> None:
    """Lists of kb.toml and of --audit; what two name is likelier to belong here; an absent list is one line."""
    kb.write("a2025b", identifiers={"arxiv_id": "2504.00001"})
    (kb.root / "rival.md").write_text(
        "# L\n- [Title of a2025b](https://arxiv.org/abs/2504.00001)\n- [Both have it](https://arxiv.org/abs/2504.00002)\n"
    )
    other = tmp_path / "other.md"
    other.write_text(
        "# M\n- [Both have it](https://arxiv.org/abs/2504.00002)\n- [One does](https://arxiv.org/abs/2504.00003)\n"
    )
    (kb.root / "kb.toml").write_text('[site]\ntitle = "S"\n[week]\naudits = ["rival.md"]\n')
    page = told(kb, audits=[other])
    found = [(task.do, task.chance) for task in page.tasks if task.section == "missing"]
    assert found == [("kb new 2504.00002", 0.75), ("kb new 2504.00003", 0.5)]
    assert [(each.file, each.works, each.present, each.missing) for each in page.audited] == [
        ("rival.md", 2, 1, 1),
        ("other.md", 2, 0, 2),
    ]
    for name, says in (("absent.md", "there is no such list"), ("list.txt", "one of .bib, .md")):
        with pytest.raises(UsageError, match=says):
            told(kb, audits=[tmp_path / name])


# The page


def test_the_page_and_the_site_count_alike(kb: Repository) -> None:
    """One function says what waits: the numbers are those of the site's page."""
    kb.write("a2025b")
    kb.write("c2025d", status="stub")
    base = base_of(kb)
    store = base.store()
    assert told(kb).open == open_work(store.library.values(), store.candidates).counts()
    assert told(kb).open == {
        "suspicious": 0, "unresolved": 0, "candidates": 0, "stubs": 1, "unlabelled": 2, "unreviewed": 1,
    }  # fmt: skip


def test_an_empty_base_has_an_empty_page(base: KnowledgeBase) -> None:
    out = base.run("week")
    assert (out.code, out.err) == (0, "")
    assert "nothing." in out.out
    assert "Needs a decision\nNothing." in out.out


EVIL = [
    *HOSTILE,
    "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066 \x9b31m",
    "| a | b |\n\n# Heading\n\n- [ ] @everyone",
]


@pytest.fixture
def hostile(kb: Repository) -> Repository:
    """Markup and terminal commands in every text that the page shows."""
    for number, text in enumerate(EVIL):
        clean = "".join(char for char in text if char >= " " and not "\x7f" <= char <= "\x9f")
        clean = re.sub("[\u202a-\u202e\u2066-\u2069]", "", clean)
        claims = [{"id": f"c{number}", "statement": clean, "arxiv_version": 1}]
        kb.write(
            f"a2025{'abcdefghij'[number]}",
            title=clean,
            claims=claims,
            identifiers={"arxiv_id": f"2504.0000{number}", "arxiv_version": 2},
            review={**CARD, "state": "draft", "critique": clean, "date": "2024"},
            dates={"updated": "2025"},
            venue=clean,
        )
    kb.verdicts({"a2025a/c0": "untested"})
    kb.commit()
    kb.verdicts({"a2025a/c0": "supported"})
    kb.commit()
    write(
        kb,
        "papers/_candidates.jsonl",
        *(
            {
                "id": f"c-{number}",
                "state": state,
                "title": text,
                "reason": text,
                "seen_in": ["x 1"],
                "like": ["a2025a"],
            }
            for number, text in enumerate(EVIL)
            for state in ("candidate", "suspicious")
        ),
    )
    write(
        kb,
        "papers/_sources/_conflicts.jsonl",
        *({"paper": "a2025a", "field": "venue", "ours": text, "theirs": text} for text in EVIL),
    )
    write(
        kb,
        ".kb/log/sync.jsonl",
        *({"time": text, "source": text, "status": "failed", "error": text} for text in EVIL),
    )
    (kb.root / "rival.md").write_text(
        "".join(f"- [{text}](https://arxiv.org/abs/2505.0000{n})\n" for n, text in enumerate(EVIL))
    )
    (kb.root / "kb.toml").write_text('[site]\ntitle = "S"\n[week]\naudits = ["rival.md"]\n')
    return kb


def test_nothing_on_the_page_steers_a_terminal(
    hostile: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """No escape, no control character, no change of the writing direction, in text and in JSON."""
    base = base_of(hostile, capsys)
    for words in (("week", "--all", "--minutes", "100"), ("week", "--json")):
        out = base.run(*words)
        assert out.code == 0
        assert "evil" in out.out
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out.out)


def test_nothing_on_the_page_is_markup(hostile: Repository, tmp_path: Path) -> None:
    """As Markdown it holds headings, paragraphs, tables and commands of ours, and no HTML, link, image or further heading."""
    text = markdown(told(hostile, since="2026-01-01", minutes=100), everything=True)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = {child.type for token in tokens for child in (token, *(token.children or ()))}
    assert kinds <= {
        *(f"{name}_{end}" for name in ("heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
        *("inline", "text", "code_inline", "text_special"),
    }  # fmt: skip
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert "Needs a decision" in headings
    assert not any("Heading" in heading for heading in headings)
    shown = "".join(
        child.content for token in tokens for child in (token.children or ()) if child.type != "code_inline"
    )
    assert "<script>window.pwned=1</script>" in shown
    assert "@\u200beveryone" in shown  # GitHub would tell them
    assert "@everyone" not in text


@pytest.mark.parametrize(
    "name", ["c; touch pwned", "$(touch pwned)", "a\nb", "--all", "`id`", "it's", "c-1\n"]
)
@pytest.mark.parametrize("where", ["id", "like", "field", "paper"])
def test_commands_can_be_pasted(base: KnowledgeBase, name: str, where: str) -> None:
    """What commands name is a word and nothing else: a queue or a list of conflicts that holds more is refused, in one line."""
    write_paper(base, "a2025b")
    (base.root / "papers" / "_sources").mkdir()
    waiting = {"id": "c-1", "state": "suspicious", "reason": "r", "seen_in": ["x 1"], "like": ["a2025b"]}
    conflict = {"paper": "a2025b", "field": "venue", "ours": "x", "theirs": "y"}
    waiting |= {"id": name} if where == "id" else {"like": [name]} if where == "like" else {}
    conflict |= {where: name} if where in conflict else {}
    (base.root / "papers" / "_candidates.jsonl").write_text(json.dumps(waiting) + "\n")
    (base.root / "papers" / "_sources" / "_conflicts.jsonl").write_text(json.dumps(conflict) + "\n")
    for words in (("week",), ("check",), ("week", "--json")):
        out = base.run(*words)
        assert (out.code, out.err.count("\n") <= 1) == (3, True)
        assert "jsonl:1" in out.text
        assert "touch pwned" not in out.text


def test_json_is_as_the_schema_says(hostile: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """schema/week.json describes what is printed, down to the last field; kb schema week prints it."""
    base = base_of(hostile, capsys)
    data = json.loads(base.run("week", "--json", "--minutes", "30").out)
    schema = output_schema(OUTPUTS["week"])
    jsonschema.Draft7Validator(schema).validate(data)
    assert data["plan"]["minutes"] == 30
    assert json.loads(base.run("schema", "week").out) == schema
    data["tasks"][0]["worth"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(data)


def test_the_page_goes_into_a_file(base: KnowledgeBase, tmp_path: Path) -> None:
    """--markdown FILE writes it whole; a second run of the same day changes nothing."""
    write_paper(base, "a2025b", "A title")
    page = tmp_path / "week.md"
    assert base.run("week", "--markdown", str(page)).out == f"wrote {page}\n"
    text = page.read_text()
    assert text.startswith("# The week from ")
    assert "`kb triage --decide a2025b=BRANCH`" in text
    assert "| label |" in text
    base.run("week", "--markdown", str(page))
    assert page.read_text() == text


def test_long_lists_are_cut_and_can_be_had_whole(base: KnowledgeBase) -> None:
    for number in range(30):
        write_paper(base, f"a20{number + 10}b")
    out = base.run("week").out
    assert out.count("kb triage --decide") == 5
    assert "And 25 more; --all lists them." in out
    assert base.run("week", "--all").out.count("kb triage --decide") == 30


def test_it_is_quick_and_asks_no_network() -> None:
    """On the survey itself: within a few seconds on any machine, without torch, and without opening a connection."""
    code = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(refuse)\n"
        "from kb.cli import main\n"
        "code = main(['--root', sys.argv[1], '--debug', 'week', '--json'])\n"
        "print([name for name in ('torch', 'sklearn', 'transformers') if name in sys.modules], code, file=sys.stderr)\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, str(REPO)], capture_output=True, text=True, check=True, cwd=REPO
    )
    assert done.stderr.strip().endswith("[] 0"), done.stderr
    assert time.monotonic() - start < 20  # 1.6 s of processor time; loaded machines are slow
    assert json.loads(done.stdout)["kinds"]
