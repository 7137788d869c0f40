"""Tokens per second of kb's transformers engine, against `generate` one by one and against lm-evaluation-harness.

And how long `kb eval run --quick` takes from its start to its end, and what a second worker is worth to a sweep.

    python -m benchmarks.eval_engine [--model reference --model smollm2] [--lm-eval-python PATH] [--repeats 3]
    python -m benchmarks.eval_engine --part quick --part sweep

Run it from the repository, on a machine that does nothing else. Without `--part` it does all three parts; the others'
results are kept.

**engine.** Each contender is a process of its own with the same checkpoint, prompts, greedy decoding, number type, threads and (but
for one by one) batch size; generation alone is timed, after a warm-up.

lm-evaluation-harness (0.4.13 was measured) wants some packages that kb does not; give it an environment of its own and
name its Python: `python -m venv lm && lm/bin/pip install torch==2.13.0 lm_eval==0.4.13 accelerate`, and the version of
transformers that kb has here, so that libraries do not differ. Its `--model hf` is the
class `HFLM`, which is called here on requests made by hand: no task of it is downloaded. Without `--lm-eval-python` it
is left out.

How often an answer depends on the batch is measured, too: in float32 the answers of each batch size are held against
those of a batch of one.

**quick, sweep.** The commands as a user gives them, start of the program included; the sweep makes the same grid with one
worker and with two, and its results must be the same.

It prints the results and writes them to benchmarks/eval_engine.json and benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kb.pipeline.figures import readme_with_figures

REPO = Path(__file__).parents[1]
JSON = REPO / "benchmarks" / "eval_engine.json"
PARTS = ("engine", "quick", "sweep")
_LABELS = {
    "generate": "`model.generate`, one by one",
    "lm_eval": "lm-evaluation-harness, `--model hf`",
    "kb": "kb",
}

# Each reads a job from its standard input and writes one line of JSON: seconds, and ids or texts by prompt.
_COMMON = """
import json, sys, time
job = json.load(sys.stdin)
import torch
torch.set_num_threads(job["threads"])
"""
_KB = """
from kb.harness.engines.transformers import TransformersEngine, TransformersOptions
from kb.harness.models import load_model, resolve_model
from kb.harness.types import Decoding, Request
loaded = load_model(resolve_model(job["folder"]))
engine = TransformersEngine(loaded, TransformersOptions(batch_size=job["batch_size"]))
requests = [Request(at, prompt) for at, prompt in enumerate(job["prompts"])]
list(engine.generate(requests[:2], Decoding(max_new_tokens=4)))
start, used = time.perf_counter(), time.process_time()
done = {r.index: c for r, c in engine.generate(requests, Decoding(max_new_tokens=job["tokens"]))}
seconds, used = time.perf_counter() - start, time.process_time() - used
texts = [done[at].text for at in range(len(requests))]
lengths = [done[at].tokens for at in range(len(requests))]
print(json.dumps({"seconds": seconds, "cpu_s": used, "texts": texts, "lengths": lengths}))
"""
_GENERATE = """
from kb.harness.models import load_model, resolve_model
loaded = load_model(resolve_model(job["folder"]))
def one(prompt, tokens):
    ids = torch.tensor([loaded.encode(prompt)])
    made = loaded.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    return made[0, ids.shape[1]:]
one(job["prompts"][0], 4)
start, used = time.perf_counter(), time.process_time()
texts, lengths = [], []
for prompt in job["prompts"]:
    ids = one(prompt, job["tokens"])
    texts.append(loaded.tokenizer.decode(ids, skip_special_tokens=True))
    lengths.append(len(ids))
seconds, used = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "cpu_s": used, "texts": texts, "lengths": lengths}))
"""
_LM_EVAL = """
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
model = HFLM(pretrained=job["folder"], dtype="float32", device="cpu", batch_size=job["batch_size"])
def instances(prompts, tokens):
    settings = {"until": [], "max_gen_toks": tokens, "do_sample": False, "temperature": 0.0}
    return [Instance("generate_until", {}, (prompt, settings), at) for at, prompt in enumerate(prompts)]
