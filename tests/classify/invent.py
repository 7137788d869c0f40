"""Invented labelled papers, an embedder without a model, and the data files of a training, all in a few lines."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kb.classify.cues import cues_of
from kb.classify.data import Example, Part, RawRows, examples, of_taxonomy
from kb.classify.embed import Embedder, EmbedderError, Progress
from kb.classify.model import Classifier
from kb.classify.training import train
from kb.records.taxonomy import Taxonomy, load_taxonomy

TAXONOMY = Path(__file__).parents[2] / "taxonomy.yaml"
_COMMON = "language models answer tasks with steps that cost time and this work studies how much of it is needed".split()
_WORDS = {
    "shorter": "concise length penalty overthinking verbose brevity tokens shortened".split(),
    "smaller": "quantization weights pruned student distilled bits parameters compact".split(),
    "faster": "decoding latency speculative sampling throughput parallel cache search".split(),
    "out": "birdsong protein weather traffic galaxy robot soil market".split(),
}
_HEADINGS = {
    "shorter": ("Make Long CoT Short > RL-based Methods", "Make Long CoT Short > SFT-based Methods"),
    "smaller": (
        "Build SLM with Strong Reasoning Ability > Distillation",
        "Build SLM with Strong Reasoning Ability > Quantization",
    ),
    "faster": ("Let Decoding More Efficient > Efficient TTS", "KV Cache Compression"),
}


class FakeEmbedder:
    """A vector for each text: its words' random directions, added. `texts` counts what it was asked for."""

    def __init__(self, name: str = "fake") -> None:
        self._name = name
        self.texts = 0

    @property
    def name(self) -> str:
        return self._name

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        self.texts += len(texts)
        rows = [_direction(text) for text in texts]
        if progress is not None:
            progress(len(texts), len(texts))
        return np.array(rows, dtype=np.float32).reshape(len(texts), 48 if texts else 0)


def _direction(text: str) -> np.ndarray:
    total = np.full(48, 1e-3)
    for word in text.lower().split():
        total += np.random.default_rng(zlib.crc32(word.encode())).normal(size=48)
    return total / np.linalg.norm(total)


class BrokenEmbedder(FakeEmbedder):
    """A model that cannot be loaded."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        raise EmbedderError("the model fake cannot be loaded: no such file", fix="install it")


def sentence(kind: str, rng: random.Random, words: int = 24) -> str:
    return " ".join(
        rng.choice(_WORDS[kind]) if rng.random() < 0.45 else rng.choice(_COMMON) for _ in range(words)
    )


def raw(size: int = 18, seed: int = 0) -> RawRows:
    """`size` papers of each direction, and as many of the rest."""
    rng = random.Random(seed)
    rows = RawRows()
    number = 0
    for direction, headings in _HEADINGS.items():
        for i in range(size):
            number += 1
            heading = headings[i % 2]
            title = f"{sentence(direction, rng, 5)} number {number}"
            said = [{"source_list": "a/list", "subcategory": heading, "direction": direction}]
            if i % 3 == 0:
                said.append({"source_list": "b/list", "subcategory": heading, "direction": direction})
            identifier = f"2501.{number:05d}"
            rows.gold.append(
                {
                    "title": title,
                    "arxiv_id": identifier,
                    "direction": direction,
                    "subcategory": heading,
                    "source_list": "a/list",
                    "label_tier": "gold",
                    "conflict": False,
                    "labels": said,
                }
            )
            rows.metadata.append(_meta(identifier, title, sentence(direction, rng, 60)))
        rows.silver += [
            {
                "title": f"{sentence(direction, rng, 5)} neighbour {i}",
                "direction": direction,
                "subcategory": "Quantization" if direction == "smaller" else "Other",
                "source_list": "c/list",
                "label_tier": "silver",
            }
            for i in range(size // 3)
        ]
    for i in range(size):
        rows.inscope.append(
            {
                "title": f"a survey {sentence('shorter', rng, 5)} {i}",
                "subcategory": "Survey",
                "source_list": "a/list",
            }
        )
    for i in range(2 * size):
        title = f"{sentence('out', rng, 6)} {i}"
        rows.background.append(_meta(f"2502.{i:05d}", title, sentence("out", rng, 60)) | {"stratum": "easy"})
    return rows


def _meta(identifier: str, title: str, abstract: str) -> dict[str, Any]:
    return {"arxiv_id": identifier, "title": title, "abstract": abstract, "announced": "2025-02-01"}


def write_data(folder: Path, rows: RawRows) -> Path:
    """The files that `kb classify train --data` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (
        ("gold_labels_dev", rows.gold),
        ("inscope_other_dev", rows.inscope),
        ("silver_labels_dev", rows.silver),
        ("background_dev", rows.background),
        ("arxiv_metadata_dev", rows.metadata),
    ):
        text = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


@cache
def taxonomy() -> Taxonomy:
    return load_taxonomy(TAXONOMY)


@cache
def corpus() -> tuple[Example, ...]:
    return (*examples(raw(), taxonomy()), *of_taxonomy(taxonomy()))


@cache
def trained() -> Classifier:
    """A classifier of the invented papers, with embeddings."""
    items = corpus()
    return train(items, vectors_of(items), cues_of(taxonomy()), model="fake", reliability={"direction": 0.9})


def vectors_of(items: Sequence[Example], embedder: Embedder | None = None) -> np.ndarray:
    return (embedder or FakeEmbedder()).encode([item.document.text for item in items])


def gold(items: Sequence[Example]) -> list[Example]:
    return [item for item in items if item.part is Part.GOLD]
