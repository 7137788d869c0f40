"""The committed survey itself: what papers/ promises to its readers."""

from pathlib import Path

import pytest
import yaml

from kb.config import load_config
from kb.pipeline.check import Severity, check
from kb.pipeline.claims import check as check_claims
from kb.pipeline.claims import contradictions, open_evidence
from kb.pipeline.store import Store, open_store
from kb.text import normal_title

ROOT = Path(__file__).parents[1]
# Methods that the survey's review of 2504.10903 names by nickname, by the arXiv id of their papers.
NICKNAMES = {
    "O1-Pruner": "2501.12570", "DAST": "2503.04472", "TokenSkip": "2502.12067", "TALE": "2412.18547",
    "Implicit-KD": "2311.01460", "Coconut": "2412.06769", "Mix": "2502.12143", "DLCoT": "2503.16385",
    "Open-RS": "2503.16219", "phi-Decoding": "2503.13288", "Fast Best-of-N": "2410.20290", "RPC": "2502.00511",
    "Path-Consistency": "2409.01281", "AoT": "2502.12018", "AR": "2503.15944", "H-CoT": "2502.12893",
    "LIMO": "2502.03387",
}  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store(load_config(ROOT, {}))


def test_the_survey_holds_at_least_400_papers_without_an_error(store: Store) -> None:
    assert len(store.library) >= 400
    assert [f for f in check(store.config) if f.severity is Severity.ERROR] == []


def test_every_paper_of_the_survey_and_its_lists_has_a_record(store: Store) -> None:
    wanted = yaml.safe_load((ROOT / "tests/data/seed_papers.yaml").read_text(encoding="utf-8"))
    titles = {normal_title(paper.title) for paper in store.library.values()}
    titles |= {
        normal_title(row.entry.title or "") for row in store.rows.values() if row.paper in store.library
    }
    missing = [
        paper["title"]
        for document in wanted.values()
        for paper in document
        if normal_title(paper["title"]) not in titles
    ]
    assert missing == []


@pytest.mark.parametrize(("name", "arxiv_id"), NICKNAMES.items())
def test_every_method_that_the_survey_mentions_has_a_record(store: Store, name: str, arxiv_id: str) -> None:
    assert [p.key for p in store.library.values() if p.identifiers.arxiv_id == arxiv_id], name


def test_two_papers_are_reviewed_and_three_are_drafts(store: Store) -> None:
    states = {p.identifiers.arxiv_id: p.review.state.value for p in store.library.values() if p.review}
    assert states == {
        "2504.10903": "done",
        "2504.04823": "done",
        "2508.02180": "draft",
        "2510.02611": "draft",
        "2510.16805": "draft",
    }


def test_no_abstract_and_nobody_elses_prose_is_committed(store: Store) -> None:
    own = {"reasoning-economy"}  # the survey's own list
    assert [p.key for p in store.library.values() if p.abstract] == []
    assert {n.source for p in store.library.values() for n in p.notes} <= own
    for row in store.rows.values():
        prose = [row.entry.abstract, *(note.text for note in row.entry.notes)]
        prose += [
            getattr(row.entry.review, name)
            for name in ("problem", "approach", "insight", "critique")
            if row.entry.review
        ]
        assert all(text is None or text.startswith("blake2b:") for text in prose), row.ref


def test_labels_name_their_witnesses(store: Store) -> None:
    labels = [label for paper in store.library.values() for label in paper.labels]
    assert labels
    assert {label.state.value for label in labels if label.by.value != "person"} == {"proposed"}
    assert {label.branch for label in labels} <= set(store.taxonomy.branches)


def test_every_committed_verdict_follows_from_the_committed_evidence(store: Store) -> None:
    judged, moved = check_claims(store.config)
    assert [str(one) for one in moved] == []
    assert len(judged) >= 60
    assert len({one.verdict.paper for one in judged}) >= 25


def test_the_surveys_own_contradiction_is_found_with_the_size_that_decides_it(store: Store) -> None:
    """One review says that 4 bits degrade complex reasoning, another that 4-bit weights are lossless."""
    found = {
        (one.a.claim.id, one.b.claim.id): one.reconciled
        for one in contradictions(open_evidence(store.config)).claims
    }
    split = found["w4-degrades-hard-reasoning", "w4-weights-lossless"][0]
    assert split.axis == "model size"
    assert split.sides[0].what == "model size up to 8B"
    assert split.sides[0].state == "bears out w4-degrades-hard-reasoning"
    assert split.sides[1].estimate.value > -1.0 > split.sides[0].estimate.value
