"""kb triage: the queue, and decisions on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from kb.config import Config
from kb.errors import DataError, LockError, UsageError
from kb.pipeline import retaxonomy
from kb.pipeline.check import check
from kb.pipeline.store import locked
from kb.pipeline.sync import import_file, sync
from kb.pipeline.triage import Decision, decide, parse_decision, parse_decisions, take_back
from kb.pipeline.triage_queue import Question, Wanted, search
from kb.pipeline.triage_session import (
    Learned,
    Session,
    abstract_of,
    load_memory,
    open_questions,
)
from kb.records.candidates import load_candidates
from kb.records.decisions import load_decisions
from kb.records.models import Paper, Witness
from kb.records.taxonomy import load_taxonomy
from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.sorting import key, labels, make, say

DIRECTION = Wanted(facets=("direction",))


@pytest.fixture
def filled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    return make(tmp_path / "kb", capsys)


def session(base: KnowledgeBase, **fields: object) -> Session:
    found = Session(base.config, Wanted(facets=("direction",), kinds=("papers",)), by="Ada", **fields)  # type: ignore[arg-type]
    found.start()
    return found


def at(started: Session, number: int) -> Question:
    """Bring the question about one paper to the front."""
    started.queue.sort(key=lambda question: question.id != key(number))
    assert started.question is not None
    assert started.question.id == key(number)
    return started.question


def mine(base: KnowledgeBase, number: int) -> list[tuple[str, str]]:
    return [
        (label.branch, label.state.value)
        for label in labels(base, number)
        if (label.by, label.source) == (Witness.PERSON, "Ada")
    ]


# The queue


def test_the_queue_holds_what_nobody_has_confirmed(filled: KnowledgeBase) -> None:
    """Every paper without a confirmed branch of the facet, once; a rejected one only if something else is proposed."""
    found = open_questions(filled.config, DIRECTION)
    ids = [question.id for question in found]
    assert sorted(ids) == sorted({key(n) for n in range(12)} - {key(0), key(1), key(3)})
    assert len(set(ids)) == len(ids)


def test_disagreement_comes_before_what_nobody_contests(filled: KnowledgeBase) -> None:
    """Lists that disagree are asked about before a paper on which they agree."""
    say(filled, 2, "smaller/quantization", by="list", source="c/list")
    ids = [question.id for question in open_questions(filled.config, DIRECTION)]
    assert ids.index(key(2)) < ids.index(key(7))


def test_a_question_names_witnesses_and_the_likeliest_branch_first(filled: KnowledgeBase) -> None:
    """With the classifier's confidence and its evidence."""
    say(
        filled,
        2,
        "shorter/prompt",
        by="classifier",
        source="v1",
        confidence=0.9,
        evidence='["says: be brief"]',
    )
    (question,) = [q for q in open_questions(filled.config, DIRECTION) if q.id == key(2)]
    assert question.title == "Frugal chains of thought, part 2"
    assert question.links == ("https://arxiv.org/abs/2501.00002",)
    first, second = question.proposals[:2]
    assert (first.branch, first.title) == ("shorter/prompt", "Shorter › Prompts")
    assert first.witnesses == ("a/list (list)", "v1 (classifier)")
    assert (first.confidence, first.evidence) == (0.9, ("says: be brief",))
    assert second.branch == "shorter"


def test_the_queue_can_be_narrowed(filled: KnowledgeBase) -> None:
    """To a facet, to a branch and what is below it, to papers."""
    faster = open_questions(filled.config, Wanted(facets=("direction",), branch="faster"))
    assert all(any(p.branch.startswith("faster") for p in q.proposals) for q in faster)
    assert key(6) in {question.id for question in faster}
    scope = open_questions(filled.config, Wanted(facets=("scope",)))
    assert key(6) not in {question.id for question in scope}


def test_after_a_split_the_papers_of_the_branch_are_asked_about(filled: KnowledgeBase) -> None:
    """Also the confirmed ones: which part? Enter takes none that nobody proposes, and choosing rejects none."""
    retaxonomy.split(filled.config, "smaller/quantization", [("ptq", None), ("qat", None)])
    started = Session(filled.config, Wanted(("direction",), branch="smaller/quantization"), by="Ada")
    started.start()
    question = at(started, 3)
    assert question.reasons == ("confirmed for smaller/quantization; for which part of it?",)
    assert [p.branch for p in question.proposals] == ["smaller/quantization/ptq", "smaller/quantization/qat"]
    with pytest.raises(UsageError, match="nobody proposes"):
        started.accept()
    with pytest.raises(UsageError, match="no proposal"):
        started.reject()
    started.accept(["smaller/quantization/qat"])
    assert mine(filled, 3) == [("smaller/quantization/qat", "confirmed")]
    started.start()
    assert key(3) not in {question.id for question in started.queue}


