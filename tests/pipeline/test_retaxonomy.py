"""kb taxonomy: branches change, and nothing that was said of a paper is lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.errors import LockError, UsageError
from kb.pipeline import edit, retaxonomy
from kb.pipeline.check import check
from kb.pipeline.store import locked
from kb.pipeline.sync import sync
from kb.records.models import AssignmentState, Paper, Witness
from kb.records.taxonomy import load_taxonomy
from kb.records.taxonomy_edit import NOT_DESCRIBED
from tests.pipeline.kbase import KnowledgeBase, leftovers
from tests.pipeline.sorting import COMMENTS, branches, key, labels, make, say


@pytest.fixture
def filled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    return make(tmp_path / "kb", capsys)


@pytest.fixture
def quiet(filled: KnowledgeBase) -> Iterator[KnowledgeBase]:
    """Afterwards, a sync with the unchanged lists must find nothing to do, and kb check no unknown branch."""
    yield filled
    before = filled.tree()
    sync(filled.config)
    assert filled.tree() == before
    assert check(filled.config, ["branches-exist"]) == []
    text = (filled.root / "taxonomy.yaml").read_text()
    assert [comment for comment in COMMENTS if comment not in text] == []


def test_a_rename_changes_the_lines_that_name_the_branch_and_no_other(quiet: KnowledgeBase) -> None:
    """Labels of all witnesses follow, confirmed ones stay confirmed, and every changed line names the branch."""
    before = quiet.tree()
    done = retaxonomy.rename(quiet.config, "shorter", "briefer")
    after = quiet.tree()
    assert done.moved == {
        "shorter": "briefer",
        "shorter/rl": "briefer/rl",
        "shorter/prompt": "briefer/prompt",
    }
    assert done.to_sort == ()
    (mine,) = [label for label in labels(quiet, 0) if label.by is Witness.PERSON]
    assert (mine.branch, mine.state, mine.source) == ("briefer", AssignmentState.CONFIRMED, "Ada")
    for name in before:
        old, new = before[name].decode().splitlines(), after[name].decode().splitlines()
        if name == "taxonomy.yaml":
            assert new[: len(old)] == [line.replace("id: shorter", "id: briefer") for line in old]
        else:
            assert new == [line.replace("shorter", "briefer") for line in old]


def test_an_old_title_goes_on_as_a_heading(quiet: KnowledgeBase) -> None:
    """Lists that use the old title are still understood."""
    retaxonomy.rename(quiet.config, "faster/early", "early-stopping", title="Stopping early")
    placed = load_taxonomy(quiet.config.taxonomy_path).branches["faster/early-stopping"]
    assert (placed.title, placed.branch.aliases) == ("Stopping early", ("Early exit",))


def test_a_merge_takes_labels_names_and_branches_along(quiet: KnowledgeBase) -> None:
    """Two labels of one witness become one with the stronger state; a shared heading speaks again."""
    say(quiet, 1, "smaller", by="list", source="c/list")
    say(quiet, 1, "faster", by="list", source="c/list", state="confirmed")
    assert "faster" not in branches(quiet, 5)
    retaxonomy.merge(quiet.config, "smaller", "faster")
    taxonomy = load_taxonomy(quiet.config.taxonomy_path)
    assert "smaller" not in taxonomy.branches
    assert taxonomy.branches["faster"].branch.aliases == ("Both of them", "Smaller")
    assert taxonomy.redirects == {"smaller": "faster", "smaller/quantization": "faster/quantization"}
    assert [label.state for label in labels(quiet, 1) if label.source == "c/list"] == ["confirmed"]
    assert [label.state for label in labels(quiet, 3) if label.source == "Jun"] == ["confirmed"]
    assert "faster" in branches(quiet, 5, Witness.LIST)


def test_a_merge_takes_cues_along_each_once(quiet: KnowledgeBase) -> None:
    path = quiet.config.taxonomy_path
    text = path.read_text("utf-8")
    for branch, cues in (("smaller", "[compact, shared]"), ("faster", "[latency, shared]")):
        text, times = re.subn(rf"(?m)^(\s*)- id: {branch}$", rf"\g<0>\n\1  cues: {cues}", text, count=1)
        assert times == 1
    path.write_text(text, encoding="utf-8")
    retaxonomy.merge(quiet.config, "smaller", "faster")
    assert load_taxonomy(path).branches["faster"].branch.cues == ("latency", "shared", "compact")


def test_the_surer_of_two_proposals_remains(quiet: KnowledgeBase) -> None:
    """A classifier that proposed both parts proposes the whole once, as sure as of the likelier part."""
    retaxonomy.move(quiet.config, "shorter/prompt", "faster")
    retaxonomy.merge(quiet.config, "faster/early", "faster/prompt")
    (label,) = [label for label in labels(quiet, 3) if label.by is Witness.CLASSIFIER]
    assert (label.branch, label.confidence) == ("faster/prompt", 0.7)


def test_a_rejection_of_one_part_does_not_take_a_paper_out_of_the_other(quiet: KnowledgeBase) -> None:
    """Rejected from one, proposed for the other: it stays proposed, and a person is asked."""
    say(quiet, 4, "faster/rl", by="list", source="c/list")
    done = retaxonomy.merge(quiet.config, "faster/early", "faster/rl")
    assert done.to_sort == (key(4),)
    assert [(x.by.value, x.state.value) for x in labels(quiet, 4) if x.branch == "faster/rl"] == [
        ("list", "proposed")
    ]


def test_a_rejection_that_nothing_contradicts_moves_on(quiet: KnowledgeBase) -> None:
    """Rejected from the part, and not in the rest: rejected from the whole."""
    done = retaxonomy.merge(quiet.config, "faster/early", "faster/rl")
    assert done.to_sort == ()
    assert [x.state.value for x in labels(quiet, 4) if x.branch == "faster/rl"] == ["rejected"]


def test_a_move_takes_everything_below_along(quiet: KnowledgeBase) -> None:
    """Under another branch, and to the top of the facet."""
    assert retaxonomy.move(quiet.config, "shorter", "smaller").moved["shorter/rl"] == "smaller/shorter/rl"
    assert "smaller/shorter/rl" in branches(quiet, 1)
    retaxonomy.move(quiet.config, "smaller/shorter/rl", "direction")
    assert "rl" in branches(quiet, 1)
    assert load_taxonomy(quiet.config.taxonomy_path).redirects == {
        "shorter": "smaller/shorter",
        "shorter/rl": "rl",
        "shorter/prompt": "smaller/shorter/prompt",
        "smaller/shorter/rl": "rl",
    }


def test_a_split_lists_what_a_person_must_sort_and_nothing_else(quiet: KnowledgeBase) -> None:
    """Labels stay on the branch, save those whose list heading is the title of a new one."""
    done = retaxonomy.split(
        quiet.config, "smaller/quantization", [("ptq", "Post-Training Quantization"), ("qat", None)]
    )
    assert done.made == ("smaller/quantization/ptq", "smaller/quantization/qat")
    assert "smaller/quantization/ptq" in branches(quiet, 3, Witness.LIST)
    assert branches(quiet, 3, Witness.PERSON) == ["smaller/quantization"]
    assert done.to_sort == tuple(
        sorted(k for k, p in quiet.store().library.items() if "smaller/quantization" in live(p))
    )
    assert key(3) in done.to_sort
    assert key(1) not in done.to_sort
    branch = load_taxonomy(quiet.config.taxonomy_path).branches["smaller/quantization/qat"].branch
    assert (branch.title, branch.description) == ("Qat", NOT_DESCRIBED)


def live(paper: Paper) -> set[str]:
    return retaxonomy.live_branches(paper)


def test_a_split_can_make_branches_beside(quiet: KnowledgeBase) -> None:
    """`--beside` leaves the branch as it is and puts the new ones after it."""
    retaxonomy.split(quiet.config, "smaller", [("sparser", None)], beside=True)
    tops = [name for name in load_taxonomy(quiet.config.taxonomy_path).branches if "/" not in name]
    assert tops == ["shorter", "smaller", "sparser", "faster", "core", "adjacent"]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("rename", ("no/such", "x"), "no branch no/such"),
        ("rename", ("faster", "Faster!"), "cannot be an id"),
        ("rename", ("faster", "smaller"), "there is a branch smaller"),
        ("rename", ("faster/early", "shorter/early"), "kb taxonomy move"),
        ("merge", ("shorter", "core"), "facets do not share branches"),
        ("merge", ("shorter", "shorter/rl"), "is part of"),
        ("merge", ("shorter", "faster"), "both have a branch rl"),
        ("merge", ("shorter", "shorter"), "is part of"),
        ("move", ("shorter", "shorter/rl"), "is part of"),
        ("move", ("shorter", "scope"), "not of the facet"),
        ("move", ("shorter", "core"), "facets do not share branches"),
        ("move", ("shorter/rl", "faster"), "there is a branch faster/rl"),
        ("split", ("shorter", [("rl", "Something else")]), "there is a branch shorter/rl"),
        ("split", ("shorter", [("x", "Quantization")]), "a heading of smaller/quantization"),
        ("split", ("shorter", [("x", "Shorter")]), "is the title of"),
        ("split", ("shorter", [("X y", None)]), "cannot be an id"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    quiet: KnowledgeBase, name: str, arguments: tuple[object, ...], says: str
) -> None:
    """And says why, with the way out."""
    before = quiet.tree()
    with pytest.raises(UsageError) as caught:
        getattr(retaxonomy, name)(quiet.config, *arguments)
    assert says in str(caught.value)
    assert caught.value.fix
    assert quiet.tree() == before


def test_a_new_title_must_not_silence_another_branch(quiet: KnowledgeBase) -> None:
    """A title that is a heading of another branch would make that heading speak of neither."""
    with pytest.raises(UsageError, match="a heading of shorter/rl"):
        retaxonomy.rename(quiet.config, "faster/early", "early", title="Reinforcement Learning")


def test_a_dry_run_shows_the_diff_and_writes_nothing(quiet: KnowledgeBase) -> None:
    """Records and taxonomy, as a patch."""
    before = quiet.tree()
    done = quiet.run("taxonomy", "merge", "faster/early", "faster/rl", "--dry-run")
    assert quiet.tree() == before
    assert "+++ b/taxonomy.yaml" in done.out
    assert f"+++ b/papers/{key(6)}.yaml" in done.out
    assert "-  - branch: faster/early" in done.out


def test_the_same_command_again_has_nothing_to_do(quiet: KnowledgeBase) -> None:
    """Also in another spelling of the new name."""
    for words in (
        ("rename", "shorter", "briefer"),
        ("merge", "faster/early", "faster/rl"),
        ("move", "briefer/prompt", "smaller"),
        ("split", "smaller/quantization", "ptq", "qat=QAT"),
    ):
        assert quiet.run("taxonomy", *words).code == 0
        before = quiet.tree()
        again = quiet.run("taxonomy", *words)
        assert (again.code, "nothing to do" in again.out) == (0, True), again
        assert quiet.tree() == before


def test_names_can_be_swapped_and_taken_back(quiet: KnowledgeBase) -> None:
    """A redirect never hides a branch that is there, and there and back is where it was, save the redirect."""
    before = quiet.tree()
    for old, new in (("shorter", "x"), ("smaller", "shorter"), ("x", "smaller")):
        retaxonomy.rename(quiet.config, old, new)
    assert "smaller/rl" in branches(quiet, 1)
    for old, new in (("shorter", "x"), ("smaller", "shorter"), ("x", "smaller")):
        retaxonomy.rename(quiet.config, old, new)
    taxonomy = load_taxonomy(quiet.config.taxonomy_path)
    assert taxonomy.redirects.keys() & taxonomy.branches.keys() == set()
    assert taxonomy.final_branch("x/rl") == "shorter/rl"
    after = quiet.tree()
    assert [name for name in before if before[name] != after[name]] == ["taxonomy.yaml"]


def test_labels_that_come_in_under_an_old_name_are_brought_along(quiet: KnowledgeBase) -> None:
    """Somebody else's change, merged in git after the rename: kb check says so, kb taxonomy migrate mends it."""
    retaxonomy.rename(quiet.config, "shorter", "briefer")
    say(quiet, 7, "shorter/rl", state="confirmed", source="Jun")
    (found,) = check(quiet.config, ["branches-exist"])
    assert "briefer/rl" in str(found)
    assert "kb taxonomy migrate" in str(found)
    assert quiet.run("taxonomy", "migrate").code == 0
    assert "briefer/rl" in branches(quiet, 7, Witness.PERSON)


