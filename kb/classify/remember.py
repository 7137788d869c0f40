"""Predictions kept on disk, each by everything that decides it: a second run over the same papers asks no head.

What decides a prediction: the weights and the taxonomy (their files), this package's code, the paper as it is read, the
lists that file it, whether an embedding was heard and of which model, and the records that evidence is named by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from kb import text
from kb.classify.cache import ByteCache
from kb.classify.predict import Prediction, dump_prediction, parse_prediction
from kb.classify.text import Document
from kb.errors import KbError

_MARK = 16


class PredictionCache:
    """What one classifier said of papers. What another one said is dropped as soon as this one speaks.

    Args:
        path: the SQLite file; it may be deleted.
        files: what the classifier was made of: its weights, the taxonomy.
    """

    def __init__(self, path: Path, files: Iterable[Path]) -> None:
        self._made_of = _digest(np.__version__.encode(), *(file.read_bytes() for file in (*files, *_code())))
        self._kept = ByteCache(path, "prediction", int.from_bytes(self._made_of[:4], "big") >> 1)

    def read(
        self, documents: Sequence[Document], model: str | None, records: Sequence[str | None]
    ) -> list[Prediction | None]:
        """What is known of each document.

        Args:
            model: whose embeddings are heard; None for words alone.
            records: what the papers that may be named as evidence are called.
        """
        keys = [_key(document, model) for document in documents]
        rows, mark = self._kept.read(keys), self._mark(records)
        return [_parsed(rows.get(key), mark, each) for key, each in zip(keys, documents, strict=True)]

    def write(
        self,
        documents: Sequence[Document],
        model: str | None,
        records: Sequence[str | None],
        predictions: Sequence[Prediction],
    ) -> None:
        """Keep them; where that cannot be, the next run is slower, and that is all."""
        mark = self._mark(records)
        rows = {
            _key(document, model): mark + dump_prediction(prediction).encode("utf-8", "surrogatepass")
            for document, prediction in zip(documents, predictions, strict=True)
        }
        with suppress(KbError):
            self._kept.write(rows)

    def _mark(self, records: Sequence[str | None]) -> bytes:
        return _digest(self._made_of, json.dumps(records).encode())


def _parsed(row: bytes | None, mark: bytes, document: Document) -> Prediction | None:
    if row is None or row[:_MARK] != mark:
        return None
    try:
        prediction = parse_prediction(row[_MARK:].decode("utf-8", "surrogatepass"))
    except (ValueError, TypeError):
        return None
    return replace(prediction, id=document.id)


def _key(document: Document, model: str | None) -> bytes:
    parts = (model, document.title, document.abstract, document.arxiv_id, document.filed)
    return _digest(json.dumps(parts).encode())


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=_MARK)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _code() -> list[Path]:
    return [*sorted(Path(__file__).parent.glob("*.py")), Path(text.__file__)]