def test_search_finds_branches_as_one_types(filled: KnowledgeBase) -> None:
    """An id before the start of a name, before any word, before an alias; within the facet."""
    taxonomy = load_taxonomy(filled.config.taxonomy_path)
    assert search(taxonomy, "direction", "quant") == ["smaller/quantization"]
    assert search(taxonomy, "direction", "faster/rl") == ["faster/rl"]
    assert search(taxonomy, "direction", "rl") == ["shorter/rl", "faster/rl", "faster/early"]
    assert search(taxonomy, "direction", "exit") == ["faster/early"]
    assert search(taxonomy, "direction", "reinforcement") == ["shorter/rl"]
    assert search(taxonomy, "direction", "core") == []
    assert search(taxonomy, None, "core") == ["core"]
    assert search(taxonomy, "direction", "  ") == []


# Deciding


def test_a_confirmation_is_one_label_with_the_persons_name(filled: KnowledgeBase) -> None:
    """What lists and the classifier said stays, and no other line of any file changes."""
    before = filled.tree()
    decide(filled.config, [Decision(id=key(2), branches=("shorter/prompt",))], by="Ada")
    after = filled.tree()
    name = f"papers/{key(2)}.yaml"
    assert [path for path in before if before[path] != after[path]] == [name]
    assert after[name] == before[name] + (
        b"  - branch: shorter/prompt\n    by: person\n    source: Ada\n    state: confirmed\n"
    )


def test_a_reason_is_kept_with_the_label(filled: KnowledgeBase) -> None:
    """As its evidence, on one line."""
    one = Decision(id=key(2), verdict="reject", branches=("shorter",), reason="not\nshorter at all")
    decide(filled.config, [one], by="Ada")
    assert labels(filled, 2)[-1].evidence == ("reason: not shorter at all",)


def test_deciding_the_same_twice_changes_nothing(filled: KnowledgeBase) -> None:
    """And says that nothing changed."""
    one = Decision(id=key(2), branches=("shorter/prompt",))
    assert decide(filled.config, [one], by="Ada")
    before = filled.tree()
    assert not decide(filled.config, [one], by="Ada")
    assert filled.tree() == before


def test_a_sync_leaves_decisions_alone(filled: KnowledgeBase) -> None:
    """Confirmed and rejected labels outlive a list that says otherwise."""
    decide(
        filled.config,
        [
            Decision(id=key(2), branches=("smaller",)),
            Decision(id=key(7), verdict="reject", branches=("faster/rl",)),
        ],
        by="Ada",
    )
    before = filled.tree()
    sync(filled.config)
    assert filled.tree() == before


def test_a_second_thought_replaces_the_first(filled: KnowledgeBase) -> None:
    """Of the same person: a rejection becomes a confirmation, and a single facet has one branch."""
    decide(filled.config, [Decision(id=key(2), verdict="reject", branches=("smaller",))], by="Ada")
    decide(filled.config, [Decision(id=key(2), branches=("smaller",))], by="Ada")
    assert mine(filled, 2) == [("smaller", "confirmed")]
    decide(filled.config, [Decision(id=key(6), branches=("adjacent",))], by="Ada")
    assert [b for b, _ in mine(filled, 6)] == ["adjacent"]
    assert check(filled.config, ["single-facets"]) == []


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (Decision(id="nobody2020nothing", branches=("smaller",)), "no record"),
        (Decision(id="../kb", branches=("smaller",)), "no record"),
        (Decision(id=key(2), branches=("small",)), "no branch 'small'"),
        (Decision(id=key(3), verdict="reject", branches=("smaller/quantization",)), "Jun confirmed"),
        (Decision(id=key(2), verdict="accept", branches=("smaller",)), "no verdict"),
        (Decision(id=key(2)), "no branch is named"),
        (Decision(id="c-12345678", verdict="reject"), "for a reason"),
        (Decision(id="c-12345678", verdict="accept"), "nothing named"),
        (Decision(id="c-12345678", verdict="maybe"), "no verdict"),
    ],
)
def test_a_wrong_decision_writes_no_label(filled: KnowledgeBase, decision: Decision, says: str) -> None:
    """Not those of the right ones beside it either, where labels are wrong."""
    before = filled.tree()
    right = [Decision(id=key(2), branches=("shorter",))] if decision.branches else []
    with pytest.raises(UsageError, match=says):
        decide(filled.config, [*right, decision], by="Ada")
    assert filled.tree() == before