def test_unmerging_records_still_works_after_a_rename(quiet: KnowledgeBase) -> None:
    """The note from which a merge is undone speaks of the new branch, too."""
    before = quiet.text(key(1)), quiet.text(key(0))
    edit.same(quiet.config, key(0), key(1))
    retaxonomy.rename(quiet.config, "shorter", "briefer")
    edit.unmerge(quiet.config, key(1))
    after = quiet.text(key(1)), quiet.text(key(0))
    assert after == tuple(text.replace("shorter", "briefer") for text in before)


def test_a_second_kb_is_told_to_wait(quiet: KnowledgeBase) -> None:
    """One lock for all that write."""
    with locked(quiet.config), pytest.raises(LockError):
        retaxonomy.rename(quiet.config, "shorter", "briefer")


def test_the_report_names_what_does_not_fit(quiet: KnowledgeBase) -> None:
    """Branches without papers, papers without branches, headings without a branch or with two."""
    say(quiet, 2, "shorter/prompt", state="rejected")
    found = retaxonomy.report(quiet.config)
    assert found.empty == ("adjacent",)
    assert key(11) in found.unlabelled
    assert {name.split(" > ")[-1]: n for name, n in found.headings.items()} == {
        "Unheard of": 2,
        "Both of them": 2,
    }
    assert found.shared == {"both of them": ("smaller", "faster")}
    data = json.loads(quiet.run("taxonomy", "report", "--json").out)
    assert data["empty"] == ["adjacent"]
    assert "headings that two branches claim: 1" in quiet.run("taxonomy", "report").out


