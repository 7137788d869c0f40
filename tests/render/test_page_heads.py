"""What heads of pages say: feeds, citation tags, structured data."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import jinja2
import lxml.html
import pytest
import yaml

from kb.config import SiteSettings
from kb.export.bibtex import render_bibtex
from kb.export.citation import cite, highwire, json_ld
from kb.pipeline.stage import read_templates
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.pages import render_site
from kb.render.site_input import SiteInput
from tests.library import HOSTILE, REPO

ODD = "quote \" and ' and \\ and <b> & \U0001f600 ---"


def front_matter(page: str) -> dict[str, Any]:
    data = yaml.safe_load(page.split("---\n")[1])
    assert isinstance(data, dict)
    return data


def site(*papers: Paper) -> dict[str, str]:
    return render_site(
        SiteInput(
            papers={paper.key: paper for paper in papers},
            taxonomy=load_taxonomy(REPO / "taxonomy.yaml"),
            settings=SiteSettings(title="S"),
            templates=read_templates(REPO),
            bibtex=render_bibtex,
            cite=cite,
        )
    ).pages


def head(meta: dict[str, Any] | None) -> Any:
    """The head that the override of the theme makes, as MkDocs has Jinja do it: without escaping by itself."""
    text = (REPO / "site" / "overrides" / "main.html").read_text(encoding="utf-8")
    base = "<html><head><title>t</title>{% block extrahead %}{% endblock %}</head><body></body></html>"
    env = jinja2.Environment(loader=jinja2.DictLoader({"main.html": text, "base.html": base}))  # noqa: S701
    env.filters["url"] = lambda path: f"../{path}"
    page = None if meta is None else SimpleNamespace(meta=meta)
    made = env.get_template("main.html").render(config={"site_name": "S"}, page=page)
    return lxml.html.document_fromstring(made).find("head")


@pytest.mark.parametrize("title", [*HOSTILE, ODD])
def test_hostile_titles_are_inert_in_the_head(title: str) -> None:
    """A title comes out of the tags and of the structured data as it was, and makes no element of its own."""
    paper = Paper.from_data("a2025b", {"title": title, "authors": [title], "venue": title})
    made = head(front_matter(site(paper)["papers/a2025b.md"]))
    found = [(meta.get("name"), meta.get("content")) for meta in made.findall("meta")]
    assert found == [(name, " ".join(content.split())) for name, content in highwire(paper)]
    (script,) = made.findall("script")
    assert json.loads(script.text) == json_ld(paper)
    assert {node.tag for node in made} == {"title", "link", "meta", "script"}


def test_nothing_in_a_head_is_run() -> None:
    """The one script element is a data block, which browsers do not run and content-security policies do not stop."""
    paper = Paper.from_data("a2025b", {"title": "A"})
    scripts = head(front_matter(site(paper)["papers/a2025b.md"])).findall("script")
    assert [script.get("type") for script in scripts] == ["application/ld+json"]


def test_every_page_leads_to_the_feeds() -> None:
    """Any page names the feed of all papers, also the page for what is not there; a branch's page names its own, too."""
    pages = site(Paper.from_data("a2025b", {"title": "A"}))

    def names(meta: dict[str, Any] | None) -> list[str]:
        return [
            link.get("href")
            for link in head(meta).findall("link")
            if link.get("type") == "application/atom+xml"
        ]

    assert names(None) == names(front_matter(pages["papers/a2025b.md"]))
    assert "../feeds/all.xml" in names(None)
    own = set(names(front_matter(pages["branches/smaller/quantization.md"]))) - set(names(None))
    assert own == {"../feeds/branches/smaller/quantization.xml"}
    assert {name.removeprefix("../") for name in [*names(None), *own]} <= pages.keys()


def test_a_site_that_cites_nothing_has_no_tags() -> None:
    """Pages other than those of papers carry no citation."""
    made = head(front_matter(site(Paper.from_data("a2025b", {"title": "A"}))["branches/smaller.md"]))
    assert made.findall("meta") == []
    assert made.findall("script") == []