model.generate_until(instances(job["prompts"][:2], 4), disable_tqdm=True)
start, used = time.perf_counter(), time.process_time()
texts = model.generate_until(instances(job["prompts"], job["tokens"]), disable_tqdm=True)
seconds, used = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "cpu_s": used, "texts": texts, "lengths": []}))
"""


def measured(program: str, job: dict[str, Any], python: str = sys.executable) -> dict[str, Any]:
    env = os.environ | {
        "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": str(job["threads"]), "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    done = subprocess.run(
        [python, "-c", _COMMON + program],
        env=env,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-1000:] + done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def prompts_of(model: str, n: int) -> list[str]:
    """Questions whose answers differ in length: chains of 2 to 16 steps, or what a small chat model makes of a task."""
    from kb.harness.tasks.chain import ChainTask

    chains = ChainTask(steps=(2, 4, 6, 8, 10, 12, 14, 16))
    if Path(model).name != "smollm2":
        return [sample.prompt for sample in chains.samples(n, seed=5)]
    asks = (
        "What is {a} plus {b}? Answer with the number only.",
        "Name {a} divided by 10, rounded, and nothing else.",
        "Is {a} larger than {b}? Answer yes or no.",
        "Count from {a} to {b}.",
        "Ann has {a} apples and Bob has {b}. How many do they have together? Think step by step.",
        "Write a story of two sentences about {a} birds.",
        "Explain how to compute {a} times {b} by hand.",
        "List {c} fruits, one a line.",
    )
    return [
        f"<|im_start|>user\n{asks[at % 8].format(a=11 + at, b=29 + 2 * at, c=2 + at % 7)}<|im_end|>\n"
        "<|im_start|>assistant\n"
        for at in range(n)
    ]


def checkpoint(model: str, folder: Path) -> Path:
    """A folder that all contenders can load."""
    from kb.harness.models import load_model, resolve_model

    if model == "random":
        from tests.harness.checkpoints import save_tiny

        shape = {
            "hidden_size": 256,
            "intermediate_size": 688,
            "num_hidden_layers": 6,
            "num_key_value_heads": 4,
        }
        made = save_tiny(folder / "random", 1, eos_token_id=[0, 5, 13], max_position_embeddings=1024, **shape)
        model = str(made)
    loaded = load_model(resolve_model(model))
    # What ends an answer is no part of its text, with any contender; and lm-evaluation-harness wants one end token.
    ends = loaded.tokenizer.convert_ids_to_tokens(sorted(loaded.end_ids))
    loaded.tokenizer.add_special_tokens({"eos_token": ends[0], "extra_special_tokens": ends})
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def measure(model: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kb-benchmark-") as temporary:
        job: dict[str, Any] = {
            "folder": str(checkpoint(model, Path(temporary) / "model")),
            "prompts": prompts_of(model, options.samples),
            "tokens": options.tokens,
            "threads": options.threads,
            "batch_size": options.batch_size,
        }
        rounds: list[dict[str, dict[str, Any]]] = []
        for at in range(options.repeats):
            contenders = {"kb": measured(_KB, job)}
            if options.lm_eval_python:
                contenders["lm_eval"] = measured(_LM_EVAL, job, options.lm_eval_python)
            if at == 0 and not options.brief:  # by far the slowest
                contenders["generate"] = measured(_GENERATE, job)
            rounds.append(contenders)
            for name, found in contenders.items():
                sys.stderr.write(
                    f"{model}, round {at + 1}, {name}: {found['seconds']:.1f} s, {found['cpu_s']:.1f} s\n"
                )
        first = rounds[0]
        lengths = first["kb"]["lengths"]
        result: dict[str, Any] = {
            "model": model,
            "generated_tokens": sum(lengths),
            "lengths": {
                "shortest": min(lengths),
                "median": statistics.median(lengths),
                "longest": max(lengths),
            },
            "runs": {},
        }
        for name in _LABELS:
            each = [one[name]["seconds"] for one in rounds if name in one]
            if each:
                seconds = statistics.median(each)
                result["runs"][name] = {
                    "seconds": round(seconds, 3),
                    "seconds_all": [round(one, 3) for one in each],
                    "cpu_s": round(statistics.median(one[name]["cpu_s"] for one in rounds if name in one), 3),
                    "tokens_per_second": round(sum(lengths) / seconds, 1),
                    "same_answers_as_kb": share(first[name]["texts"], first["kb"]["texts"]),
                }
        for row in result["runs"].values():
            for key in ("seconds", "cpu_s"):
                row[f"times_kb_{key}"] = round(row[key] / result["runs"]["kb"][key], 2)
        if options.brief:
            return result
        alone = measured(_KB, job | {"batch_size": 1})["texts"]
        result["differ_from_batch_of_one"] = {
            size: sum(
                a != b for a, b in zip(alone, measured(_KB, job | {"batch_size": size})["texts"], strict=True)
            )
            for size in (2, 8, options.batch_size)
        }
        return result


# The commands

GRID = {
    "model": ["reference/seed0", "reference/seed1"],
    "task": {"name": "chain"},
    "n": 400,
    "quantizer": ["none", *({"method": "rtn", "bits": bits, "group_size": 32} for bits in (4, 3, 2))],
    "baseline": "full",
    "decoding": {"max_new_tokens": 160},
    "engine": {"name": "transformers", "batch_size": 64},
}
"""Two cells that others are held against, then six: each of two workers has the same to do."""


def command(*words: str) -> dict[str, float]:
    """Seconds on the clock and of processors, the processes that it starts included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "kb", *words],
        cwd=REPO,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout[-1000:] + done.stderr[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def timed(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """The median of several rounds."""
    return {
        "seconds": round(statistics.median(one["seconds"] for one in rounds), 1),
        "seconds_all": [round(one["seconds"], 1) for one in rounds],
        "cpu_s": round(statistics.median(one["cpu_s"] for one in rounds), 1),
    }


def measure_quick(repeats: int) -> dict[str, Any]:
    rounds = []
    for at in range(repeats):
        with tempfile.TemporaryDirectory(prefix="kb-benchmark-") as out:
            rounds.append(command("eval", "run", "--quick", "--out", out))
            runs = len(list(Path(out).glob("*/manifest.json")))
        sys.stderr.write(f"quick, round {at + 1}: {rounds[-1]['seconds']:.1f} s\n")
    return timed(rounds) | {"runs": runs}


def measure_sweep(repeats: int) -> dict[str, Any]:
    rounds: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    results = []
    for at in range(repeats):
        for workers, times in rounds.items():
            with tempfile.TemporaryDirectory(prefix="kb-benchmark-") as out:
                grid = Path(out) / "grid.yaml"
                grid.write_text(json.dumps(GRID), encoding="utf-8")  # JSON is YAML
                times.append(
                    command("eval", "sweep", str(grid), "--workers", str(workers), "--out", f"{out}/runs")
                )
                made = Path(out, "runs").glob("*/samples.jsonl")
                results.append({path.parent.name: path.read_bytes() for path in made})
            sys.stderr.write(f"sweep, round {at + 1}, {workers} workers: {times[-1]['seconds']:.1f} s\n")
    found = {str(workers): timed(times) for workers, times in rounds.items()}
    return {
        "runs": len(results[0]),
        "samples": GRID["n"],
        "workers": found,
        "times_as_fast": round(found["1"]["seconds"] / found["2"]["seconds"], 2),
        "same_results": all(one == results[0] for one in results),
    }


# All together


def share(some: list[str], others: list[str]) -> str:
    return f"{sum(a.strip() == b.strip() for a, b in zip(some, others, strict=True))}/{len(some)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--model", action="append", help="reference, smollm2, random, or a folder; may be repeated"
    )
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--tokens", type=int, default=200, help="most new tokens of an answer")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lm-eval-python", metavar="PATH", help="the Python that has lm_eval")
    parser.add_argument("--brief", action="store_true", help="only kb and lm_eval; print, and write nothing")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    options = parser.parse_args()
    if options.brief:
        sys.stdout.write(_engine_table(measure_engine(options)))
        return
    parts = [name for name in options.part or PARTS if name == "engine" or _has_reference()]
    if len(parts) < len(options.part or PARTS):
        sys.stderr.write("quick, sweep: left out, since no reference model is here (kb eval train)\n")
    measures = {
        "engine": lambda: measure_engine(options),
        "quick": lambda: measure_quick(options.repeats),
        "sweep": lambda: measure_sweep(options.repeats),
    }
    result: dict[str, Any] = json.loads(JSON.read_text(encoding="utf-8")) if JSON.is_file() else {}
    for part in parts:
        result[part] = {**measures[part](), "machine": _machine()}
        JSON.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")  # a later part may fail
    text = _text(result)
    _put_into_readme(text)
    sys.stdout.write(text)