def test_only_one_person_confirms_in_a_single_facet(filled: KnowledgeBase) -> None:
    """Another one who disagrees is told to talk."""
    with pytest.raises(UsageError, match="Ada confirmed core"):
        decide(filled.config, [Decision(id=key(6), branches=("adjacent",))], by="Jun")


@pytest.mark.parametrize("name", ["", "  ", "Ada\nAlmeida", "Ada  Almeida"])
def test_a_label_needs_a_name(filled: KnowledgeBase, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        decide(filled.config, [Decision(id=key(2), branches=("shorter",))], by=name)


def test_the_lock_is_held_only_while_writing(filled: KnowledgeBase) -> None:
    """While another kb writes a decision is refused, nothing is lost, and asking needs no lock."""
    started = session(filled)
    with locked(filled.config):
        assert open_questions(filled.config, DIRECTION)
        at(started, 2)
        with pytest.raises(LockError):
            started.accept()
        assert started.question is not None
        assert started.question.id == key(2)
    started.accept()
    assert mine(filled, 2) == [("shorter/prompt", "confirmed")]


def test_an_edit_by_hand_during_a_session_is_kept(filled: KnowledgeBase) -> None:
    """The record is read again at the moment of the decision."""
    started = session(filled)
    at(started, 2)
    filled.edit(key(2), "title: Frugal", "# mine\ntitle: Very frugal")
    started.accept()
    assert filled.text(key(2)).startswith("# mine\ntitle: Very frugal")
    assert mine(filled, 2) == [("shorter/prompt", "confirmed")]


# A session


def test_another_branch_instead_rejects_the_first_proposal(filled: KnowledgeBase) -> None:
    """It was shown, and it is wrong."""
    started = session(filled)
    at(started, 2)
    started.accept(["smaller"])
    assert mine(filled, 2) == [("shorter/prompt", "rejected"), ("smaller", "confirmed")]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["shorter/rl"], [("shorter/rl", "confirmed")]),
        (["shorter"], [("shorter/rl", "rejected"), ("shorter", "confirmed")]),
        (["shorter/rl", "faster"], [("shorter/rl", "confirmed"), ("faster", "confirmed")]),
    ],
    ids=["itself", "more general", "several"],
)
def test_a_more_special_branch_does_not_reject_what_holds_it(
    filled: KnowledgeBase, chosen: list[str], expected: list[tuple[str, str]]
) -> None:
    """Choosing the parent says that the child is wrong; choosing two that both are right."""
    say(filled, 11, "shorter/rl", by="classifier", source="v1", confidence=0.8)
    started = session(filled)
    at(started, 11)
    started.accept(chosen)
    assert mine(filled, 11) == expected


def test_a_rejected_proposal_makes_way_for_the_next(filled: KnowledgeBase) -> None:
    """Until none is left; then the paper does not come back."""
    started = session(filled)
    assert [p.branch for p in at(started, 2).proposals] == ["shorter/prompt", "shorter"]
    started.reject()
    assert started.question is not None
    assert [p.branch for p in started.question.proposals] == ["shorter"]
    started.reject()
    assert key(2) not in {question.id for question in started.queue}
    assert key(2) not in {question.id for question in session(filled).queue}
    assert mine(filled, 2) == [("shorter/prompt", "rejected"), ("shorter", "rejected")]


def test_what_is_decided_or_put_off_does_not_come_back(filled: KnowledgeBase) -> None:
    """Not in the next session; what was put off does when somebody proposes something new, or when asked for."""
    started = session(filled)
    at(started, 2)
    started.accept()
    at(started, 7)
    started.skip()
    again = {question.id for question in session(filled).queue}
    assert {key(2), key(7)} & again == set()
    assert key(7) in {question.id for question in session(filled, again=True).queue}
    say(filled, 7, "smaller", by="list", source="c/list")
    assert key(7) in {question.id for question in session(filled).queue}


