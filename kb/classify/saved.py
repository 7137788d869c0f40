"""A trained classifier as two files: numbers in classifier.safetensors, what they mean in classifier.json.

No text of a paper is in them but titles: word counts are hashed, embeddings cannot be read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kb.classify.cues import Cues
from kb.classify.data import Example, Part
from kb.classify.heads import Head, Setting
from kb.classify.model import VERSION, Classifier
from kb.classify.ridge import Calibration
from kb.classify.table import Table, View
from kb.classify.text import Document, Sparse, inverse_frequency
from kb.errors import DataError

WEIGHTS = Path(__file__).parent / "weights"
NUMBERS, MEANING = "classifier.safetensors", "classifier.json"


def dump_classifier(classifier: Classifier) -> tuple[bytes, str]:
    """The two files."""
    from safetensors.numpy import save

    words = classifier.table.words
    arrays: dict[str, np.ndarray] = {
        "words.start": words.start.astype(np.int32),
        "words.columns": words.columns.astype(np.uint16),
        "words.values": words.values.astype(np.float16),
    }
    if classifier.table.vectors is not None:
        arrays["vectors"] = classifier.table.vectors.astype(np.float16)
    if classifier.table.cues is not None:
        arrays["cues"] = classifier.table.cues.astype(np.uint16)
    heads: dict[str, Any] = {}
    for view, found in classifier.heads.items():
        for name, head in found.items():
            place = f"{view.value}.{name}"
            arrays |= {
                f"{place}.rows": head.rows.astype(np.int32),
                f"{place}.alpha": head.alpha.astype(np.float32),
                f"{place}.left_out": head.left_out.astype(np.float32),
                f"{place}.labels": head.left_out_labels.astype(np.int16),
                f"{place}.offset": head.offset.astype(np.float32),
                f"{place}.bias": head.calibration.bias.astype(np.float32),
            }
            heads[place] = {
                "classes": list(head.classes),
                "scale": round(head.calibration.scale, 6),
                "ridge": head.setting.ridge,
                "silver": head.setting.silver,
            }
    meaning = {
        "version": VERSION,
        "model": classifier.model,
        "reliability": {name: round(value, 4) for name, value in classifier.reliability.items()},
        "cues": classifier.cues.phrases,
        "heads": heads,
        "facts": classifier.facts,
        "papers": [_paper(item) for item in classifier.items],
    }
    lines = [
        f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in meaning.items()
        if name != "papers"
    ]
    papers = ",\n".join(f"  {json.dumps(paper, ensure_ascii=False)}" for paper in meaning["papers"])  # type: ignore[union-attr]
    text = "{\n" + ",\n".join(lines) + ',\n "papers": [\n' + papers + "\n ]\n}\n"
    ordered = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    return save(ordered), text


def _paper(item: Example) -> dict[str, Any]:
    data = {
        "title": item.document.title,
        "arxiv_id": item.arxiv_id,
        "part": item.part.value,
        "direction": item.direction,
        "branches": list(item.branches),
        "stage": item.stage,
        "scope": item.scope,
        "weight": item.weight if item.weight != 1.0 else None,
    }
    return {name: value for name, value in data.items() if value not in (None, [])}


def load_classifier(folder: Path = WEIGHTS) -> Classifier:
    """The classifier in `folder`.

    Raises:
        DataError: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    fix = "run kb classify train --data DIR, or restore the files"
    try:
        arrays: Mapping[str, np.ndarray] = load((folder / NUMBERS).read_bytes())
        meaning = json.loads((folder / MEANING).read_text(encoding="utf-8"))
        if meaning["version"] != VERSION:
            raise DataError(
                f"was trained by version {meaning['version']}, this is {VERSION}",
                file=folder / MEANING,
                fix=fix,
            )
        return _assemble(arrays, meaning)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}", file=error.filename or folder, fix=fix
        ) from None
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"is damaged: {error}", file=folder / NUMBERS, fix=fix) from None


def _assemble(arrays: Mapping[str, np.ndarray], meaning: Mapping[str, Any]) -> Classifier:
    words = Sparse(
        arrays["words.start"].astype(np.int64),
        arrays["words.columns"].astype(np.int64),
        arrays["words.values"].astype(np.float64),
    )
    vectors = arrays["vectors"].astype(np.float32) if "vectors" in arrays else None
    cues = Cues(meaning["cues"])
    heads: dict[View, dict[str, Head]] = {view: {} for view in View}
    for place, facts in meaning["heads"].items():
        view, name = View(place.split(".")[0]), place.split(".")[1]
        heads[view][name] = Head(
            name=name,
            view=view,
            classes=tuple(facts["classes"]),
            rows=arrays[f"{place}.rows"].astype(np.int64),
            alpha=arrays[f"{place}.alpha"].astype(np.float64),
            offset=arrays[f"{place}.offset"].astype(np.float64),
            left_out=arrays[f"{place}.left_out"].astype(np.float64),
            left_out_labels=arrays[f"{place}.labels"].astype(np.int64),
            calibration=Calibration(float(facts["scale"]), arrays[f"{place}.bias"].astype(np.float64)),
            setting=Setting(float(facts["ridge"]), float(facts["silver"])),
        )
    items = tuple(
        Example(
            document=Document(paper["title"]),
            part=Part(paper["part"]),
            arxiv_id=paper.get("arxiv_id"),
            direction=paper.get("direction"),
            branches=tuple(paper.get("branches", ())),
            stage=paper.get("stage"),
            scope=paper.get("scope"),
            weight=paper.get("weight", 1.0),
        )
        for paper in meaning["papers"]
    )
    if len(items) != len(words):
        raise ValueError("the two files do not belong together")
    return Classifier(
        table=Table(words, vectors, arrays["cues"].astype(np.float64), cues.branches)
        if "cues" in arrays
        else Table(words, vectors),
        items=items,
        idf=inverse_frequency(words),
        heads=heads,
        cues=cues,
        model=meaning["model"],
        reliability=meaning["reliability"],
        facts=meaning["facts"],
    )