def measure_engine(options: argparse.Namespace) -> dict[str, Any]:
    models = options.model or ["reference" if _has_reference() else "random"]
    return {
        "samples": options.samples,
        "max_new_tokens": options.tokens,
        "batch_size": options.batch_size,
        "threads": options.threads,
        "repeats": options.repeats,
        "versions": _versions(options.lm_eval_python),
        "models": [measure(model, options) for model in models],
    }


def _has_reference() -> bool:
    from kb.harness.models import REFERENCE

    return all((REFERENCE / seed).is_dir() for seed in ("seed0", "seed1"))


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _versions(lm_eval_python: str | None) -> dict[str, str]:
    from importlib import metadata

    found = {name: metadata.version(name) for name in ("torch", "transformers")}
    if lm_eval_python:
        program = (
            "from importlib.metadata import version as v; print(v('lm_eval'), v('torch'), v('transformers'))"
        )
        done = subprocess.run([lm_eval_python, "-c", program], capture_output=True, text=True, check=True)
        lm_eval, *others = done.stdout.split()
        found["lm_eval"] = lm_eval
        if others != [found["torch"], found["transformers"]]:
            found["lm_eval_with"] = f"torch {others[0]}, transformers {others[1]}"
    return found


def _text(result: dict[str, Any]) -> str:
    made = {"engine": _engine_table, "quick": _quick_line, "sweep": _sweep_table}
    return "\n".join(made[part](result[part]) for part in PARTS if part in result)


