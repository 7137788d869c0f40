"""Logs of lm-evaluation-harness (EleutherAI): results_<date>.json and samples_<task>_<date>.jsonl.

One run per task and filter (strict-match and flexible-extract score the same outputs differently). The score is the
first metric in the task's configuration; the manifest names it. The harness counts no tokens and does not say why a
generation ended. With `repeats` above 1 only the outputs that a filter chose are scored: one result a document.

Format: `lm_eval.loggers.EvaluationTracker`; proved on logs of version 0.4.13.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kb.errors import DataError, UsageError
from kb.harness.logs.imported import (
    ImportedRun,
    Once,
    as_score,
    complete,
    imported,
    is_object_with,
    load_json,
    mapping,
    only_results,
    parse_object,
    read_text,
    result,
    section,
)
from kb.harness.results import SampleResult

_QUANTIZED = (
    "load_in_4bit load_in_8bit bnb_4bit_quant_type bnb_4bit_compute_dtype bnb_4bit_use_double_quant autogptq gptqmodel "
    "quantization quantization_config gguf_file kv_cache_dtype"
).split()


def matches(path: Path) -> bool:
    """Whether this is a results file, a samples file, or a folder with both."""
    if path.is_dir():
        return any(matches(found) for found in path.glob("results_*.json"))
    if path.name.startswith("samples_") and path.suffix == ".jsonl":
        return True
    return is_object_with(path, {"configs", "n-shot", "config"})


def parse(path: Path) -> list[ImportedRun]:
    """All tasks and filters of a run.

    Raises:
        UsageError: the folder holds several runs, or there are no samples.
        DataError: a file is damaged or incomplete.
    """
    results = _results_file(path)
    log = load_json(results)
    date = results.stem.removeprefix("results_")
    only = path.name if path.suffix == ".jsonl" else None
    runs: list[ImportedRun] = []
    for task, config in section(log, "configs", results.name).items():
        samples = results.with_name(f"samples_{task}_{date}.jsonl")
        if only is not None and samples.name != only:
            continue
        if not samples.exists():
            raise UsageError(
                f"{samples.name} is missing",
                fix="run lm_eval with --log_samples, and keep its files together",
            )
        runs += _runs(log, results.name, task, config, samples)
    return runs


def _results_file(path: Path) -> Path:
    if path.is_dir():
        return only_results(path)
    if path.suffix == ".json":
        return path
    found = [
        file
        for file in path.parent.glob("results_*.json")
        if path.stem.endswith(file.stem.removeprefix("results"))
    ]
    if not found:
        raise UsageError(
            f"the results file of {path.name} is missing", fix="keep the files of a run together"
        )
    return found[0]


def _runs(log: Mapping[str, Any], file: str, task: str, config: Any, samples: Path) -> Iterator[ImportedRun]:
    rows: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    once = Once(samples.name)
    for line, text in enumerate(read_text(samples).split("\n"), start=1):
        if not text:
            continue
        row = parse_object(text, samples.name, line)
        if "doc_id" not in row or "resps" not in row or "metrics" not in row:
            raise DataError("is no logged sample", file=samples.name, line=line, fix="known: lm-eval 0.4")
        chosen = str(row.get("filter", "none"))
        once.check(f"document {row['doc_id']} under filter {chosen}", (row["doc_id"], chosen), line)
        rows.setdefault(chosen, []).append((line, row))
    counts = mapping(log.get("n-samples")).get(task) or {}
    if not rows:
        complete(0, counts.get("effective"), samples.name)
    for chosen, found in rows.items():
        complete(len(found), counts.get("effective"), samples.name)
        metric = _metric(config, found[0][1])
        manifest = _manifest(log, file, task, config, chosen, metric, [row for _, row in found])
        yield imported(manifest, [_result(row, task, metric, samples.name, line) for line, row in found])


def _metric(config: Any, row: Mapping[str, Any]) -> str:
    listed = [
        item.get("metric") for item in mapping(config).get("metric_list") or [] if isinstance(item, Mapping)
    ]
    return next((str(name) for name in [*listed, *row["metrics"]] if name in row), "")


def _manifest(
    log: Mapping[str, Any],
    file: str,
    task: str,
    config: Any,
    chosen: str,
    metric: str,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    how = section(log, "config", file)
    given = how.get("model_args")
    args = given if isinstance(given, dict) else _pairs(str(given or ""))
    greedy = _generation(rows[0])
    sampled = bool(greedy.get("do_sample", False))
    generates = bool(greedy)
    return {
        "source": {"tool": "lm-evaluation-harness", "version": log.get("lm_eval_version"), "log": file},
        "model": {
            "id": args.get("pretrained") or args.get("model") or log.get("model_name"),
            "revision": how.get("model_sha") or how.get("model_revision") or args.get("revision"),
            "parameters": how.get("model_num_parameters"),
            "peft": args.get("peft"),
        },
        "quantization": {
            name: args[name] for name in _QUANTIZED if args.get(name) not in (None, False, "False")
        },
        "task": {
            "name": task,
            "version": mapping(log.get("versions")).get(task),
            "hash": mapping(log.get("task_hashes")).get(task),
            "data": mapping(config).get("dataset_path"),
            "data_config": mapping(config).get("dataset_name"),
            "filter": chosen,
            "metric": metric,
            "n": len(rows),
            "n_shot": mapping(log.get("n-shot")).get(task),
            "seed": how.get("random_seed"),
            "fewshot_seed": how.get("fewshot_seed"),
            "limit": how.get("limit"),
        },
        "template": "none" if log.get("chat_template", "") is None else log.get("chat_template_sha"),
        "system_instruction": log.get("system_instruction_sha"),
        "decoding": {
            "max_new_tokens": greedy.get("max_gen_toks"),
            "temperature": (greedy.get("temperature") if sampled else 0.0) if generates else None,
            "top_p": greedy.get("top_p"),
            "stop": greedy.get("until"),
            "samples_per_item": mapping(config).get("repeats"),
            "seed": how.get("torch_seed") if generates else None,
        },
        "engine": {
            "name": f"lm-eval {how.get('model') or log.get('model_source') or ''}".strip(),
            "version": log.get("transformers_version") if str(how.get("model")) == "hf" else None,
            "dtype": str(how["model_dtype"]).removeprefix("torch.")
            if how.get("model_dtype")
            else args.get("dtype"),
            "device": how.get("device"),
            "batch_size": how.get("batch_size"),
            "tensor_parallel": args.get("tensor_parallel_size"),
            "max_length": log.get("max_length"),
        },
        "libraries": {"lm-eval": log.get("lm_eval_version"), "transformers": log.get("transformers_version")},
    }


def _pairs(text: str) -> dict[str, str]:
    """ "pretrained=x,dtype=y", as versions before 0.4.10 wrote it."""
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


def _arguments(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(prompt, what was asked for), one a request: generation options, or a continuation to weigh."""
    given = row.get("arguments")
    if isinstance(given, dict):
        parts = [given[name] for name in sorted(given, key=lambda name: (len(name), name))]
        return [(str(part.get("arg_0", "")), part.get("arg_1")) for part in parts if isinstance(part, dict)]
    if isinstance(given, list):
        return [
            (str(part[0]), part[1] if len(part) > 1 else None)
            for part in given
            if isinstance(part, list) and part
        ]
    return []


