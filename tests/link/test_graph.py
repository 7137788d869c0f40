"""Likes, places and edges between papers, on numbers that can be worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kb.classify.text import Document
from kb.link.graph import Edge, paper_graph
from kb.link.neighbours import Words, calibrated, nearest
from kb.link.projection import Ground, among, kept_share, layout, plane_of_words, scaled, turned_onto
from kb.records.models import Paper
from kb.records.paper_map import MapLine, PaperMap
from kb.records.taxonomy import Taxonomy, load_taxonomy
from tests.library import REPO, invent_papers
from tests.render.kit import result, results

TAXONOMY: Taxonomy = load_taxonomy(REPO / "taxonomy.yaml")


def paper(key: str, title: str, *branches: str, **fields: Any) -> Paper:
    labels = [{"branch": branch, "by": "list", "source": "a/b"} for branch in branches]
    return Paper.from_data(key, {"title": title, "labels": labels, **fields})


def library(*papers: Paper) -> dict[str, Paper]:
    return {each.key: each for each in sorted(papers, key=lambda each: each.key)}


def test_the_nearest_come_first_and_never_the_paper_itself() -> None:
    """Vectors at 0, 10, 50 and 90 degrees; of two that are equally near, the first key."""
    angles = np.radians([0, 10, 50, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    likeness = vectors @ vectors.T
    found = nearest(["a", "b", "c", "d"], likeness, 2)
    assert found["a"] == (("b", 0.98), ("c", 0.64))
    assert found["c"] == (("b", 0.77), ("d", 0.77))
    assert nearest(["a", "b", "c", "d"], likeness, 9, [0])["a"] == (("b", 0.98), ("c", 0.64))


def test_kinds_of_texts_are_brought_to_one_scale() -> None:
    """Two kinds of texts whose pairs are all closer within a kind than across: afterwards topics count, and kinds do not."""
    rng = np.random.default_rng(3)
    topics, kinds = np.arange(60) % 3, np.arange(60) % 2 == 0
    vectors = np.hstack(
        [0.5 * np.eye(3)[topics], 2.0 * np.eye(2)[kinds.astype(int)], rng.normal(scale=0.1, size=(60, 8))]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = [f"k{number}" for number in range(60)]

    def share(likeness: np.ndarray, told: np.ndarray) -> float:
        found = nearest(keys, likeness, 15)
        return float(
            np.mean(
                [told[keys.index(key)] == told[keys.index(o)] for key, near in found.items() for o, _ in near]
            )
        )

    before, after = vectors @ vectors.T, calibrated(vectors @ vectors.T, kinds)
    assert share(before, kinds) == 1
    assert share(after, kinds) < 0.65
    assert share(after, topics) == 1
    apart = ~np.eye(60, dtype=bool)
    assert after[apart].mean() == pytest.approx(0, abs=0.01)


def test_words_of_titles_tell_likes() -> None:
    """Rare words in common make likes; endings do not matter; papers without a word in common are none."""
    titles = {
        "a": "Pruning latent chains",
        "b": "Latently pruned chain",
        "c": "Chains of stones",
        "d": "Birdsong",
    }
    words = Words.of({key: Document(title=title) for key, title in titles.items()})
    found = words.nearest(3)
    assert [key for key, _ in found["a"]] == ["b", "c"]
    assert found["d"] == ()
    assert words.shared("a", "b") == ("latent", "pruning", "chains")


def test_turning_undoes_a_turn_and_a_reflection() -> None:
    """Places that were turned by a third and mirrored come back to where they were."""
    rng = np.random.default_rng(1)
    old = scaled(rng.normal(size=(30, 2)))
    turn = np.array([[math.cos(2.1), math.sin(2.1)], [-math.sin(2.1), math.cos(2.1)]]) @ np.diag([1, -1])
    keys = [f"k{number}" for number in range(30)]
    before = {key: tuple(place) for key, place in zip(keys, old.tolist(), strict=True)}
    back = turned_onto(old @ turn * 3 + 7, keys, before)
    assert np.allclose(scaled(back), scaled(old - old.mean(axis=0)), atol=1e-6)


def test_a_newcomer_goes_to_the_middle_of_its_likes() -> None:
    """The closer like pulls harder; what has no place does not count."""
    places = {"a": (0.0, 0.0), "b": (10.0, 0.0)}
    assert among((("a", 0.5), ("b", 0.5)), places) == (5.0, 0.0)
    x, _ = among((("x", 0.99), ("a", 0.9), ("b", 0.3)), places) or (0.0, 0.0)
    assert x == pytest.approx(1.0)
    assert among((("x", 0.9),), places) is None


def test_no_dot_hides_another() -> None:
    """A hundred papers that want one place end up apart, near it, and the same each time."""
    ground, again = Ground(), Ground()
    found = [ground.settle(f"k{number}", (3.0, 4.0)) for number in range(100)]
    assert found == [again.settle(f"k{number}", (3.0, 4.0)) for number in range(100)]
    apart = [math.dist(a, b) for at, a in enumerate(found) for b in found[:at]]
    assert min(apart) > 1.5
    assert max(math.dist(each, (3.0, 4.0)) for each in found) < 20


def test_a_layout_keeps_groups_together() -> None:
    """Three groups of directions: most of a paper's neighbours are its own group's, in space and on the plane."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 12), 20, axis=0) + rng.normal(scale=0.15, size=(60, 12))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    places = scaled(layout(likeness))
    assert np.array_equal(places, scaled(layout(likeness)))
    assert kept_share(likeness, places) > 0.5
    shuffled = places[rng.permutation(60)]
    assert kept_share(likeness, shuffled) < 0.3


