"""The user's three seed documents: every paper they name is found once, and nothing else becomes a paper.

The expected papers were read from the documents by hand. The documents lie outside the repository.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kb.config import ListSettings
from kb.ids import KINDS
from kb.sources.awesome_list import AwesomeList
from kb.sources.daily_papers import DailyPapers
from kb.sources.entry import FileSource, SourceResult, Status
from kb.sources.survey_readme import SurveyReadme
from kb.text import normal_title

SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds"
EXPECTED = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "seed_papers.yaml").read_text(encoding="utf-8")
)
SOURCES: dict[str, FileSource] = {
    "reasoning-economy-list.md": AwesomeList(ListSettings(name="seed", keep_notes=True)),
    "survey-readme.md": SurveyReadme(),
    "daily-papers.txt": DailyPapers(),
}

pytestmark = pytest.mark.skipif(not SEEDS.is_dir(), reason="the seed documents are not in this checkout")


def parse(name: str) -> SourceResult:
    return SOURCES[name].parse((SEEDS / name).read_text(encoding="utf-8"), where=name)


@pytest.mark.parametrize("name", SOURCES)
def test_every_named_paper_is_found_once_and_nothing_else_is(name: str) -> None:
    found = [(normal_title(entry.title or ""), dict(entry.identifiers)) for entry in parse(name).entries]
    wanted = [
        (normal_title(paper["title"]), {kind: paper[kind] for kind in KINDS if kind in paper})
        for paper in EXPECTED[name]
    ]
    assert sorted(found, key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_in_it_is_a_problem(name: str) -> None:
    result = parse(name)
    assert (result.status, result.problems) == (Status.OK, ())


def test_the_list_tells_remarks_from_screening() -> None:
    notes = [
        (note.kind, note.lang) for entry in parse("reasoning-economy-list.md").entries for note in entry.notes
    ]
    assert [notes.count(pair) for pair in (("screening", "en"), ("note", "en"), ("note", "zh"))] == [2, 3, 12]


def test_three_reviews_are_stubs_and_two_are_written() -> None:
    reviews = [entry.review for entry in parse("survey-readme.md").entries]
    assert [review.stub for review in reviews if review] == [True, False, True, False, True]
    written = [review for review in reviews if review and not review.stub]
    assert all(
        review.problem and review.approach and review.insight and review.critique for review in written
    )


def test_the_page_is_of_2025() -> None:
    dates = [entry.published for entry in parse("daily-papers.txt").entries]
    assert max(date for date in dates if date) == "2025-11-27"
    assert dates.count(None) == 5
