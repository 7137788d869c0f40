"""taxonomy.yaml: branches, headings that speak of them, and errors with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import DataError
from kb.records.taxonomy import Taxonomy, load_taxonomy

REPO = Path(__file__).parents[2]

SMALL = """\
facets:
  - id: direction
    title: Direction
    description: What is made cheaper.
    branches:
      - id: shorter
        title: Shorter
        description: Fewer tokens.
        aliases: [Make Long CoT Short]
        branches:
          - id: rl
            title: Reinforcement learning
            description: A reward for brevity.
            aliases: [RL, Make Long CoT Short > Methods]
      - id: smaller
        title: Smaller
        description: Fewer parameters.
        aliases: [Methods, Both]
      - id: faster
        title: Faster
        description: Less waiting.
        aliases: [Both]
  - id: stage
    title: Stage
    description: When.
    single: true
    branches:
      - id: training
        title: Training
        description: While it learns.
        aliases: [RL]
"""


@pytest.fixture
def small(tmp_path: Path) -> Taxonomy:
    (tmp_path / "taxonomy.yaml").write_text(SMALL)
    return load_taxonomy(tmp_path / "taxonomy.yaml")


def test_branches_have_their_path_as_id(small: Taxonomy) -> None:
    """In the order of the file, with facet, depth and parent."""
    assert list(small.branches) == ["shorter", "shorter/rl", "smaller", "faster", "training"]
    placed = small.branches["shorter/rl"]
    assert (placed.facet, placed.depth, placed.parent) == ("direction", 1, "shorter")
    assert small.ancestors("shorter/rl") == ("shorter/rl", "shorter")
    assert small.ancestors("nowhere") == ()
    assert small.facet_of("training") == "stage"
    assert small.facet_of("nowhere") is None


@pytest.mark.parametrize(
    ("path", "branches"),
    [
        (("Shorter",), ("shorter",)),
        (("make long cot  SHORT",), ("shorter",)),
        (("RL",), ("shorter/rl", "training")),
        (("Methods",), ("smaller",)),
        (("Make Long CoT Short", "Methods"), ("shorter/rl",)),
        (("Make Long CoT Short", "2025", "Methods"), ("shorter/rl",)),
        (("Make Long CoT Short", "Papers"), ("shorter",)),
        (("Smaller", "Both"), ("smaller",)),
        (("Both",), ()),
        (("Papers",), ()),
        ((), ()),
    ],
)
def test_headings_speak_of_branches(
    small: Taxonomy, path: tuple[str, ...], branches: tuple[str, ...]
) -> None:
    """Of every facet the most specific; an alias with its parent wins; an ambiguous heading speaks of none."""
    assert small.branches_for(path) == branches


def test_one_facet_can_be_asked(small: Taxonomy) -> None:
    """Where a source knows which facet its heading speaks of."""
    assert small.branches_for(("RL",), "stage") == ("training",)


@pytest.mark.parametrize(
    ("good", "bad", "line", "field", "what"),
    [
        ("id: smaller", "id: Smaller", 15, "facets.0.branches.1.id", "cannot be an id"),
        ("title: Faster", "name: Faster", 19, "facets.0.branches.2.title", "is missing"),
        ("single: true", "single: maybe", 26, "facets.1.single", "boolean"),
        ("aliases: [Both]", "aliases: Both", 22, "facets.0.branches.2.aliases", "a list"),
        ("id: faster", "id: smaller", 19, "facets.0.branches.2.id", "'smaller' is defined twice"),
        ("id: training", "id: smaller", 28, "facets.1.branches.0.id", "'smaller' is defined twice"),
        ("title: Stage", "title: Stage\n    colour: red", 25, "facets.1.colour", "not a field"),
        ("facets:", "facets: []\nrest:", 1, "facets", "at least 1"),
    ],
)
def test_a_wrong_taxonomy_is_named_with_its_place(
    tmp_path: Path, good: str, bad: str, line: int | None, field: str, what: str
) -> None:
    """File, line, field and remedy."""
    path = tmp_path / "taxonomy.yaml"
    assert SMALL.count(good) == 1
    path.write_text(SMALL.replace(good, bad))
    with pytest.raises(DataError) as caught:
        load_taxonomy(path)
    error = next(e for e in (caught.value, *caught.value.others) if e.field == field)
    assert error.file == str(path)
    assert error.line == line
    assert what in error.message
    assert error.fix


def test_an_absent_taxonomy_is_named(tmp_path: Path) -> None:
    """With the remedy."""
    with pytest.raises(DataError, match="every knowledge base needs"):
        load_taxonomy(tmp_path / "taxonomy.yaml")


# The repository's own


def test_every_alias_resolves_or_is_deliberately_ambiguous() -> None:
    """Of taxonomy.yaml: an alias leads to its branch, unless two branches of its facet share it."""
    taxonomy = load_taxonomy(REPO / "taxonomy.yaml")
    shared: dict[tuple[str, str], set[str]] = {}
    for placed in taxonomy.branches.values():
        for alias in (placed.title, *placed.branch.aliases):
            shared.setdefault((placed.facet, alias.casefold()), set()).add(placed.id)
    for placed in taxonomy.branches.values():
        for alias in (placed.title, *placed.branch.aliases):
            path = tuple(part.strip() for part in alias.split(">"))
            found = taxonomy.branches_for(path, placed.facet)
            if len(shared[placed.facet, alias.casefold()]) == 1:
                assert found == (placed.id,), alias
            else:
                assert found == (), alias


def test_every_branch_of_the_repository_is_described() -> None:
    """Shorter, Smaller and Faster are its directions, and each branch says what belongs there."""
    taxonomy = load_taxonomy(REPO / "taxonomy.yaml")
    top = [p.id for p in taxonomy.branches.values() if p.facet == "direction" and p.depth == 0]
    assert top[:3] == ["shorter", "smaller", "faster"]
    for placed in taxonomy.branches.values():
        assert placed.branch.description.endswith("."), placed.id
