"""`kb graph`: places that stay, lines that change only where they must, figures that are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kb.classify.embed import EmbedderError
from kb.config import load_config
from kb.errors import DataError, UsageError
from kb.pipeline.graph import update_map
from kb.pipeline.graph_quality import load_figures, markdown, measure, write_figures
from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.paper_map import PaperMap, load_map, render_map
from tests.classify.invent import BrokenEmbedder, FakeEmbedder
from tests.library import make_library
from tests.pipeline.kbase import KnowledgeBase


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_library(tmp_path / "kb", 24)
    return tmp_path / "kb"


def update(root: Path, **options: object) -> PaperMap:
    update_map(load_config(root, {}), embedder=FakeEmbedder(), **options)  # type: ignore[arg-type]
    return load_map(root / "papers")


def add(root: Path, key: str, title: str, abstract: str | None = None) -> None:
    data = {"title": title, "authors": ["Ada Almeida"]} | ({"abstract": abstract} if abstract else {})
    (root / "papers" / f"{key}.yaml").write_text(render_record(Paper.from_data(key, data)), encoding="utf-8")


def text(root: Path) -> str:
    return (root / "papers" / "_map.jsonl").read_text()


def test_every_paper_gets_a_place_and_its_likes(root: Path) -> None:
    """One line a paper, places inside the map, likes by falling similarity and never the paper itself."""
    found = update(root)
    assert len(found.lines) == 24
    assert found.model == "fake"
    for key, line in found.lines.items():
        assert max(abs(line.x), abs(line.y)) <= 100
        likeness = [each for _, each in line.near]
        assert likeness == sorted(likeness, reverse=True)
        assert key not in dict(line.near)
    reach = [max(getattr(line, axis) for line in found.lines.values()) for axis in "xy"]
    assert max(reach) == 100


def test_nothing_new_changes_no_byte_and_needs_no_model(root: Path) -> None:
    """A second run embeds nothing: it would not even notice that the model cannot be loaded."""
    update(root)
    before = text(root)
    report = update_map(load_config(root, {}), embedder=BrokenEmbedder())
    assert (text(root), report.written, report.added, report.changed) == (before, False, [], [])
    assert "current" in str(report)


def test_a_new_paper_moves_nobody(root: Path) -> None:
    """It is put among those most like it; only lines whose likes it enters change, and those only in their likes."""
    before = update(root).lines
    add(root, "zuse2026chains", "Frugal Chains without Training")
    after = update(root).lines
    new = after["zuse2026chains"]
    assert new.placed == "neighbours"
    for key, line in before.items():
        assert (after[key].x, after[key].y) == (line.x, line.y)
        if after[key] != line:
            assert "zuse2026chains" in dict(after[key].near)
    closest = after[new.near[0][0]]
    apart = [np.hypot(new.x - line.x, new.y - line.y) for line in before.values()]
    assert np.hypot(new.x - closest.x, new.y - closest.y) < np.median(apart)
    assert min(np.hypot(new.x - line.x, new.y - line.y) for line in before.values()) >= 1


def test_a_paper_that_went_leaves_no_trace(root: Path) -> None:
    """Its line goes, and so do the mentions of it; whoever lost it keeps the other likes, and gets the next ones."""
    before = update(root).lines
    lists = {key: set(dict(line.near)) for key, line in before.items()}
    gone = max(lists, key=lambda key: sum(key in near for near in lists.values()))
    (root / "papers" / f"{gone}.yaml").unlink()
    after = update(root).lines
    assert gone not in after
    assert all(gone not in dict(line.near) for line in after.values())
    lost = {key: set(dict(after[key].near)) for key in after if gone in lists[key]}
    assert all(len(near & lists[key]) >= len(lists[key]) - 2 for key, near in lost.items())
    assert any(near - lists[key] for key, near in lost.items())


def test_a_line_made_from_an_abstract_is_kept_where_there_is_none(root: Path) -> None:
    """A clone without abstracts does not make lines from titles alone that were better before."""
    add(root, "zuse2026chains", "Frugal Chains", "Budgets for long chains of thought.")
    before = update(root).lines["zuse2026chains"]
    assert before.read == "abstract"
    add(root, "zuse2026chains", "Frugal Chains")
    add(root, "yam2026votes", "Thrifty Votes")
    report = update_map(load_config(root, {}), embedder=FakeEmbedder())
    after = load_map(root / "papers").lines["zuse2026chains"]
    assert (after.text, after.read, report.held) == (before.text, "abstract", 1)
    with pytest.raises(UsageError, match="1 papers"):
        update_map(load_config(root, {}), embedder=FakeEmbedder(), fresh=True)


def test_a_new_layout_lies_as_the_old_one_did(root: Path) -> None:
    """Turned and mirrored onto what was there: papers are closer to where they were than to where others were."""
    before = update(root).lines
    turned = {
        key: line.model_copy(update={"x": -line.y, "y": line.x, "placed": "neighbours"})
        for key, line in before.items()
    }
    (root / "papers" / "_map.jsonl").write_text(render_map(PaperMap("fake", turned)))
    after = update(root, fresh=True).lines
    assert {line.placed for line in after.values()} == {"layout"}
    old = np.array([(turned[key].x, turned[key].y) for key in after])
    new = np.array([(line.x, line.y) for line in after.values()])
    assert np.hypot(*(old - new).T).mean() < 1


def test_a_run_without_a_model_leaves_the_file_alone(root: Path) -> None:
    """What cannot be embedded is an error with a remedy, and no half a map."""
    update(root)
    before = text(root)
    add(root, "zuse2026chains", "Frugal Chains")
    with pytest.raises(EmbedderError):
        update_map(load_config(root, {}), embedder=BrokenEmbedder())
    assert text(root) == before


def test_a_dry_run_writes_nothing(root: Path) -> None:
    report = update_map(load_config(root, {}), embedder=FakeEmbedder(), dry_run=True)
    assert len(report.added) == 24
    assert not (root / "papers" / "_map.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: ["{}", *lines[1:]], ":1"),
        (lambda lines: [lines[0], "<<<<<<< HEAD", *lines[1:]], ":2"),
        (lambda lines: [*lines, lines[1]], "two lines"),
        (lambda lines: [lines[0], lines[1].replace('"x": ', '"x": 1e999, "z": '), *lines[2:]], ":2"),
    ],
    ids="head conflict twice overflow".split(),
)
def test_a_damaged_map_is_named(root: Path, change: object, words: str) -> None:
    """File, line and remedy; never a map with holes."""
    update(root)
    path = root / "papers" / "_map.jsonl"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")  # type: ignore[operator]
    with pytest.raises(DataError, match=r"_map\.jsonl") as caught:
        load_map(root / "papers")
    assert words in str(caught.value)
    assert "restore it from git" in str(caught.value)


def test_the_order_of_files_does_not_matter(root: Path) -> None:
    """Lines stand in the order of keys, and are read back as they were written."""
    found = update(root)
    keys = [json.loads(line)["paper"] for line in text(root).splitlines()[1:]]
    assert keys == sorted(keys)
    assert render_map(load_map(root / "papers")) == render_map(found) == text(root)


# Quality


def test_figures_tell_good_likes_from_chance(tmp_path: Path) -> None:
    """Two branches of two vocabularies: embeddings and words find the branch every time, chance about every second time."""
    root = tmp_path / "kb"
    make_library(root, 0)
    for number in range(24):
        branch, word = (("smaller/pruning", "Sparse"), ("shorter/latent", "Hidden"))[number % 2]
        data = {
            "title": f"{word} {word} {word} {'abcdefghijkl'[number // 2]}",
            "labels": [
                {"branch": branch, "by": "list", "source": "a/b"},
                {"branch": "faster/sampling", "by": "classifier", "source": "v1", "confidence": 0.9},
            ],
        }
        key = f"a2024n{number}"
        (root / "papers" / f"{key}.yaml").write_text(render_record(Paper.from_data(key, data)))
    update(root)
    config = load_config(root, {})
    found = measure(config, embedder=FakeEmbedder())
    likes = {name: each["share"] for name, each in found["similar"].items()}
    assert likes["both"] == likes["embeddings"] == likes["words"] == 1
    assert likes["chance"] == pytest.approx(11 / 23, abs=0.001)
    assert found["map"]["kept"] > found["map"]["kept_by_chance"]
    assert load_figures(config) is None
    write_figures(config, found)
    figures = load_figures(config)
    assert figures is not None
    assert (figures.alike, figures.papers) == (1, 24)
    assert "100%" in markdown(found)


def test_figures_want_papers_in_branches(root: Path) -> None:
    """Without a map, or with a handful of labels, a share would say nothing."""
    with pytest.raises(UsageError, match="only 0 papers"):
        measure(load_config(root, {}), embedder=FakeEmbedder())


def test_what_a_paper_is_joined_with_can_be_asked(base: KnowledgeBase) -> None:
    """`kb graph show` names similar papers even before anything was embedded."""
    (base.root / "papers").mkdir()
    for key, title in (("a2024one", "Frugal Chains"), ("b2024two", "Frugal Votes"), ("c2024three", "Stones")):
        base.path(key).write_text(f"title: {title}\n")
    done = base.run("graph", "show", "a2024one")
    assert done.code == 0
    assert "similar: b2024two" in done.out
    assert "c2024three" not in done.out
    assert (
        json.loads(base.run("graph", "show", "a2024one", "--json").out)["similar"][0]["paper"] == "b2024two"
    )
    assert base.run("graph", "show", "nobody").code == 2