def test_everything_can_be_taken_back_byte_for_byte(filled: KnowledgeBase) -> None:
    """Decisions and skips, in reverse order; the question is asked again each time."""
    before, started = filled.tree(), session(filled)
    asked = []
    for number, act in ((2, "accept"), (7, "skip"), (4, "reject"), (5, "skip"), (8, "accept")):
        asked.append(at(started, number))
        started.accept(["smaller"]) if act == "accept" else getattr(started, act)()
    for question in reversed(asked):
        assert started.undo() == question
        assert started.question == question
    assert filled.tree() == before
    assert load_memory(filled.config).skipped == {}
    assert started.count == 0
    with pytest.raises(UsageError, match="nothing was decided"):
        started.undo()


def test_what_was_edited_since_is_not_taken_back(filled: KnowledgeBase) -> None:
    """A person's edit is newer than the decision."""
    started = session(filled)
    at(started, 2)
    started.accept()
    filled.edit(key(2), "title: Frugal", "title: Very frugal")
    now = filled.tree()
    with pytest.raises(UsageError, match="was changed since"):
        started.undo()
    assert filled.tree() == now


def test_a_broken_memory_counts_as_none(filled: KnowledgeBase) -> None:
    """It only remembers what was put off."""
    filled.config.state_dir.mkdir(exist_ok=True)
    (filled.config.state_dir / "triage.json").write_text("{")
    started = session(filled)
    started.skip()
    assert len(load_memory(filled.config).skipped) == 1


class Pupil:
    """Learns nothing, and notes what it was shown."""

    def __init__(self) -> None:
        self.lessons: list[dict[str, Paper]] = []

    def __call__(self, config: Config, before: Mapping[str, Paper], facets: Iterable[str]) -> Learned:
        self.lessons.append(dict(before))
        return Learned(("learned",))


def test_after_a_batch_the_classifier_learns(filled: KnowledgeBase) -> None:
    """From the records that were decided about, as they were before; not from what was taken back."""
    pupil = Pupil()
    started = session(filled, learner=pupil, batch=2)
    for number in (2, 4):
        at(started, number)
        started.accept(["smaller"])
    started.undo()
    assert not started.wants_to_learn
    at(started, 5)
    started.accept(["smaller"])
    assert started.wants_to_learn
    assert started.learn() == ("learned",)
    assert started.learn() == ()
    (lesson,) = pupil.lessons
    assert sorted(lesson) == [key(2), key(5)]
    assert not any(label.by is Witness.PERSON for label in lesson[key(2)].labels)


@pytest.mark.slow
def test_the_classifier_says_what_a_batch_changed(filled: KnowledgeBase) -> None:
    """The real one, over words alone."""
    from kb.pipeline.triage_learn import ClassifierLearner
    from kb.pipeline.voice import open_voice

    learner = ClassifierLearner(open_voice(filled.config, words_only=True))
    started = session(filled, learner=learner)
    for number in (2, 4, 5):
        at(started, number)
        started.accept(["smaller"])
    (first, *_) = started.learn()
    assert first.startswith("learned from 3 papers: ")
    assert started.queue


# Works that wait

WAITING = """\
@article{a, title = {A frugal paper about nothing}, author = {Jun Fukuda}, year = {2024}, eprint = {2401.00001}}
@article{b, title = {Another frugal paper}, author = {Jun Fukuda}, year = {2025}, eprint = {2501.09999}}
"""


@pytest.fixture
def waiting(filled: KnowledgeBase) -> KnowledgeBase:
    """Two works wait, the newer one first."""
    path = filled.root / "waiting.bib"
    path.write_text(WAITING)
    import_file(filled.config, "bibtex", path, creates=False)
    path.unlink()
    return filled


def candidates(base: KnowledgeBase) -> Session:
    found = Session(base.config, Wanted(facets=("direction",), kinds=("candidates",)), by="Ada")
    found.start()
    return found


def test_waiting_works_come_after_the_papers_newest_first(waiting: KnowledgeBase) -> None:
    """With title, authors, year and links."""
    *papers, one, two = open_questions(waiting.config, DIRECTION)
    assert {question.kind for question in papers} == {"paper"}
    assert [(q.title, q.year) for q in (one, two)] == [
        ("Another frugal paper", "2025"),
        ("A frugal paper about nothing", "2024"),
    ]
    assert one.links == ("https://arxiv.org/abs/2501.09999",)


