"""A second run over the same papers asks neither the model nor the heads, and nobody can tell the difference."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from kb.classify.model import LABEL_SOURCE
from kb.classify.predict import Prediction
from kb.classify.saved import MEANING, NUMBERS, dump_classifier
from kb.classify.text import Document
from kb.config import Config, load_config
from kb.pipeline.voice import WORDS_ONLY, Voice, open_voice
from tests.classify.invent import TAXONOMY, BrokenEmbedder, FakeEmbedder, sentence, trained

_RNG = random.Random(5)
PAPERS = [
    Document(sentence(kind, _RNG, 8), sentence(kind, _RNG, 40), id=f"{kind} {i}")
    for i in range(4)
    for kind in ("shorter", "smaller", "faster")
]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A knowledge base without records, with weights of its own."""
    root = tmp_path / "kb"
    (root / "weights").mkdir(parents=True)
    (root / "kb.toml").write_text('[classify]\nmodel = "fake"\nweights = "weights"\n')
    shutil.copy(TAXONOMY, root / "taxonomy.yaml")
    numbers, meaning = dump_classifier(trained())
    (root / "weights" / NUMBERS).write_bytes(numbers)
    (root / "weights" / MEANING).write_text(meaning, encoding="utf-8")
    return load_config(root, {})


def _fresh(config: Config, documents: list[Document], *, words_only: bool = False) -> list[Prediction]:
    """What a classifier without a memory says."""
    voice = open_voice(config, embedder=FakeEmbedder(), words_only=words_only)
    return Voice(voice.classifier, voice.embedder).predict(documents)


def _asked(config: Config, documents: list[Document]) -> tuple[list[Prediction], int]:
    """What a new process says, and how many texts it embedded."""
    embedder = FakeEmbedder()
    return open_voice(config, embedder=embedder).predict(documents), embedder.texts


def test_a_second_run_embeds_nothing_and_says_exactly_the_same(config: Config) -> None:
    first, embedded = _asked(config, PAPERS)
    assert embedded == len(PAPERS)
    assert first == _fresh(config, PAPERS)
    again, embedded = _asked(config, PAPERS)
    assert embedded == 0
    assert again == first


def test_only_papers_that_are_new_or_changed_are_predicted_and_the_order_stays(config: Config) -> None:
    _asked(config, PAPERS[2:8])
    changed = [Document("Birdsong of the galaxy", id="new"), *PAPERS, Document(PAPERS[3].title)]
    found, embedded = _asked(config, changed)
    assert embedded == len(changed) - 6
    assert [prediction.id for prediction in found] == [document.id for document in changed]
    fresh = _fresh(config, changed)
    assert [p.facets["direction"].branch for p in found] == [p.facets["direction"].branch for p in fresh]
    assert [p.relevance for p in found] == pytest.approx([p.relevance for p in fresh])


def test_a_renamed_branch_is_named_anew_at_once(config: Config) -> None:
    old, _ = _asked(config, PAPERS)
    assert any(p.facets["direction"].branch == "smaller" for p in old)
    text = config.taxonomy_path.read_text("utf-8")
    config.taxonomy_path.write_text(
        text.replace("id: smaller\n", "id: leaner\n") + "\nredirects:\n  smaller: leaner\n", encoding="utf-8"
    )
    new, _ = _asked(config, PAPERS)
    assert any(p.facets["direction"].branch == "leaner" for p in new)
    assert not any(p.facets["direction"].branch == "smaller" for p in new)
    assert new == _fresh(config, PAPERS)


def test_other_weights_speak_at_once(config: Config) -> None:
    old, _ = _asked(config, PAPERS)
    path = config.root / "weights" / MEANING
    meaning = json.loads(path.read_text("utf-8"))
    meaning["heads"]["words.relevance"]["scale"] *= 2
    path.write_text(json.dumps(meaning), encoding="utf-8")
    new, _ = _asked(config, PAPERS)
    assert [p.relevance for p in new] != [p.relevance for p in old]
    assert new == _fresh(config, PAPERS)


def test_evidence_names_records_as_they_are_called_now(config: Config) -> None:
    voice = open_voice(config, embedder=FakeEmbedder())
    (near,) = {p.near[0] for p in voice.predict(PAPERS[:1])}
    assert near.key is None
    named = open_voice(config, embedder=FakeEmbedder()).predict(
        PAPERS[:1], {f"arxiv:{near.arxiv_id}": "almeida2025"}
    )
    assert named[0].near[0].key == "almeida2025"
    assert any("almeida2025" in line for line in named[0].facets["direction"].evidence)


def test_a_model_that_cannot_be_loaded_leaves_all_papers_to_words_and_spoils_nothing_that_is_kept(
    config: Config,
) -> None:
    first, _ = _asked(config, PAPERS[:6])
    voice = open_voice(config, embedder=BrokenEmbedder())
    assert voice.predict(PAPERS[:6]) == first  # nothing has to be embedded: the model is not missed
    assert (voice.notices, voice.source) == ([], LABEL_SOURCE)
    assert voice.predict(PAPERS) == _fresh(config, PAPERS, words_only=True)
    assert voice.source == WORDS_ONLY
    (notice,) = voice.notices
    assert "cannot be loaded" in notice
    assert open_voice(config, words_only=True).predict(PAPERS) == voice.predict(PAPERS)
    assert _asked(config, PAPERS[:6]) == (first, 0)
