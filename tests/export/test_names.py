"""Names are taken apart as bibliographies do it, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given

from kb.export.names import Name, split_name
from tests.export.strange import PEOPLE


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ada Almeida", Name("Almeida", "Ada")),
        ("Mausam", Name("Mausam")),
        ("Laurens van der Maaten", Name("Maaten", "Laurens", "van der")),
        ("Sammy Davis Jr.", Name("Davis", "Sammy", suffix="Jr.")),
        ("Bengio, Yoshua", Name("Bengio", "Yoshua")),
        ("Wei Ai", Name("Ai", "Wei")),
        ("Qwen Team", Name("Qwen Team", whole=True)),
        ("Meta AI", Name("Meta AI", whole=True)),
        ("王 小明", Name("王 小明", whole=True)),
        ("A, B, and C", Name("A, B, and C", whole=True)),
    ],
)
def test_a_name_is_taken_apart(written: str, name: Name) -> None:
    """Particles and suffixes are known; teams and names that put the family first stay whole."""
    assert split_name(written) == name


@given(PEOPLE)
def test_the_parts_put_together_are_the_name(written: str) -> None:
    """Nothing is lost, whatever the name."""
    assert str(split_name(written)) == written
