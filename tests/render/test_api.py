"""The static API: valid against its own schemas, whole, and stable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from kb.config import SiteSettings
from kb.export.bibtex import render_bibtex
from kb.export.citation import cite
from kb.pipeline.stage import read_templates
from kb.records.candidates import Candidate, CandidateState
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.api import schemas
from kb.render.api_models import FILES, RunEntry, Share
from kb.render.events import Event, History
from kb.render.pages import render_site
from kb.render.site_input import SiteInput
from tests.library import HOSTILE, REPO, invent_papers
from tests.render.kit import findings, result

FROZEN = Path(__file__).parents[1] / "data" / "api-v1.txt"
CLAIM = {
    "id": "c",
    "statement": "Rounding is free.",
    "relation": "non_inferior",
    "margin": 1.0,
    "variant": {"method": ["awq"]},
}
OPEN = {"id": "open", "statement": "Nobody can test this."}
ODD = Paper.from_data(
    "a2020b",
    {
        "title": HOSTILE[0],
        "authors": [{"name": "Ada", "orcid": "0000-0002-1825-0097"}, HOSTILE[1]],
        "identifiers": {"arxiv_id": "2504.04823", "arxiv_version": 2},
        "dates": {"published": "2025"},
        "labels": [
            {"branch": "smaller", "by": "classifier", "source": "kb-1", "confidence": 0.5, "evidence": ["x"]}
        ],
        "review": {"summary": "See [[a2020b]]."},
        "claims": [CLAIM, OPEN],
        "notes": [{"text": HOSTILE[2], "lang": "zh"}],
    },
)
NOTHING = Paper.from_data("z2020z", {"title": "Z"})
SHARE = Share(value=0.5, low=None, high=None, items=2)
RUN = RunEntry(
    id="r", state="complete", model="M", weight_hash=None, method="none", weight_bits=16.0, act_bits=16.0, kv_bits=16.0,
    effective_bits=None, task="chain", task_version=None, seed=None, baseline=None, accuracy=SHARE, unscored=0, groups={"2 steps": SHARE},
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    papers = [ODD, NOTHING, *invent_papers(12)]
    found = findings(
        papers, [result(), result(source="other", score=79)], doubts={result().ref: ("too good",)}
    )
    return render_site(
        SiteInput(
            papers={paper.key: paper for paper in papers},
            taxonomy=load_taxonomy(REPO / "taxonomy.yaml"),
            settings=SiteSettings(title="S"),
            templates=read_templates(REPO),
            bibtex=render_bibtex,
            cite=cite,
            findings=found,
            history=History((Event("2025-01-01T00:00:00Z", "new", "a2020b", "c0", "T"),), "git"),
            runs=(RUN,),
            candidates=(
                Candidate(
                    id="w1",
                    state=CandidateState.CANDIDATE,
                    title="Waits outside",
                    reason="r",
                    seen_in=("l x",),
                ),
            ),
        )
    ).pages


def read(site: dict[str, str], name: str) -> Any:
    return json.loads(site[f"api/v1/{name}.json"])


def of(path: str) -> str:
    """The schema that a file has."""
    return "paper" if "/papers/" in path else path.rpartition("/")[2].removesuffix(".json")


def test_every_file_is_what_its_schema_says(site: dict[str, str]) -> None:
    """Each file validates, strange records included; each schema is one, and stands beside the files."""
    made = schemas()
    assert set(made) == set(FILES)
    for name, schema in made.items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert read(site, f"schema/{name}") == schema
    files = [path for path in site if path.startswith("api/v1/") and "/schema/" not in path]
    assert {of(path) for path in files} == set(FILES)
    for path in files:
        jsonschema.Draft7Validator(made[of(path)]).validate(json.loads(site[path]))


@pytest.mark.parametrize(
    ("name", "spoil"), [("papers", {"key": 7}), ("claims", {"verdict": None}), ("runs", {"accuracy": {}})]
)
def test_a_schema_refuses_what_is_wrong(site: dict[str, str], name: str, spoil: dict[str, Any]) -> None:
    """A schema that lets anything pass would be none."""
    data = read(site, name)
    data[name][0] |= spoil
    assert not jsonschema.Draft7Validator(schemas()[name]).is_valid(data)


def test_no_field_of_version_1_goes(site: dict[str, str]) -> None:
    """Every field that a reader may count on is there, with the type it had: additions are added to tests/data/api-v1.txt."""
    now = set()
    for name, schema in schemas().items():
        for title, at in [(name, schema), *schema["definitions"].items()]:
            now |= {
                f"{title}.{field} {json.dumps(about.get('type', '-'))}"
                for field, about in at.get("properties", {}).items()
            }
    assert set(FROZEN.read_text(encoding="utf-8").splitlines()) == now


def test_the_index_names_every_file(site: dict[str, str]) -> None:
    """What index.json and papers.json name is there, with as many entries as they say; and nothing else is."""
    index, papers = read(site, "index"), read(site, "papers")["papers"]
    named = {path for file in index["files"] for path in (file["path"], file["schema_path"])} | {
        paper["file"] for paper in papers
    }
    rest = {"api/v1/index.json", "api/v1/schema/index.json", "api/v1/schema/paper.json"}
    assert named | rest == {path for path in site if path.startswith("api/v1/")}
    counts = {of(file["path"]): file["entries"] for file in index["files"]}
    branches = len(load_taxonomy(REPO / "taxonomy.yaml").branches)
    assert counts == {
        "papers": 14,
        "taxonomy": branches,
        "results": 2,
        "claims": 2,
        "runs": 1,
        "changes": 1,
        "graph": 0,
    }
    assert all(feed["path"] in site for feed in index["feeds"])


def test_pages_and_feeds_that_the_api_names_are_there(site: dict[str, str]) -> None:
    """No path leads nowhere."""
    entries = [
        *read(site, "papers")["papers"],
        *read(site, "taxonomy")["branches"],
        *read(site, "claims")["claims"],
    ]
    assert len(entries) > 40
    for entry in entries:
        assert entry["page"].removesuffix(".html") + ".md" in site
        assert entry.get("feed", "feeds/all.xml") in site


def test_a_paper_says_all_that_its_record_says(site: dict[str, str]) -> None:
    """Titles come as they are, and so do labels, notes and the names of its claims."""
    data = read(site, "papers/a2020b")
    assert data["title"] == HOSTILE[0]
    assert data["authors"][0] == {"name": "Ada", "orcid": "0000-0002-1825-0097"}
    assert data["labels"][0]["confidence"] == 0.5
    assert data["standings"] == {"smaller": "proposed"}
    assert data["claims"] == ["a2020b/c", "a2020b/open"]
    assert data["bibtex"].startswith("@misc{a2020b,")
    assert data["citation"].endswith("https://arxiv.org/abs/2504.04823")


def test_a_claim_comes_with_its_verdict(site: dict[str, str]) -> None:
    """The verdict, its estimate and what each source says; a claim that cannot be tested has no estimate."""
    tested, untested = read(site, "claims")["claims"]
    assert tested["claim"]["margin"] == 1.0
    assert tested["verdict"]["state"] in {"refuted", "contested", "inconclusive"}
    assert set(tested["verdict"]["sources"]) == {"a2020b", "other"}
    assert tested["verdict"]["outcome"]["effect"] < 0
    assert (untested["verdict"]["state"], untested["verdict"]["outcome"]) == ("untested", None)
    assert read(site, "papers")["papers"][0]["verdicts"] == dict.fromkeys(
        [tested["verdict"]["state"], "untested"], 1
    )


def test_doubts_stand_with_the_figure(site: dict[str, str]) -> None:
    """Who takes figures from here is told what does not add up."""
    assert [entry["doubts"] for entry in read(site, "results")["results"]] == [["too good"], []]


def test_events_come_as_they_are(site: dict[str, str]) -> None:
    """Each field of an event has its own value, and the file says where the history comes from."""
    empty = dict.fromkeys(("claim", "branch", "before", "after"), "")
    event = {
        "name": "c0/new/a2020b",
        "at": "2025-01-01T00:00:00Z",
        "kind": "new",
        "paper": "a2020b",
        "title": "T",
        "commit": "c0",
    }
    found = read(site, "changes")
    assert found.pop("events") == [event | empty]
    assert found == {"version": "1.0", "source": "git", "since": ""}


def test_works_that_wait_are_left_out(site: dict[str, str]) -> None:
    """What nobody has taken into the survey is not in its data."""
    assert not [
        path for path in site if path.startswith(("api/", "feeds/", "llms")) and "Waits outside" in site[path]
    ]


def test_the_page_speaks_of_every_field(site: dict[str, str]) -> None:
    """Each file, its schema and each of its fields stand on the page about the API, with words."""
    page = site["api.md"]
    for name, schema in schemas().items():
        section = page.split(f"### {name} {{", 1)[1].split("\n### ", 1)[0]
        assert f"(api/v1/schema/{name}.json)" in section
        for field, about in schema["properties"].items():
            assert about.get("description"), f"{name}.{field}"
            assert f"<code>{field.replace('_', '&#95;')}</code>" in section


def test_the_plain_index_leads_to_everything(site: dict[str, str]) -> None:
    """llms.txt begins with a title and a summary; its links lead to pages; a hostile title ends no link early."""
    text = site["llms.txt"]
    assert text.startswith("# S\n\n> ")
    links = re.findall(r"^- \[(?:[^\]\\]|\\.)*\]\(([^)]+)\)", text, re.M)
    assert len(links) == len([line for line in text.splitlines() if line.startswith("- ")])
    for link in links:
        assert link in site or link.removesuffix(".html") + ".md" in site
    assert {f"papers/{key}.html" for key in ("a2020b", "z2020z")} <= set(links)


def test_an_empty_survey_has_an_api(tmp_path: Path) -> None:
    """Without papers every file is there and valid."""
    pages = render_site(
        SiteInput(
            {},
            load_taxonomy(REPO / "taxonomy.yaml"),
            SiteSettings(title="S"),
            read_templates(REPO),
            render_bibtex,
        )
    ).pages
    made = schemas()
    for path in [path for path in pages if path.startswith("api/v1/") and "/schema/" not in path]:
        jsonschema.Draft7Validator(made[of(path)]).validate(json.loads(pages[path]))
