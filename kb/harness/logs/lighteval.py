"""Logs of lighteval (Hugging Face): results/<model>/results_<date>.json and the details of each task beside it in
details/<model>/<date>/details_<task>_<date>.parquet (or in the folder of the results; .jsonl rows are read, too).

One run per task. The score is the task's first metric; the manifest names it. The device in lighteval's log is the
configuration's default, not where the model ran ("cuda" on a machine without a GPU): it counts as unknown.

Format: huggingface.co/docs/lighteval/saving-and-reading-results; proved on logs of version 0.13.0.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
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

_QUANTIZED = ("quantization_config", "quantization", "load_in_4bit", "load_in_8bit", "kv_cache_dtype")


def matches(path: Path) -> bool:
    """Whether this is a results file, or a folder with one."""
    if path.is_dir():
        return any(matches(found) for found in path.glob("results_*.json"))
    return is_object_with(path, {"config_general", "config_tasks", "results"})


def parse(path: Path) -> list[ImportedRun]:
    """All tasks of a run.

    Raises:
        UsageError: details are missing, the folder holds several runs, or pyarrow is not installed.
        DataError: a file is damaged or incomplete.
    """
    if path.is_dir():
        path = only_results(path)
    log = load_json(path)
    date = path.stem.removeprefix("results_")
    details = _details(path, date)
    runs = []
    for task, config in section(log, "config_tasks", path.name).items():
        file = next((file for name, file in details.items() if name == f"details_{task}_{date}"), None)
        if file is None:
            raise UsageError(
                f"the details of {task} are missing",
                fix="run lighteval with --save-details, and keep details/ beside results/",
            )
        rows = _rows(file)
        complete(len(rows), (config or {}).get("effective_num_docs"), file.name)
        metric = _metric(config, rows)
        once = Once(file.name)
        results = []
        for line, row in enumerate(rows, start=1):
            found_one = _result(row, task, metric, file.name, line)
            once.check(f"document {found_one.id}", found_one.id, line)
            results.append(found_one)
        manifest = _manifest(log, path.name, task, mapping(config), metric, len(rows))
        runs.append(imported(manifest, results))
    return runs


def _details(results: Path, date: str) -> dict[str, Path]:
    """Files of details by their name without its ending."""
    folders = [results.parent]
    parents = results.parents
    for up in range(1, min(4, len(parents))):
        if parents[up].name == "results" or (parents[up] / "details").is_dir():
            root = parents[up].parent if parents[up].name == "results" else parents[up]
            model = results.parent.relative_to(root / "results")
            folders.append(root / "details" / model / date)
            break
    found = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("details_*"))]
    return {file.stem: file for file in found if file.suffix in (".parquet", ".jsonl")}


def _rows(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".jsonl":
        lines = enumerate(read_text(file).split("\n"), start=1)
        return [parse_object(text, file.name, line) for line, text in lines if text]
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(f"reading {file.name} needs pyarrow", fix="pip install pyarrow") from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(file.read_bytes())).to_pylist()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"is no whole Parquet file: {reason}", file=file.name, fix="copy the log again"
        ) from None
    return rows


def _metric(config: Any, rows: list[dict[str, Any]]) -> str:
    listed = [str(mapping(item).get("metric_name")) for item in mapping(config).get("metrics") or []]
    measured = list(mapping(rows[0].get("metric"))) if rows else []
    return next((name for name in listed if name in measured), measured[0] if measured else "")


def _manifest(
    log: Mapping[str, Any], file: str, task: str, config: Mapping[str, Any], metric: str, n: int
) -> dict[str, Any]:
    general = section(log, "config_general", file)
    model = mapping(general.get("model_config"))
    how = mapping(model.get("generation_parameters"))
    version = general.get("lighteval_sha")
    return {
        "source": {"tool": "lighteval", "version": version if version != "?" else None, "log": file},
        "model": {
            "id": model.get("model_name") or general.get("model_name"),
            "revision": general.get("model_sha") or model.get("revision"),
        },
        "quantization": {name: model[name] for name in _QUANTIZED if model.get(name)},
        "task": {
            "name": config.get("name") or task.partition("|")[0],
            "version": config.get("version"),
            "data": config.get("hf_repo"),
            "data_config": config.get("hf_subset"),
            "data_revision": config.get("hf_revision"),
            "metric": metric,
            "n": n,
            "n_shot": config.get("num_fewshots"),
            "limit": general.get("max_samples"),
        },
        "template": model.get("override_chat_template"),
        "system_instruction": model.get("system_prompt"),
        "decoding": {
            "max_new_tokens": how.get("max_new_tokens") or config.get("generation_size"),
            "temperature": how.get("temperature"),
            "top_p": how.get("top_p"),
            "top_k": how.get("top_k"),
            "stop": how.get("stop_tokens") or config.get("stop_sequence"),
            "samples_per_item": config.get("num_samples"),
            "seed": how.get("seed"),
        },
        "engine": {
            "name": "lighteval",
            "dtype": model.get("dtype"),
            "batch_size": model.get("batch_size"),
            "tensor_parallel": model.get("tensor_parallel_size"),
            "max_length": model.get("max_length") or model.get("max_model_length"),
        },
    }


def _result(row: Mapping[str, Any], task: str, metric: str, file: str, line: int) -> SampleResult:
    doc, said = row.get("doc"), row.get("model_response")
    if not isinstance(doc, dict) or not isinstance(said, dict) or not isinstance(row.get("metric"), dict):
        raise DataError(
            "is no row of details",
            file=file,
            line=line,
            fix="known: lighteval 0.11 and later (doc, metric, model_response)",
        )
    texts = [str(text) for text in said.get("text") or []]
    tokens = said.get("output_tokens") or []
    score = as_score(row["metric"].get(metric))
    why = (
        f"{metric} {row['metric'].get(metric)}" if score is not None else f"unscored: {metric or 'no metric'}"
    )
    if len(texts) > 1:  # one score for all completions together
        why += f" over {len(texts)} completions"
    found = mapping(doc.get("specific")).get("extracted_predictions") or []
    return result(
        id=str(doc.get("id", line - 1)),
        group=task,
        prompt=str(doc.get("query", "")),
        output="\n\n".join(texts),
        gold=_gold(doc),
        score=score,
        why=why,
        answer=str(found[0]) if found else None,
        tokens=sum(len(ids) for ids in tokens if isinstance(ids, list)) or None,
    )


def _gold(doc: Mapping[str, Any]) -> str:
    choices, at = doc.get("choices") or [], doc.get("gold_index")
    places = at if isinstance(at, list) else [at]
    return " | ".join(str(choices[one]) for one in places if isinstance(one, int) and 0 <= one < len(choices))
