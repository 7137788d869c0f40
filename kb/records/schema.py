"""JSON Schemas of the files that people edit, made from the models, so that an editor completes and checks while typing.

A schema is never stricter than the model it is made from: what it refuses, `kb check` refuses too. What it says of a field
stands in the docstring of the field's model, under "Attributes". Where a taxonomy and a vocabulary are given, branches,
methods, models and benchmarks are listed by name.

Draft 7, and not a newer one: it is what the YAML and TOML extensions of editors understand whole.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from kb.config import Settings
from kb.records.decisions import Decisions
from kb.records.models import Paper
from kb.records.results import Vocabulary
from kb.records.results_words import FILES
from kb.records.taxonomy import Taxonomy

MODELS: Mapping[str, type[BaseModel]] = {
    "paper": Paper,
    "decisions": Decisions,
    "taxonomy": Taxonomy,
    "kb": Settings,
    **FILES,
}
"""The name of every schema, and what it is made from."""

DRAFT = "http://json-schema.org/draft-07/schema#"
_ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


def schema_of(
    name: str, *, taxonomy: Taxonomy | None = None, words: Vocabulary | None = None
) -> dict[str, Any]:
    """The schema called `name`, one of `MODELS`.

    Args:
        taxonomy: if given, a label's branch is one of these, or one that leads to one of these.
        words: if given, a claim names methods, models and benchmarks of these.
    """
    model = MODELS[name]
    whole, definitions = schema_from(model)
    if name == "paper":
        del whole["properties"]["key"]
        whole["required"].remove("key")
        _name_words(definitions, taxonomy, words)
    made = f"Made by kb schema --write from {model.__module__.replace('.', '/')}.py; do not edit."
    return {
        "$schema": DRAFT,
        "$comment": made,
        **whole,
        "definitions": definitions,
    }


def schema_from(
    model: type[BaseModel], mode: Literal["validation", "serialization"] = "validation"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a model with what its docstrings say, and the definitions that it refers to.

    Args:
        mode: what the model reads, or what it writes.
    """
    whole = model.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Draft7, mode=mode)
    definitions: dict[str, Any] = whole.pop("$defs", {})
    if "$ref" in whole:  # a model that holds itself
        whole = definitions[whole["$ref"].rsplit("/", 1)[-1]]
    for each in (whole, *definitions.values()):
        _plainer(each)
    for defined, at in _models(model):
        _describe(at, definitions.get(defined, whole) if defined != model.__name__ else whole)
    return whole, definitions


def render_schema(schema: Mapping[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Draft7(GenerateJsonSchema):
    schema_dialect = DRAFT


def _plainer(schema: Any) -> None:
    """Take out, in place, what an editor would show for nothing: titles made of names, defaults that say "none"."""
    if isinstance(schema, list):
        for each in schema:
            _plainer(each)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if "default" in schema and not isinstance(schema["default"], str | int | float):
        del schema["default"]
    for keyword, value in schema.items():
        if keyword in {"properties", "patternProperties"}:
            for each in value.values():
                _plainer(each)
        elif keyword not in {"enum", "const", "default", "required"}:
            _plainer(value)


def _models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model that `model` is made of, itself included, each once."""
    found: dict[str, type[BaseModel]] = {}
    waiting = [model]
    while waiting:
        at = waiting.pop()
        if at.__name__ in found:
            continue
        found[at.__name__] = at
        for field in at.model_fields.values():
            waiting += models_in(field.annotation)
    return iter(found.items())


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field's type names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in getattr(annotation, "__args__", ()) for each in models_in(part)]


def _describe(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Put what the docstring of `model` says to the schema and its fields."""
    about, _, rest = (inspect.cleandoc(model.__doc__ or "")).partition("\nAttributes:\n")
    schema["description"] = _one_line(about)
    properties: dict[str, dict[str, Any]] = schema["properties"]
    for names, said in _attributes(inspect.cleandoc(rest)):
        for name in names:
            properties[name]["description"] = f"{said[0].upper()}{said[1:]}"


def _attributes(text: str) -> Iterator[tuple[list[str], str]]:
    """The fields that an "Attributes" section speaks of, and what it says."""
    names: list[str] = []
    said: list[str] = []
    for line in [*text.splitlines(), ""]:
        found = _ATTRIBUTE.match(line)
        if (found or not line) and names:
            yield names, _one_line(" ".join(said))
            names = []
        if found:
            names, said = found[1].split(", "), [found[2]]
        elif names:
            said.append(line)


def _one_line(text: str) -> str:
    """Paragraphs, each on one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).strip()


def _name_words(definitions: dict[str, Any], taxonomy: Taxonomy | None, words: Vocabulary | None) -> None:
    """List by name what a record may only name if it is there."""
    if taxonomy is not None:
        about = {id: f"{at.title}. {at.branch.description}" for id, at in taxonomy.branches.items()}
        for old in taxonomy.redirects:
            if old not in about and (now := taxonomy.final_branch(old)):
                about[old] = f"Now {now}: kb taxonomy migrate."
        branch = definitions["Assignment"]["properties"]["branch"]
        branch.pop("pattern")
        branch |= {"enum": list(about), "enumDescriptions": list(about.values())}
    if words is not None:
        methods = {*words.methods, *(method.family for method in words.methods.values())}
        for place, field, names in (
            ("Arm", "method", methods),
            ("Conditions", "model", {*words.models}),
            ("Conditions", "benchmark", {*words.benchmarks}),
        ):
            if names:
                items = definitions[place]["properties"][field]["items"]
                items.clear()
                items |= {"type": "string", "enum": sorted(names)}