def test_a_map_that_keeps_everything_keeps_it_all() -> None:
    """Points on an arc, seen as they are."""
    angles = np.linspace(0, 1, 40)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert kept_share(vectors @ vectors.T, vectors) == 1.0


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_words_alone_make_a_map_of_any_size(count: int) -> None:
    """Every paper has a place inside the map, none at another one's."""
    papers = {each.key: Document(title=each.title) for each in invent_papers(count)}
    words = Words.of(papers)
    places = plane_of_words(words.keys, words.weights)
    assert places.keys() == papers.keys()
    assert len(set(places.values())) == count
    assert all(max(abs(x), abs(y)) <= 100 for x, y in places.values())


def test_likes_say_why() -> None:
    """The narrowest branches in common; words only where no embedding was computed; no withdrawn paper, no stub."""
    papers = library(
        paper("a2024", "Latent chains", "shorter", "shorter/latent"),
        paper("b2024", "Latent steps", "shorter/latent", "shorter"),
        paper("c2024", "Latent stones", "smaller"),
        paper("d2024", "Latent chains again", status="stub"),
        paper("e2024", "Latent chains gone", publication_state="withdrawn", withdrawn_reason="wrong"),
    )
    line = MapLine(
        paper="a2024",
        x=1,
        y=2,
        placed="layout",
        read="title",
        text="t",
        near=(("b2024", 0.9), ("e2024", 0.8)),
    )
    graph = paper_graph(papers, TAXONOMY, PaperMap("m", {"a2024": line}))
    (first,) = graph.similar["a2024"]
    assert (first.key, first.likeness, first.branches, first.words) == ("b2024", 0.9, ("shorter/latent",), ())
    assert graph.by_words == papers.keys() - {"a2024"}
    assert graph.places["a2024"] == (1.0, 2.0)
    other = graph.similar["c2024"]
    assert {each.key for each in other} == {"a2024", "b2024"}
    assert all(each.words == ("latent",) for each in other)
    assert not any(each.key in {"d2024", "e2024"} for likes in graph.similar.values() for each in likes)


def test_a_branch_that_a_person_rejected_is_no_reason() -> None:
    """Two papers do not share what somebody said one of them does not belong to."""
    papers = library(paper("a2024", "Latent chains", "shorter"), paper("b2024", "Latent steps", "shorter"))
    no = {"branch": "shorter", "by": "person", "source": "Ada", "state": "rejected"}
    labels = [{"branch": "shorter", "by": "list", "source": "a/b"}, no]
    papers["b2024"] = Paper.from_data("b2024", {"title": "Latent steps", "labels": labels})
    graph = paper_graph(papers, TAXONOMY)
    assert graph.similar["a2024"][0].branches == ()


def test_citations_join_records_alone() -> None:
    """Both directions; a citation that two sources know counts once; nobody cites itself."""
    papers = library(*(paper(key, key) for key in ("a2024", "b2024", "c2024")))
    cited = {
        ("s2", "a2024"): ("b2024", "gone", "a2024"),
        ("bibtex", "a2024"): ("b2024",),
        ("s2", "gone"): ("c2024",),
    }
    graph = paper_graph(papers, TAXONOMY, cited=cited)
    assert graph.cites == {"a2024": ("b2024",)}
    assert graph.cited_by == {"b2024": ("a2024",)}
    assert graph.edges(Edge.CITES) == [("a2024", "b2024", 1.0)]


def test_a_method_joins_its_paper_with_those_who_measure_it() -> None:
    """Figures of another paper's method, counted; a paper's figures of its own method are no edge."""
    papers = library(*(paper(key, key) for key in ("a2020b", "maker2019")))
    found = results([result(), result(benchmark="MATH"), result(source="maker2019")])
    method = found.words.methods["awq"].model_copy(update={"paper": "maker2019"})
    found.words.methods["awq"] = method  # type: ignore[index]
    graph = paper_graph(papers, TAXONOMY, results=found)
    ((measured,),) = (graph.measures["a2020b"],)
    assert (measured.paper, measured.method, measured.rows) == ("maker2019", "AWQ", 2)
    assert [each.paper for each in graph.measured_by["maker2019"]] == ["a2020b"]
    assert graph.edges(Edge.MEASURES) == [("a2020b", "maker2019", 2.0)]


def test_components_and_degrees() -> None:
    """Papers that hang together by any edge; an edge of likeness that both begin counts once."""
    papers = library(
        paper("a2024", "Latent chains"),
        paper("b2024", "Latent steps"),
        paper("c2024", "Stones"),
        paper("d2024", "Birds"),
    )
    graph = paper_graph(papers, TAXONOMY, cited={("s2", "c2024"): ("b2024",)})
    assert graph.components() == [["a2024", "b2024", "c2024"], ["d2024"]]
    assert graph.components([Edge.SIMILAR])[0] == ["a2024", "b2024"]
    assert graph.degrees(Edge.SIMILAR) == {"a2024": 1, "b2024": 1}
    assert graph.network().number_of_edges() == 2


def test_a_newcomer_without_a_line_lies_among_its_likes() -> None:
    """Others stay where their lines say; the newcomer is marked, and lies near the paper whose words it shares."""
    papers = {each.key: each for each in invent_papers(30)}
    keys = sorted(papers)
    lines = {
        key: MapLine(paper=key, x=float(at), y=0.0, placed="layout", read="title", text="t")
        for at, key in enumerate(keys)
    }
    like = papers[keys[4]]
    papers["zz2026"] = Paper.from_data("zz2026", {"title": like.title})
    graph = paper_graph(papers, TAXONOMY, PaperMap("m", lines))
    assert graph.by_words == {"zz2026"}
    assert all(graph.places[key] == (float(at), 0.0) for at, key in enumerate(keys))
    assert graph.places["zz2026"] not in {(float(at), 0.0) for at in range(30)}