def _generation(row: Mapping[str, Any]) -> dict[str, Any]:
    asked = _arguments(row)
    return asked[0][1] if asked and isinstance(asked[0][1], dict) else {}


def _result(row: Mapping[str, Any], task: str, metric: str, file: str, line: int) -> SampleResult:
    asked = _arguments(row)
    if not asked or not isinstance(row["resps"], list) or not row["resps"]:
        raise DataError("has no request or no response", file=file, line=line)
    score = as_score(row.get(metric))
    why = (
        f"{metric} {row.get(metric)}"
        if score is not None
        else f"unscored: {metric or 'no metric'} is no score"
    )
    if isinstance(asked[0][1], dict):
        first = row["resps"][0]
        output = str(first[0] if isinstance(first, list) and first else first)
        answer, logprob = _first(row.get("filtered_resps")), None
        answer = None if answer == "[invalid]" else answer
    else:
        answer, output, logprob = _chosen(row, asked, file, line)
    return result(
        id=str(row["doc_id"]),
        group=task,
        prompt=asked[0][0],
        output=output,
        gold=str(row.get("target", "")),
        score=score,
        why=why,
        answer=answer,
        answer_logprob=logprob,
    )


def _first(value: Any) -> str | None:
    while isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else str(value)


def _chosen(
    row: Mapping[str, Any], asked: list[tuple[str, Any]], file: str, line: int
) -> tuple[str, str, float]:
    """The likeliest of the options that were weighed: its number, its text, its log-probability."""
    try:
        weights = [float(one[0][0] if isinstance(one[0], list) else one[0]) for one in row["resps"]]
        best = max(range(len(weights)), key=weights.__getitem__)
        return str(best), str(asked[best][1]), weights[best]
    except (TypeError, ValueError, IndexError):
        raise DataError(
            "has no log-probability for each option", file=file, line=line, field="resps"
        ) from None
