"""The map, the graph and a paper's connections as pages, data and pictures."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lxml import etree

from kb.link.graph import PaperGraph, paper_graph
from kb.records.models import Paper
from kb.records.paper_map import MapLine, PaperMap
from kb.records.taxonomy import load_taxonomy
from kb.render.graph_data import EDGES, PAPERS, dots_of, main_direction, worth_of_branches
from kb.render.graph_pages import PICTURE, MapFigures
from kb.render.map_svg import LINKED, map_inline
from kb.render.views import row_of
from tests.library import HOSTILE, REPO, invent_papers
from tests.render.kit import result, results
from tests.render.test_pages import render

TAXONOMY = load_taxonomy(REPO / "taxonomy.yaml")
SVG = "{http://www.w3.org/2000/svg}"


def pages(*papers: Paper, graph: PaperGraph | None = None, **changes: Any) -> dict[str, str]:
    by_key = {each.key: each for each in sorted(papers, key=lambda each: each.key)}
    made = graph or paper_graph(by_key, TAXONOMY)
    return render(*papers, graph=made, **changes).pages


def rows(found: dict[str, str]) -> list[dict[str, Any]]:
    data = json.loads(found[PAPERS])
    return [dict(zip(data["columns"], cells, strict=True)) for cells in data["papers"]]


def paper(key: str, title: str, *branches: str, **fields: Any) -> Paper:
    labels = [{"branch": branch, "by": "list", "source": "a/b"} for branch in branches]
    return Paper.from_data(key, {"title": title, "labels": labels, **fields})


def inline(page: str) -> Any:
    """The picture in a page; whoever reads the page as HTML sees the same."""
    return etree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def test_every_paper_is_a_dot_that_leads_to_it() -> None:
    """The picture in the page has a link for each paper, with its title, where the data say that it lies."""
    papers = invent_papers(30)
    found = pages(*papers)
    dots = inline(found["map.md"]).findall("a")
    assert {dot.get("href") for dot in dots} == {f"papers/{each.key}.html" for each in papers}
    titles = {dot.get("href"): dot.findtext("title") for dot in dots}
    assert all(titles[f"papers/{row['key']}.html"] == row["title"] for row in rows(found))
    places = {
        dot.get("href"): (float(dot.find("use").get("x")), float(dot.find("use").get("y"))) for dot in dots
    }
    assert all(places[f"papers/{row['key']}.html"] == (row["x"], row["y"]) for row in rows(found))


def test_hostile_titles_are_text() -> None:
    """In the page's picture, in the file, in both data files: nothing of a title becomes an element."""
    papers = [paper(f"a202{at}", text, "shorter/latent") for at, text in enumerate(HOSTILE)]
    found = pages(*papers)
    for text in (found["map.md"], found[PICTURE]):
        assert "<script>window" not in text
        assert "<img" not in text
    picture = etree.fromstring(found[PICTURE].encode())
    assert {element.tag for element in picture.iter()} <= {
        f"{SVG}{name}" for name in "svg title style rect defs path g use text".split()
    }
    assert {row["title"] for row in rows(found)} == {" ".join(text.split()) for text in HOSTILE}


def test_the_file_stands_alone() -> None:
    """The picture to take along is XML with a title and a legend, asks nobody for anything, and runs nothing."""
    found = pages(*invent_papers(30))
    picture = etree.fromstring(found[PICTURE].encode())
    assert "map of papers" in str(picture.findtext(f"{SVG}title"))
    words = [str(element.text) for element in picture.iter(f"{SVG}text")]
    assert any(text.startswith("Shorter (") for text in words)
    assert not re.findall(r"(?:href|src)=\"(?!#)", found[PICTURE])
    assert "<script" not in found[PICTURE]