def test_a_waiting_work_is_taken_in_or_kept_out_and_both_can_be_taken_back(waiting: KnowledgeBase) -> None:
    """A rejection has a reason and a name; taking back restores every file byte for byte."""
    before, started = waiting.tree(), candidates(waiting)
    started.accept()
    with pytest.raises(UsageError, match="for a reason"):
        started.reject()
    started.reject("not about language models")
    assert started.question is None
    assert load_candidates(waiting.config.candidates_path) == ()
    (rejection,) = load_decisions(waiting.config.decisions_path).rejected
    assert (rejection.reason, rejection.by) == ("not about language models", "Ada")
    assert len(waiting.keys()) == 13
    started.undo()
    started.undo()
    assert waiting.tree() == before


def test_a_suspicious_work_is_told_to_be_a_record_or_not(waiting: KnowledgeBase) -> None:
    """Its likes are shown; accepting it without an answer is refused; either answer can be taken back."""
    path = waiting.root / "alike.bib"
    path.write_text(
        "@article{c, title = {A stranger to all of these}, author = {Eze, E.}, year = {2020}, eprint = {2501.00003}}\n"
    )
    import_file(waiting.config, "bibtex", path, creates=False)
    path.unlink()
    started = candidates(waiting)
    question = started.question
    assert question is not None
    assert (question.kind, [k for k, _ in question.like]) == ("suspicious", [key(3)])
    before = waiting.tree()
    with pytest.raises(UsageError, match="which record"):
        started.accept()
    started.different()
    assert question.id not in {
        c.id for c in load_candidates(waiting.config.candidates_path) if c.state == "suspicious"
    }
    started.undo()
    assert waiting.tree() == before
    started.same(key(3))
    (pair,) = load_decisions(waiting.config.decisions_path).same
    assert (pair.b, pair.by) == (key(3), "Ada")
    started.undo()
    assert waiting.tree() == before


def test_the_abstract_is_shown_from_the_cache_only(filled: KnowledgeBase) -> None:
    """None where none is kept, or where the cache is broken."""
    from kb.pipeline.store import keep_abstracts
    from kb.sources.entry import SourceEntry

    (question,) = [q for q in open_questions(filled.config, DIRECTION) if q.id == key(2)]
    assert abstract_of(filled.config, question) is None
    source, entry_id = question.refs[0].split(" ", 1)
    keep_abstracts(filled.config, [SourceEntry(source=source, entry_id=entry_id, abstract="We do less.")])
    assert abstract_of(filled.config, question) == "We do less."
    (filled.config.state_dir / "abstracts.sqlite").write_bytes(b"not a database" * 100)
    assert abstract_of(filled.config, question) is None


# Decisions from elsewhere


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b/c", Decision(id="a", branches=("b/c",))),
        ("a = b + c/d", Decision(id="a", branches=("b", "c/d"))),
        ("a=-b", Decision(id="a", verdict="reject", branches=("b",))),
        ("c-1=accept", Decision(id="c-1", verdict="accept")),
        ("c-1=different", Decision(id="c-1", verdict="different")),
        ("c-1=reject: no = reason", Decision(id="c-1", verdict="reject", reason="no = reason")),
        ("c-1=same:liu2025x", Decision(id="c-1", verdict="same", key="liu2025x")),
    ],
)
def test_decisions_of_one_word_are_understood(text: str, expected: Decision) -> None:
    assert parse_decision(text) == expected


@pytest.mark.parametrize("text", ["", "a", "a=", "=b"])
def test_half_a_decision_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="KEY=BRANCH"):
        parse_decision(text)


def test_decisions_of_a_file_are_understood_with_key_and_branch_too() -> None:
    """And blank lines are nothing."""
    lines = [{"key": "a", "branch": "b"}, {"id": "c", "verdict": "reject", "branches": ["d"], "reason": "r"}]
    text = "\n\n".join(json.dumps(line) for line in lines)
    assert parse_decisions(text, file="f") == [
        Decision(id="a", branches=("b",)),
        Decision(id="c", verdict="reject", branches=("d",), reason="r"),
    ]


def test_every_wrong_line_of_a_file_is_named() -> None:
    """With its number, and nothing is decided."""
    text = '{"id": "a", "branch": "b"}\n{\n{"id": "a", "colour": 1}\n[]\n{"id": ""}\n' + "[" * 100_000
    with pytest.raises(DataError) as caught:
        parse_decisions(text, file="f.jsonl")
    assert [error.line for error in (caught.value, *caught.value.others)] == [2, 3, 4, 5, 6]


def test_undo_of_nothing_is_nothing(filled: KnowledgeBase) -> None:
    before = filled.tree()
    take_back(filled.config, decide(filled.config, [], by="Ada"))
    assert filled.tree() == before
