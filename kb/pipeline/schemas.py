"""The schemas of a knowledge base under schema/: written by `kb schema --write`, held to the models by `kb check`."""

from __future__ import annotations

from pathlib import Path

from kb.config import Config
from kb.records.files import write_all
from kb.records.results import Vocabulary
from kb.records.results_words import load_words
from kb.records.schema import MODELS, render_schema, schema_of
from kb.records.taxonomy import Taxonomy, load_taxonomy

FOLDER = "schema"


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
    return {name: render_schema(schema_of(name, taxonomy=taxonomy, words=words)) for name in MODELS}


def schema_path(config: Config, name: str) -> Path:
    return config.root / FOLDER / f"{name}.json"


def write_schemas(config: Config) -> int:
    """Write all schemas; returns how many changed.

    Raises:
        DataError: taxonomy.yaml or a vocabulary is wrong.
    """
    return write_all((schema_path(config, name), text) for name, text in schema_texts(config).items())
