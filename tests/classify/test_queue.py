"""What a person is asked first."""

from __future__ import annotations

import pytest

from kb.classify.predict import FacetPrediction, Prediction
from kb.classify.queue import triage_queue, uncertainty
from kb.records.models import Assignment, AssignmentState, Dates, Paper, Witness
from tests.classify.invent import taxonomy


def _paper(key: str, *labels: Assignment, published: str = "2020-01") -> Paper:
    return Paper(key=key, title=key, dates=Dates(published=published), labels=labels)


def _says(
    branch: str, source: str = "a/list", state: AssignmentState = AssignmentState.PROPOSED
) -> Assignment:
    return Assignment(branch=branch, by=Witness.LIST, source=source, state=state)


def _predicted(p: float, second: float = 0.05, *, proposed: bool = True) -> Prediction:
    top = (("shorter", p), ("faster", second), ("smaller", 1 - p - second))
    facet = FacetPrediction(
        "direction",
        "shorter",
        p,
        not proposed,
        top=top,
        branches=(("shorter/rl", p * 0.8), ("nonsense/branch", 0.1)),
        proposed=(("shorter/rl", p * 0.8),) if proposed else (),
        reason=None if proposed else "unsure",
    )
    return Prediction(None, {"direction": facet})


def _queue(papers: dict[str, Paper], predictions: dict[str, Prediction], **more):  # type: ignore[no-untyped-def]
    return triage_queue(papers, predictions, taxonomy(), **more)


def test_the_least_certain_paper_comes_first():
    papers = {key: _paper(key, _says("shorter")) for key in ("sure", "torn")}
    found = _queue(papers, {"sure": _predicted(0.94), "torn": _predicted(0.48, 0.46, proposed=False)})
    assert [item.key for item in found] == ["torn", "sure"]
    assert "unsure" in found[0].reasons[0]


def test_lists_that_disagree_go_before_lists_that_agree():
    papers = {
        "agreed": _paper("agreed", _says("shorter"), _says("shorter/rl", "b/list")),
        "disputed": _paper("disputed", _says("shorter"), _says("faster", "b/list")),
    }
    found = _queue(papers, dict.fromkeys(papers, _predicted(0.8)))
    assert [item.key for item in found] == ["disputed", "agreed"]
    assert "lists disagree: faster, shorter" in found[0].reasons
    assert ("faster", "b/list") in found[0].said


def test_unlabelled_and_new_papers_go_first_among_equals():
    papers = {
        "aold": _paper("aold", _says("shorter")),
        "bnew": _paper("bnew", _says("shorter"), published="2025-06"),
        "cbare": _paper("cbare", published="2025-06"),
    }
    found = _queue(papers, dict.fromkeys(papers, _predicted(0.8)))
    assert [item.key for item in found] == ["cbare", "bnew", "aold"]


def test_what_a_person_has_confirmed_or_put_off_is_not_asked():
    papers = {
        "done": _paper("done", _says("shorter", state=AssignmentState.CONFIRMED)),
        "later": _paper("later"),
        "open": _paper("open"),
    }
    found = _queue(papers, dict.fromkeys(papers, _predicted(0.8)), skip=[("later", "direction")])
    assert [item.key for item in found] == ["open"]


def test_choices_leave_out_rejected_and_unknown_branches():
    papers = {"one": _paper("one", _says("shorter/rl", state=AssignmentState.REJECTED))}
    (item,) = _queue(papers, {"one": _predicted(0.8)})
    assert "shorter/rl" not in dict(item.top)
    assert "nonsense/branch" not in dict(item.top)


def test_the_order_does_not_depend_on_the_order_of_the_papers():
    papers = {key: _paper(key) for key in ("b", "a", "c")}
    predictions = dict.fromkeys(papers, _predicted(0.8))
    assert _queue(papers, predictions) == _queue(dict(reversed(papers.items())), predictions)


@pytest.mark.parametrize(("p", "expected"), [([1.0, 0.0], 0.0), ([0.5, 0.5], 1.0), ([], 1.0), ([0.7], 0.3)])
def test_uncertainty_is_how_close_the_two_likeliest_are(p: list[float], expected: float):
    assert uncertainty(p) == pytest.approx(expected)