def test_a_large_map_is_paths_and_no_page_of_megabytes() -> None:
    """Above a number of papers every direction is one path, with a dot for each paper: the page stays small."""
    papers = {each.key: each for each in invent_papers(LINKED + 1)}
    places = {key: (float(at % 200) - 100, float(at // 200)) for at, key in enumerate(papers)}
    rows_ = {key: row_of(each, TAXONOMY) for key, each in papers.items()}
    text = map_inline(dots_of(PaperGraph(places), papers, rows_, TAXONOMY), TAXONOMY, "map.md")
    picture = inline(text)
    assert picture.findall("a") == []
    assert "".join(path.get("d") for path in picture.findall("path")).count("M") == len(papers)
    assert len(text) < 40_000


def test_a_direction_is_the_one_that_most_speaks_for() -> None:
    """A person's word above lists, lists above the classifier; what a person rejected does not count."""
    tops = [top.id for top in TAXONOMY.facets[0].branches]

    def main(*labels: dict[str, Any]) -> str | None:
        at = main_direction(
            worth_of_branches(Paper.from_data("a2024", {"title": "A", "labels": list(labels)}), TAXONOMY),
            tops,
        )
        return tops[at] if at >= 0 else None

    sure = {"by": "person", "source": "Ada", "state": "confirmed"}
    no = {"by": "person", "source": "Ada", "state": "rejected"}
    one = {"branch": "faster/sampling", "by": "list", "source": "a/b"}
    guess = {"branch": "smaller", "by": "classifier", "source": "v1", "confidence": 0.99}
    assert main() is None
    assert main(one, guess) == "faster"
    assert main(one, {**one, "source": "c/d"}, {"branch": "shorter/rl", **sure}) == "shorter"
    assert main(one, {"branch": "faster/sampling", **no}, guess) == "smaller"


def test_edges_name_papers_by_their_place_in_the_list() -> None:
    """Kinds apart, each edge once, weights as computed."""
    papers = [paper("a2024", "Latent chains"), paper("b2024", "Latent steps"), paper("c2024", "Stones")]
    by_key = {each.key: each for each in papers}
    found = pages(*papers, graph=paper_graph(by_key, TAXONOMY, cited={("s2", "c2024"): ("a2024",)}))
    edges = json.loads(found[EDGES])
    assert [row["key"] for row in rows(found)] == ["a2024", "b2024", "c2024"]
    ((one, other, weight),) = edges["similar"]
    assert (one, other) == (0, 1)
    assert 0 < weight <= 1
    assert edges["cites"] == [[2, 0, 1.0]]
    assert edges["measures"] == []


def test_a_change_of_one_title_is_a_change_of_one_line() -> None:
    """A diff of two sites can be read."""
    lines = {
        each.key: MapLine(paper=each.key, x=1.0, y=2.0, placed="layout", read="title", text="t")
        for each in invent_papers(30)
    }

    def made(papers: list[Paper]) -> list[str]:
        by_key = {each.key: each for each in papers}
        return pages(*papers, graph=paper_graph(by_key, TAXONOMY, PaperMap("m", lines)))[PAPERS].splitlines()

    before, after = invent_papers(30), invent_papers(30)
    after[4] = Paper.from_data(after[4].key, after[4].to_data() | {"title": "Another Title"})
    assert sum(a != b for a, b in zip(made(before), made(after), strict=True)) == 1


def test_the_pages_say_how_good_they_are_and_what_is_not_known() -> None:
    """Figures where they were measured; that places are crude where nothing was embedded; that no citations are known."""
    papers = invent_papers(12)
    bare = pages(*papers)
    assert "No embedding was computed yet" in bare["map.md"]
    assert "Who cites whom is not known yet" in bare["graph.md"]
    assert "cites" not in re.findall(r'name="edges" value="(\w+)"', bare["graph.md"])
    lines = {
        each.key: MapLine(paper=each.key, x=1.0, y=2.0, placed="layout", read="title", text="t")
        for each in papers
    }
    by_key = {each.key: each for each in papers}
    keys = sorted(by_key)
    graph = paper_graph(by_key, TAXONOMY, PaperMap("the-model", lines), {("s2", keys[0]): (keys[1],)})
    found = pages(*papers, graph=graph, map_figures=MapFigures(0.41, 0.62, 0.13, 300))
    assert "41%" in found["map.md"]
    assert "the-model" in found["map.md"]
    assert "62%" in found["graph.md"]
    assert "13%" in found["graph.md"]
    assert "Who cites whom" not in found["graph.md"]
    assert "cites" in re.findall(r'name="edges" value="(\w+)"', found["graph.md"])


def test_a_survey_without_papers_has_both_pages() -> None:
    """They say that there is nothing yet, and load no script."""
    found = pages()
    for name in ("map.md", "graph.md"):
        assert "There is no paper yet" in found[name]
        assert "<script" not in found[name]


# A paper's page


def test_a_papers_page_says_what_it_is_joined_with() -> None:
    """Similar papers with the reason, citations both ways, figures of its method; each heading only where there is something."""
    papers = [
        paper("a2020b", "Latent chains", "shorter/latent", "shorter"),
        paper("b2024", "Latent steps", "shorter/latent"),
        paper("maker2019", "A Maker of Methods"),
    ]
    by_key = {each.key: each for each in papers}
    measured = results([result(), result(benchmark="MATH")])
    measured.words.methods["awq"] = measured.words.methods["awq"].model_copy(  # type: ignore[index]
        update={"paper": "maker2019"}
    )
    graph = paper_graph(by_key, TAXONOMY, cited={("s2", "b2024"): ("a2020b",)}, results=measured)
    found = pages(*papers, graph=graph)
    one = found["papers/a2020b.md"]
    assert "## Similar papers" in one
    assert "[Latent steps](b2024.md)" in one
    assert "both titles say latent" in one.lower()
    assert "Both in [Latent reasoning](../branches/shorter/latent.md)" in one
    assert "## Cited by" in one
    assert "## Cites" not in one
    assert "2 figures of AWQ" in one
    assert "../map.md?paper=a2020b" in one
    assert "## Cites" in found["papers/b2024.md"]
    maker = found["papers/maker2019.md"]
    assert "## Its method measured by" in maker
    assert "## Similar papers" not in maker


def test_the_api_says_the_same() -> None:
    """A paper's file and graph.json carry what its page shows."""
    papers = [paper("a2024", "Latent chains", "shorter"), paper("b2024", "Latent steps", "shorter")]
    by_key = {each.key: each for each in papers}
    found = pages(*papers, graph=paper_graph(by_key, TAXONOMY, cited={("s2", "b2024"): ("a2024",)}))
    one = json.loads(found["api/v1/papers/a2024.json"])
    assert [each["paper"] for each in one["similar"]] == ["b2024"]
    assert one["similar"][0]["branches"] == ["shorter"]
    assert (one["cites"], one["cited_by"]) == ([], ["b2024"])
    graph = json.loads(found["api/v1/graph.json"])
    assert graph["citations_known"] is True
    assert {(each["kind"], each["source"], each["target"]) for each in graph["edges"]} == {
        ("similar", "a2024", "b2024"),
        ("cites", "b2024", "a2024"),
    }
    assert [each["paper"] for each in graph["places"]] == ["a2024", "b2024"]


@pytest.mark.parametrize("number", [2, 30])
def test_pages_are_the_same_every_time(number: int) -> None:
    """No order of a set, no clock, no seed."""
    assert pages(*invent_papers(number)) == pages(*invent_papers(number))