def _quick_line(quick: dict[str, Any]) -> str:
    return (
        f"`kb eval run --quick` ({quick['runs']} runs, table and plots): {quick['seconds']:.0f} s on the clock, "
        f"{quick['cpu_s']:.0f} s of processors, start of the program included; "
        f"the median of {len(quick['seconds_all'])}. {quick['machine']}.\n"
    )


def _sweep_table(sweep: dict[str, Any]) -> str:
    lines = [
        f"| `kb eval sweep`, {sweep['runs']} runs of {sweep['samples']} samples | Seconds | Processor seconds |",
        "|---|--:|--:|",
    ]
    for workers, row in sweep["workers"].items():
        lines.append(f"| `--workers {workers}` | {row['seconds']:.1f} | {row['cpu_s']:.1f} |")
    repeats = len(sweep["workers"]["1"]["seconds_all"])
    return "\n".join(
        [
            *lines,
            "",
            f"Two workers are {sweep['times_as_fast']:.2f} times as fast as one; their results are "
            f"{'the same' if sweep['same_results'] else 'NOT the same'}. Start of the programs included; "
            f"the median of {repeats}. {sweep['machine']}.",
            "",
        ]
    )


def _engine_table(result: dict[str, Any]) -> str:
    lines = []
    for model in result["models"]:
        lengths = model["lengths"]
        lines += [
            f"| {model['model']}: {result['samples']} answers of {lengths['shortest']} to {lengths['longest']} tokens "
            f"(median {lengths['median']:g}) | Seconds | Processor seconds | Tokens per second | kb is faster (clock, processor) | The same answers |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for name, row in model["runs"].items():
            lines.append(
                f"| {_LABELS[name]} | {row['seconds']:.1f} | {row['cpu_s']:.1f} | {row['tokens_per_second']:.0f} "
                f"| {row['times_kb_seconds']:.2f}x, {row['times_kb_cpu_s']:.2f}x | {row['same_answers_as_kb']} |"
            )
        lines.append("")
        if differ := model.get("differ_from_batch_of_one"):
            said = ", ".join(f"{count} with {size}" for size, count in differ.items())
            lines += [f"Answers that differ from those of a batch of one: {said}.", ""]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += [
        f"Batches of {result['batch_size']}, float32, greedy, at most {result['max_new_tokens']} new tokens, "
        f"{result['threads']} threads; generation alone, time on the clock, the median of {result['repeats']} "
        f"(one by one: of 1). {result.get('machine') or _machine()}; {versions}.",
        "",
    ]
    if "lm_eval" not in result["versions"]:
        lines += ["lm-evaluation-harness was left out: no `--lm-eval-python` was given.", ""]
    return "\n".join(lines)


def _put_into_readme(text: str) -> None:
    path = REPO / "benchmarks" / "README.md"
    path.write_text(
        readme_with_figures(path, "eval_engine", text, "## Evaluating models (`eval_engine.py`)"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
