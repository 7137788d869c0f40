"""A small vocabulary of reported results, and files written in it."""

from __future__ import annotations

from pathlib import Path

WORDS = {
    "models": """\
models:
  - {name: Tiny-7B, aliases: [lab/Tiny-7B], family: Tiny, origin: distilled, size_b: 7}
  - {name: Tiny-32B, family: Tiny, origin: rl, size_b: 32}
""",
    "benchmarks": """\
benchmarks:
  - {name: Quiz, aliases: [Quiz 100], kind: math, difficulty: 2, items: 100}
  - {name: Olympiad, aliases: [Olympiad 24], kind: math, difficulty: 5, items: 30}
  - {name: Essay, kind: other}
  - {name: Mean of two, aliases: ["Avg(Quiz;Olympiad)"], kind: other, mean_of: [Quiz, Olympiad]}
""",
    "methods": """\
methods:
  - {name: none, title: Full precision, aliases: [BF16], family: none, kind: none, weight_bits: {min: 16}}
  - {name: gptq, title: GPTQ, aliases: ["GPTQ INT4 (tool)"], family: weight-rounding, kind: post_training, act_bits: {min: 16}}
  - {name: awq, title: AWQ, family: weight-rounding, kind: post_training}
  - {name: kvquant, title: KVQuant, aliases: ["KVQuant*"], family: kv-cache, kind: post_training}
""",
    "sources": """\
sources:
  - {id: the-card, kind: model_card, title: A card, aliases: ["none:card", "hub:lab/"]}
""",
}
HEADER = "model,method,variant,weight_bits,act_bits,kv_bits,benchmark,score,baseline_score,spread,seeds,place,certainty,note"


def write_words(folder: Path, **texts: str) -> Path:
    """The vocabulary in `folder`; `texts` replace files of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in {**WORDS, **texts}.items():
        (folder / f"_{kind}.yaml").write_text(text, encoding="utf-8")
    return folder


def write_rows(folder: Path, source: str, *lines: str, header: str = HEADER) -> Path:
    """A file of rows."""
    path = folder / f"{source}.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def line(
    method: str = "gptq",
    bits: tuple[float, float, float] = (4, 16, 16),
    benchmark: str = "Quiz",
    score: object = 41,
    baseline: object = "",
    *,
    model: str = "Tiny-7B",
    variant: str = "",
    spread: object = "",
    seeds: object = "",
    place: str = "",
    certainty: str = "",
    note: str = "",
) -> str:
    """One row, in the order of HEADER."""
    w, a, kv = bits
    cells = (
        model,
        method,
        variant,
        w,
        a,
        kv,
        benchmark,
        score,
        baseline,
        spread,
        seeds,
        place,
        certainty,
        note,
    )
    return ",".join(str(cell) for cell in cells)
