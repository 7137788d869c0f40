"""Schemas: current, never stricter than the models, and strict enough to show an editor's user what is wrong."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.config import load_config
from kb.errors import DataError
from kb.pipeline.schemas import schema_path, schema_texts
from kb.records.canonical import HEADER
from kb.records.library import parse_record, record_files
from kb.records.models import Paper
from kb.records.results import Vocabulary
from kb.records.schema import MODELS, schema_of
from kb.records.taxonomy import load_taxonomy, parse_taxonomy
from kb.records.yaml_read import parse_yaml
from tests.library import REPO, invent_papers
from tests.records.test_models import GOOD

PAPER = jsonschema.Draft7Validator(schema_of("paper"))
CLAIM = {"id": "c1", "statement": "It is faster."}
ARM = {"method": ["awq"], "weight_bits": [4]}
FILES = {
    "decisions": "papers/_decisions.yaml",
    "taxonomy": "taxonomy.yaml",
    "sources": "results/_sources.yaml",
    "models": "results/_models.yaml",
    "benchmarks": "results/_benchmarks.yaml",
    "methods": "results/_methods.yaml",
}


def accepts(data: dict[str, Any]) -> bool:
    """Whether the model takes the record."""
    try:
        Paper.from_data("a", data)
    except (ValueError, DataError):
        return False
    return True


def test_the_committed_schemas_are_current() -> None:
    """schema/*.json is what the models, taxonomy.yaml and results/_*.yaml give: run kb schema --write."""
    config = load_config(REPO)
    for name, text in schema_texts(config).items():
        assert schema_path(config, name).read_text(encoding="utf-8") == text, f"{name}: run kb schema --write"


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_one(name: str) -> None:
    """Each schema follows draft 7, refers to nothing that is not in it, and describes what it is of."""
    schema = schema_of(name)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["description"]
    assert "$defs" not in str(schema)
    refs = {part.split("'")[0] for part in str(schema).split("#/definitions/")[1:]}
    assert refs == set(schema["definitions"])


@pytest.mark.parametrize("name", [name for name in MODELS if name != "kb"])
def test_every_field_is_described(name: str) -> None:
    """Whoever hovers over a field learns what goes there: the docstrings speak of each."""
    schema = schema_of(name)
    for each in (schema, *schema["definitions"].values()):
        for field, about in each.get("properties", {}).items():
            assert about.get("description"), f"{name}: {field}"


@pytest.mark.slow
def test_every_committed_record_passes() -> None:
    """An editor marks nothing in papers/, with the branches and words of this knowledge base."""
    text = schema_path(load_config(REPO), "paper").read_text(encoding="utf-8")
    validator = jsonschema.Draft7Validator(json.loads(text))
    paths, _ = record_files(REPO / "papers")
    assert len(paths) > 100
    for path in paths:
        data = parse_yaml(path.read_text(encoding="utf-8"), file=path.name).data
        assert [error.message for error in validator.iter_errors(data)] == [], path.name


def test_every_committed_record_names_its_schema() -> None:
    """The first line of each record leads an editor to schema/paper.json."""
    paths, _ = record_files(REPO / "papers")
    assert [path.name for path in paths if not path.read_text(encoding="utf-8").startswith(HEADER)] == []
    named = HEADER.split("=")[1].strip()
    assert (REPO / "papers" / named).resolve() == REPO / "schema" / "paper.json"


@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_the_other_files_pass(name: str, file: str) -> None:
    """An editor marks nothing in the taxonomy, the decisions and the vocabularies, and finds their schemas."""
    text = (REPO / file).read_text(encoding="utf-8")
    jsonschema.Draft7Validator(schema_of(name)).validate(parse_yaml(text, file=file).data)
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert ((REPO / file).parent / first.split("=")[1]).resolve() == REPO / "schema" / f"{name}.json"


def test_the_settings_pass() -> None:
    """An editor marks nothing in kb.toml."""
    text = (REPO / "kb.toml").read_text(encoding="utf-8")
    jsonschema.Draft7Validator(schema_of("kb")).validate(tomllib.loads(text))
    assert text.startswith("#:schema schema/kb.json\n")


@pytest.mark.parametrize("paper", invent_papers(40), ids=lambda paper: paper.key)
def test_invented_records_pass(paper: Paper) -> None:
    """Hostile titles and notes that the model takes, the schema takes."""
    PAPER.validate(paper.to_data())


LINES = st.text(max_size=30) | st.sampled_from(["2025", "a/b", "x b", "x  y", "https://a.de", "en", "A-1"])
LEAVES = LINES | st.none() | st.booleans() | st.integers(-1, 9) | st.floats(-1, 40)


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {"title": LINES},
        optional={
            "authors": st.lists(LINES | st.fixed_dictionaries({"name": LEAVES}, optional={"orcid": LEAVES})),
            "venue": LEAVES,
            "dates": st.dictionaries(st.sampled_from(["published", "updated"]), LEAVES),
            "identifiers": st.dictionaries(
                st.sampled_from(["arxiv_id", "doi", "openreview", "acl_anthology", "url", "arxiv_version"]),
                LEAVES
                | st.from_regex(r"\A(10\.\d{4,5}/[ -~]{1,9}|\d{4}\.\d{4,5}|[a-z-]+/\d{7}|[A-Z]\d\d-\d{4})\Z"),
            ),
            "labels": st.lists(
                st.fixed_dictionaries(
                    {"branch": LINES, "by": st.sampled_from(["person", "list", "me"]), "source": LINES},
                    optional={"confidence": LEAVES, "evidence": st.lists(LINES)},
                ),
                max_size=2,
            ),
            "notes": st.lists(
                st.fixed_dictionaries({"text": LINES}, optional={"lang": LEAVES, "kind": LEAVES}), max_size=2
            ),
            "status": st.sampled_from(["included", "stub", "gone"]),
        },
    )
)
def test_no_schema_is_stricter_than_its_model(data: dict[str, Any]) -> None:
    """What the model takes, the schema takes: an editor marks nothing that kb check would pass."""
    if accepts(data):
        PAPER.validate(data)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("no title", {"venue": "ACL"}),
    ("unknown field", {"title": "A", "titel": "A"}),
    ("a number for text", {"title": 2025}),
    ("two lines", {"title": "a\nb"}),
    ("needless space", {"title": " a"}),
    ("the key", {"title": "A", "key": "a"}),
    ("a version in the id", {"title": "A", "identifiers": {"arxiv_id": "2504.04823v2"}}),
    ("a DOI with its resolver", {"title": "A", "identifiers": {"doi": "https://doi.org/10.1145/3"}}),
    ("a DOI in upper case", {"title": "A", "identifiers": {"doi": "10.1145/ABC"}}),
    ("no such date", {"title": "A", "dates": {"published": "2025-13"}}),
    ("no web address", {"title": "A", "links": {"code": ["javascript:alert(1)"]}}),
    ("an author without a name", {"title": "A", "authors": [{"orcid": "0000-0002-1825-0097"}]}),
    ("no such witness", {"title": "A", "labels": [{"branch": "a", "by": "me", "source": "me"}]}),
    ("no such state", {"title": "A", "review": {"state": "finished"}}),
    ("too sure", {"title": "A", "labels": [{"branch": "a", "by": "list", "source": "x", "confidence": 2}]}),
    ("no language", {"title": "A", "notes": [{"text": "a", "lang": "English"}]}),
    ("no kind of note", {"title": "A", "notes": [{"text": "a", "kind": "remark"}]}),
    ("a claim without id", {"title": "A", "claims": [{"statement": "It is faster."}]}),
    ("a relation without variant", {"title": "A", "claims": [CLAIM | {"relation": "lower"}]}),
    (
        "no margin",
        {"title": "A", "claims": [CLAIM | {"relation": "non_inferior", "variant": ARM}]},
    ),
    ("along nothing", {"title": "A", "claims": [CLAIM | {"relation": "monotone", "variant": ARM}]}),
    ("no contrast", {"title": "A", "claims": [CLAIM | {"relation": "larger_drop", "variant": ARM}]}),
    ("too many bits", {"title": "A", "claims": [CLAIM | {"variant": {"weight_bits": [64]}}]}),
    ("no unit", {"title": "A", "claims": [CLAIM | {"unit": "pct"}]}),
]


@pytest.mark.parametrize(("what", "data"), BAD, ids=[what for what, _ in BAD])
def test_bad_records_are_marked(what: str, data: dict[str, Any]) -> None:
    """What people get wrong most is wrong for the schema, and for the model too."""
    assert not accepts(data)
    assert not PAPER.is_valid(data)


def test_branches_and_words_are_listed_by_name() -> None:
    """With a taxonomy, a label's branch is one of it or one that leads to one; every branch is described."""
    text = (
        "facets: [{id: f, title: F, description: Where., branches: [{id: a, title: A, description: What.}]}]\n"
        "redirects: {old: a, older: nowhere}\n"
    )
    schema = schema_of("paper", taxonomy=parse_taxonomy(text, file="t"))
    branch = schema["definitions"]["Assignment"]["properties"]["branch"]
    assert branch["enum"] == ["a", "old"]
    assert branch["enumDescriptions"] == ["A. What.", "Now a: kb taxonomy migrate."]
    label = {"branch": "b", "by": "list", "source": "x"}
    validator = jsonschema.Draft7Validator(schema)
    assert not validator.is_valid({"title": "A", "labels": [label]})
    assert validator.is_valid({"title": "A", "labels": [label | {"branch": "old"}]})


def test_no_words_yet_forbid_none() -> None:
    """A knowledge base without a vocabulary does not mark every claim."""
    words = Vocabulary(sources={}, models={}, benchmarks={}, methods={})
    schema = schema_of("paper", taxonomy=load_taxonomy(REPO / "taxonomy.yaml"), words=words)
    jsonschema.Draft7Validator(schema).validate({"title": "A", "claims": [CLAIM | {"variant": ARM}]})


def test_a_record_of_every_field_passes() -> None:
    """The example of CONTRIBUTING's fields, read from YAML as an editor reads it."""
    parse_record("a", GOOD, file="f")
    PAPER.validate(parse_yaml(GOOD, file="f").data)
