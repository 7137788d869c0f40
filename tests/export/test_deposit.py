"""CITATION.cff and .zenodo.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from kb.export.deposit import Deposit, render_cff, render_zenodo
from tests.library import HOSTILE

# As published with Citation File Format 1.2.0 (CC-BY-4.0): https://github.com/citation-file-format/citation-file-format
SCHEMA = json.loads((Path(__file__).parents[1] / "data/cff-1.2.0.schema.json").read_text(encoding="utf-8"))
FULL = Deposit(
    title="Protein language models: a living survey",
    date="2026-01-31",
    commit="0123456789abcdef0123456789abcdef01234567",
    authors=("Ada van Dam", "Martin Luther King, Jr.", "王小明", "The kb contributors"),
    description="What is learned from sequences: and what is not.",
    license="CC-BY-4.0",
    keywords=("proteins", "proteins", "language models"),
    repository="https://github.com/example/survey",
    url="https://example.org/survey",
)


def cff(deposit: Deposit) -> dict[str, Any]:
    """As a reader reads it, and held against the schema."""
    data = yaml.safe_load(render_cff(deposit))
    jsonschema.Draft7Validator(SCHEMA).validate(data)
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("deposit", [FULL, Deposit("T", "2026-01-31", "abc")], ids=["full", "bare"])
def test_a_citation_file_is_valid(deposit: Deposit) -> None:
    """Against the schema of CFF 1.2.0, with all fields and with the fewest."""
    assert cff(deposit)["cff-version"] == "1.2.0"


def test_people_are_taken_apart_and_teams_stay_whole() -> None:
    """Given and family names of people, with particle and suffix; a team or a Chinese name is one name."""
    assert cff(FULL)["authors"] == [
        {"family-names": "Dam", "given-names": "Ada", "name-particle": "van"},
        {"family-names": "King", "given-names": "Martin Luther", "name-suffix": "Jr."},
        {"name": "王小明"},
        {"name": "The kb contributors"},
    ]
    assert [each["name"] for each in json.loads(render_zenodo(FULL))["creators"]] == [
        "van Dam, Ada",
        "King Jr., Martin Luther",
        "王小明",
        "The kb contributors",
    ]


def test_where_nobody_is_named_the_contributors_are() -> None:
    """Both forms demand an author."""
    bare = Deposit("Time series", "2026-01-31", "abc")
    assert cff(bare)["authors"] == [{"name": "Contributors of Time series"}]
    assert json.loads(render_zenodo(bare))["creators"] == [{"name": "Contributors of Time series"}]


@pytest.mark.parametrize("text", [*HOSTILE, "yes", "2026-01-31", "- a: [b", "#", "'"])
def test_any_text_comes_back_as_it_went_in(text: str) -> None:
    """Titles, descriptions and authors of any kind, in YAML and in JSON; Zenodo's description is HTML, and escaped."""
    given = Deposit(text, "2026-01-31", "abc", authors=(f"{text}, Team",), description=text)
    data, zenodo = cff(given), json.loads(render_zenodo(given))
    assert (data["title"], data["abstract"], zenodo["title"]) == (text, text, text)
    assert "<script" not in zenodo["description"]
    assert "<img" not in zenodo["description"]
