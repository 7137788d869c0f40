"""What the classifier said is kept exactly, and only as long as everything that decided it is the same."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kb.classify.cache import ByteCache
from kb.classify.predict import Prediction, dump_prediction, parse_prediction
from kb.classify.remember import PredictionCache
from kb.classify.text import Document
from kb.errors import KbError
from tests.classify.invent import FakeEmbedder, sentence, trained

_RNG = random.Random(11)
DOCUMENTS = [
    *(Document(sentence(kind, _RNG, 8), sentence(kind, _RNG, 40)) for kind in ("shorter", "smaller", "out")),
    Document(sentence("faster", _RNG, 8), filed=("faster", "shorter/rl")),
    Document("一种高效的推理方法", "本文"),
    Document("\ud800 half a letter", "tokens", id="x"),
    Document(),
]


def _predictions(documents: list[Document]) -> list[Prediction]:
    vectors = FakeEmbedder().encode([document.text for document in documents])
    return trained().predict(documents, vectors)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    """What the classifier is said to be made of."""
    for name in ("weights", "taxonomy.yaml"):
        (tmp_path / name).write_text(name)
    return tmp_path / "weights", tmp_path / "taxonomy.yaml"


def _rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT count(*) FROM prediction").fetchone()
        return int(count)


def test_a_prediction_is_read_back_digit_for_digit() -> None:
    for prediction in _predictions(DOCUMENTS):
        assert parse_prediction(dump_prediction(prediction)) == prediction
    assert any(prediction.near for prediction in _predictions(DOCUMENTS))


def test_what_was_kept_comes_back_exactly_and_with_the_id_of_who_asks(
    tmp_path: Path, files: tuple[Path, ...]
) -> None:
    said = _predictions(DOCUMENTS)
    PredictionCache(tmp_path / "p.sqlite", files).write(DOCUMENTS, "fake", ["a"], said)
    again = PredictionCache(tmp_path / "p.sqlite", files)
    assert again.read(DOCUMENTS, "fake", ["a"]) == said
    (other,) = again.read([replace(DOCUMENTS[0], id="mine")], "fake", ["a"])
    assert other == replace(said[0], id="mine")


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Another title"},
        {"abstract": "Another abstract"},
        {"filed": ("smaller",)},
        {"arxiv_id": "2501.00001"},
    ],
    ids=str,
)
def test_another_text_or_other_lists_are_another_question(
    tmp_path: Path, files: tuple[Path, ...], changed: dict[str, Any]
) -> None:
    cache = PredictionCache(tmp_path / "p.sqlite", files)
    cache.write(DOCUMENTS[:1], "fake", ["a"], _predictions(DOCUMENTS[:1]))
    assert cache.read([replace(DOCUMENTS[0], **changed)], "fake", ["a"]) == [None]


def test_another_model_words_alone_and_other_names_of_records_are_other_questions(
    tmp_path: Path, files: tuple[Path, ...]
) -> None:
    cache = PredictionCache(tmp_path / "p.sqlite", files)
    cache.write(DOCUMENTS[:1], "fake", ["a"], _predictions(DOCUMENTS[:1]))
    assert cache.read(DOCUMENTS[:1], "other", ["a"]) == [None]
    assert cache.read(DOCUMENTS[:1], None, ["a"]) == [None]
    assert cache.read(DOCUMENTS[:1], "fake", ["b"]) == [None]
    assert cache.read(DOCUMENTS[:1], "fake", ["a"]) != [None]


@pytest.mark.parametrize("which", [0, 1], ids=["weights", "taxonomy"])
def test_other_weights_and_another_taxonomy_forget_everything_and_the_file_does_not_grow(
    tmp_path: Path, files: tuple[Path, ...], which: int
) -> None:
    said = _predictions(DOCUMENTS)
    PredictionCache(tmp_path / "p.sqlite", files).write(DOCUMENTS, "fake", [], said)
    assert _rows(tmp_path / "p.sqlite") == len(DOCUMENTS)
    files[which].write_text("changed")
    cache = PredictionCache(tmp_path / "p.sqlite", files)
    assert cache.read(DOCUMENTS, "fake", []) == [None] * len(DOCUMENTS)
    cache.write(DOCUMENTS[:2], "fake", [], said[:2])
    assert _rows(tmp_path / "p.sqlite") == 2


def test_other_names_of_records_replace_what_was_kept_of_the_same_papers(
    tmp_path: Path, files: tuple[Path, ...]
) -> None:
    cache = PredictionCache(tmp_path / "p.sqlite", files)
    for names in (["a"], ["b"], ["c"]):
        cache.write(DOCUMENTS, "fake", names, _predictions(DOCUMENTS))
    assert _rows(tmp_path / "p.sqlite") == len(DOCUMENTS)


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE prediction (one TEXT, two TEXT, three TEXT)")
        database.execute("PRAGMA user_version = 7")


def _of_another_shape(path: Path) -> None:
    """The right columns, but rows that no prediction can be read from."""
    with closing(sqlite3.connect(path)) as database, database:
        for row in database.execute("SELECT key, value FROM prediction").fetchall():
            database.execute("UPDATE prediction SET value = ? WHERE key = ?", (row[1][:16] + b"[1]", row[0]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"this is not a database, and never was one" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        _foreign,
        _of_another_shape,
    ],
    ids=["no database", "cut off", "another program's", "rows of another shape"],
)
def test_a_damaged_or_foreign_file_is_as_good_as_none_and_is_made_anew(
    tmp_path: Path, files: tuple[Path, ...], spoil: Callable[[Path], object]
) -> None:
    path, said = tmp_path / "p.sqlite", _predictions(DOCUMENTS)
    PredictionCache(path, files).write(DOCUMENTS, "fake", [], said)
    spoil(path)
    cache = PredictionCache(path, files)
    assert cache.read(DOCUMENTS, "fake", []) == [None] * len(DOCUMENTS)
    cache.write(DOCUMENTS, "fake", [], said)
    assert cache.read(DOCUMENTS, "fake", []) == said


def test_where_nothing_can_be_kept_nothing_fails(tmp_path: Path, files: tuple[Path, ...]) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = PredictionCache(tmp_path / "file" / "p.sqlite", files)
    cache.write(DOCUMENTS, "fake", [], _predictions(DOCUMENTS))
    assert cache.read(DOCUMENTS, "fake", []) == [None] * len(DOCUMENTS)


def test_bytes_that_cannot_be_kept_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(KbError, match=r"folder\.sqlite.*cannot be written"):
        ByteCache(tmp_path / "folder.sqlite", "t").write({b"a": b"b"})
