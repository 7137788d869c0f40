"""The schemas of a knowledge base under schema/: written by `kb schema --write`, held to the models by `kb check`.

Of files that people edit, and of what commands print for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kb.config import Config
from kb.pipeline.week_models import Week
from kb.records.files import write_all
from kb.records.results import Vocabulary
from kb.records.results_words import load_words
from kb.records.schema import DRAFT, MODELS, render_schema, schema_from, schema_of
from kb.records.taxonomy import Taxonomy, load_taxonomy

FOLDER = "schema"
OUTPUTS: Mapping[str, type[BaseModel]] = {"week": Week}
"""What commands print with --json, by the name of its schema."""
NAMES = (*MODELS, *OUTPUTS)


def schema_texts(
    config: Config, taxonomy: Taxonomy | None = None, words: Vocabulary | None = None
) -> dict[str, str]:
    """The text of every schema by name, with the branches and words of this knowledge base.

    Args:
        taxonomy, words: if they are read already.

    Raises:
        DataError: taxonomy.yaml or a vocabulary is wrong.
    """
    taxonomy = taxonomy or load_taxonomy(config.taxonomy_path)
    words = words or load_words(config.results_dir)
    files = {name: render_schema(schema_of(name, taxonomy=taxonomy, words=words)) for name in MODELS}
    return files | {name: render_schema(output_schema(model)) for name, model in OUTPUTS.items()}


def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what a command prints."""
    whole, definitions = schema_from(model, "serialization")
    made = f"Made by kb schema --write from {model.__module__.replace('.', '/')}.py; do not edit."
    return {"$schema": DRAFT, "$comment": made, **whole, "definitions": definitions}


def about(name: str) -> str:
    """What a schema is of, in one line."""
    found = schema_of(name) if name in MODELS else output_schema(OUTPUTS[name])
    return str(found["description"]).splitlines()[0]


def schema_path(config: Config, name: str) -> Path:
    return config.root / FOLDER / f"{name}.json"


def write_schemas(config: Config) -> int:
    """Write all schemas; returns how many changed.

    Raises:
        DataError: taxonomy.yaml or a vocabulary is wrong.
    """
    return write_all((schema_path(config, name), text) for name, text in schema_texts(config).items())