def test_pages_that_link_to_an_old_path_are_named(quiet: KnowledgeBase) -> None:
    """A hand-written page is a person's: kb says what to edit and does not edit it."""
    docs = quiet.root / "site" / "docs"
    docs.mkdir(parents=True)
    (docs / "about.md").write_text("[here](branches/shorter/rl.md)\n")
    done = retaxonomy.rename(quiet.config, "shorter", "briefer")
    assert done.notes == ("site/docs/about.md links to branches/shorter/rl.md; write [[branch:briefer/rl]]",)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("rename", "shorter", "briefer"),
        ("merge", "smaller", "faster"),
        ("move", "shorter", "faster"),
        ("split", "smaller/quantization", "ptq=Post-Training Quantization", "qat"),
    ],
    ids=lambda words: words[0],
)
def test_a_killed_run_is_finished_by_the_next(
    filled: KnowledgeBase, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Killed before and after each file is made, flushed, renamed: whole files, and the same end."""
    edit.same(filled.config, key(9), key(10))
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.killed", filled.root, tmp_path / "work", "taxonomy", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kills"] > 20


@pytest.mark.parametrize(
    "then", [("rename", "smaller", "shorter"), ("split", "smaller", "shorter=Shorter still", "--beside")]
)
def test_a_name_that_a_killed_run_left_is_not_given_to_another_branch(
    quiet: KnowledgeBase, then: tuple[str, ...]
) -> None:
    """taxonomy.yaml is written, the records are not; then the old name is used again for something else."""
    records = {path: path.read_bytes() for path in quiet.root.rglob("papers/**/*") if path.is_file()}
    retaxonomy.rename(quiet.config, "shorter", "briefer")
    for path, data in records.items():
        path.write_bytes(data)
    assert quiet.run("taxonomy", *then).code == 0
    assert [label.branch for label in labels(quiet, 0) if label.by is Witness.PERSON] == ["briefer"]
    assert leftovers(quiet.root) == []


_SLUGS = st.sampled_from(["shorter", "x", "rl", "y-z", "early"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_changes_leave_nothing_for_a_sync_to_do_and_lose_no_label(data: st.DataObject) -> None:
    """Rename, merge and move in any order: each label stays with its witness, and the next sync changes no byte."""
    with TemporaryDirectory() as folder:
        base = make(Path(folder) / "kb")
        for _ in range(data.draw(st.integers(1, 5))):
            before = base.store().library
            names = st.sampled_from(list(load_taxonomy(base.config.taxonomy_path).branches))
            try:
                match data.draw(st.sampled_from(["rename", "merge", "move"])):
                    case "rename":
                        old, slug = data.draw(names), data.draw(_SLUGS)
                        parent = old.rpartition("/")[0]
                        title = data.draw(st.sampled_from([None, "A new title", "Stopping early"]))
                        retaxonomy.rename(base.config, old, f"{parent}/{slug}".lstrip("/"), title=title)
                    case "merge":
                        retaxonomy.merge(base.config, data.draw(names), data.draw(names))
                    case _:
                        place = data.draw(st.one_of(names, st.just("direction")))
                        retaxonomy.move(base.config, data.draw(names), place)
            except UsageError:
                continue
            tree = base.tree()
            sync(base.config)
            assert base.tree() == tree
            taxonomy = load_taxonomy(base.config.taxonomy_path)
            for name, paper in base.store().library.items():
                assert kept(before[name]) <= {
                    (label.branch, label.by, label.source, label.state) for label in paper.labels
                } | moved_away(before[name], paper, taxonomy.final_branch), name
        assert leftovers(base.root) == []


def kept(paper: Paper) -> set[tuple[object, ...]]:
    return {(label.branch, label.by, label.source, label.state) for label in paper.labels}


def moved_away(old: Paper, new: Paper, final: object) -> set[tuple[object, ...]]:
    """The labels of `old` that `new` holds under the branch's new name, at least as strong; and moot rejections."""
    strength = {"proposed": 0, "rejected": 1, "confirmed": 2}
    found: set[tuple[object, ...]] = set()
    for label in old.labels:
        now = final(label.branch)  # type: ignore[operator]
        same = [x for x in new.labels if (x.branch, x.by, x.source) == (now, label.by, label.source)]
        stands = any(x.branch == now and x.state != "rejected" for x in new.labels)
        if any(strength[x.state] >= strength[label.state] for x in same) or (
            label.state is AssignmentState.REJECTED and stands
        ):
            found.add((label.branch, label.by, label.source, label.state))
    return found
