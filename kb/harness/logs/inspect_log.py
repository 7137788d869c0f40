"""Logs of inspect_ai (UK AI Security Institute): .eval (a zip of JSON files) and .json.

One run per log. The score is the first scorer's; the manifest names it. "C" counts 1, "P" 1/2, "I" and "N" (no answer)
0; a sample that ended in an error, or that the scorer could not judge, is unscored. Epoch e is completion e - 1.

Format: inspect.aisi.org.uk/eval-logs, log version 2; proved on logs of version 0.3.285.
"""

from __future__ import annotations

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
    parse_object,
    result,
    section,
)
from kb.harness.logs.zipped import Zipped
from kb.harness.results import SampleResult

_WORTH = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_QUANTIZED = ("quantization", "load_in_4bit", "load_in_8bit", "quantization_config", "kv_cache_dtype")
_FINISH = {"max_tokens": "length", "model_length": "length"}


def matches(path: Path) -> bool:
    """Whether this is an .eval file or a JSON file with the parts of an inspect log."""
    if path.suffix == ".eval":
        return True
    return is_object_with(path, {"version", "status", "eval"})


def parse(path: Path) -> list[ImportedRun]:
    """The run in a log.

    Raises:
        UsageError: an .eval file needs a library that is missing, or the samples were not logged.
        DataError: the log is damaged or incomplete, or its evaluation did not finish.
    """
    file = path.name
    if path.suffix == ".eval":
        with Zipped(path) as log:
            header = parse_object(log.text("header.json"), f"{file}: header.json")
            samples = [
                (name, parse_object(log.text(name), f"{file}: {name}"))
                for name in sorted(log.names())
                if name.startswith("samples/") and name.endswith(".json")
            ]
    else:
        header = load_json(path)
        samples = [(f"samples[{at}]", item) for at, item in enumerate(header.get("samples") or [])]
    if header.get("status") != "success":
        raise DataError(
            f"its evaluation has not finished: {header.get('status')}",
            file=file,
            field="status",
            fix="inspect eval-retry, then import its log",
        )
    spec = section(header, "eval", file)
    if not samples:
        raise UsageError(f"{file} holds no samples", fix="run inspect without --no-log-samples")
    complete(len(samples), (header.get("results") or {}).get("total_samples"), file)
    scorer = _scorer(spec, samples)
    once = Once(file)
    results = []
    for where, sample in samples:
        found = _result(sample, str(spec.get("task", "")), scorer, f"{file}: {where}")
        once.check(f"sample {found.id} of epoch {found.k + 1}", (found.id, found.k))
        results.append(found)
    results.sort(key=lambda one: (one.k, one.id))
    return [imported(_manifest(header, spec, scorer, len(results), file), results)]


def _scorer(spec: Mapping[str, Any], samples: list[tuple[str, Any]]) -> str:
    listed = [str(item.get("name")) for item in spec.get("scorers") or [] if isinstance(item, Mapping)]
    scored = [
        name for _, sample in samples if isinstance(sample, dict) for name in sample.get("scores") or {}
    ]
    return next((name for name in [*listed, *scored] if name in scored), "")


def _manifest(
    header: Mapping[str, Any], spec: Mapping[str, Any], scorer: str, n: int, file: str
) -> dict[str, Any]:
    how = {
        **mapping((header.get("plan") or {}).get("config")),
        **mapping(spec.get("model_generate_config")),
    }
    args = mapping(spec.get("model_args"))
    config = mapping(spec.get("config"))
    data = mapping(spec.get("dataset"))
    packages = mapping(spec.get("packages"))
    model = str(spec.get("model") or "")
    epochs = config.get("epochs") or 1
    return {
        "source": {"tool": "inspect_ai", "version": packages.get("inspect_ai"), "log": file},
        "model": {"id": model.partition("/")[2] or model, "revision": args.get("revision")},
        "quantization": {name: args[name] for name in _QUANTIZED if args.get(name)},
        "task": {
            "name": spec.get("task"),
            "version": spec.get("task_version"),
            "options": spec.get("task_args"),
            "data": data.get("name") or data.get("location"),
            "metric": scorer,
            "n": n // epochs,
            "limit": config.get("limit"),
            "shuffled": data.get("shuffled"),
        },
        "template": args.get("chat_template"),
        "decoding": {
            "max_new_tokens": how.get("max_tokens"),
            "temperature": how.get("temperature"),
            "top_p": how.get("top_p"),
            "top_k": how.get("top_k"),
            "stop": how.get("stop_seqs"),
            "samples_per_item": epochs,
            "seed": how.get("seed"),
            "reasoning_effort": how.get("reasoning_effort"),
            "reasoning_tokens": how.get("reasoning_tokens"),
        },
        "engine": {
            "name": f"inspect {model.partition('/')[0]}".strip(),
            "dtype": args.get("dtype") or args.get("torch_dtype"),
            "device": args.get("device"),
            "batch_size": how.get("batch_size") or args.get("batch_size"),
            "tensor_parallel": args.get("tensor_parallel_size"),
            "base_url_given": bool(spec.get("model_base_url")) or None,
        },
        "libraries": packages,
    }


def _usage(sample: Any) -> dict[str, Any]:
    return mapping(mapping(mapping(sample).get("output")).get("usage"))


def _result(sample: Any, task: str, scorer: str, where: str) -> SampleResult:
    if not isinstance(sample, dict) or "id" not in sample or "input" not in sample:
        raise DataError("is no logged sample", file=where, fix="known: inspect logs of version 2")
    epoch = sample.get("epoch", 1)
    if not isinstance(epoch, int) or epoch < 1:
        raise DataError(f"{epoch!r} is no epoch", file=where, field="epoch")
    attached = mapping(sample.get("attachments"))
    output = mapping(sample.get("output"))
    choices = output.get("choices") or [{}]
    first = mapping(choices[0])
    text = _text(mapping(first.get("message")).get("content", output.get("completion")), attached)
    score, answer, why = _score(sample, scorer)
    usage = _usage(sample)
    gold = sample.get("target", "")
    stop = str(first.get("stop_reason") or "unknown")
    return result(
        id=str(sample["id"]),
        k=epoch - 1,
        group=task,
        prompt=_prompt(sample["input"], attached),
        output=text,
        gold=" | ".join(map(str, gold)) if isinstance(gold, list) else str(gold),
        score=score,
        why=why,
        answer=answer,
        tokens=usage.get("output_tokens"),
        reasoning_tokens=usage.get("reasoning_tokens"),
        finish=_FINISH.get(stop, stop),
    )


def _score(sample: Mapping[str, Any], scorer: str) -> tuple[float | None, str | None, str]:
    """(score, answer, why)."""
    if error := sample.get("error"):
        return None, None, f"unscored: the sample ended in an error: {mapping(error).get('message', error)}"
    found = mapping(mapping(sample.get("scores")).get(scorer))
    if not found:
        return None, None, "unscored: no scorer judged it"
    value, answer = found.get("value"), found.get("answer")
    answer = None if answer is None else str(answer)
    score = _WORTH.get(value) if isinstance(value, str) else as_score(value)
    if score is None:
        return None, answer, f"unscored: {scorer} says {value!r}"
    return score, answer, f"{scorer} {value}"


def _text(content: Any, attached: Mapping[str, Any]) -> str:
    """A message's text: reasoning in think tags, then what was said."""
    if isinstance(content, str):
        key = content.removeprefix("attachment://")
        return str(attached.get(key, content)) if key != content else content
    parts = []
    for part in content if isinstance(content, list) else []:
        if mapping(part).get("type") == "reasoning":
            parts.append(f"<think>{_text(part.get('reasoning', ''), attached)}</think>")
        elif mapping(part).get("type") == "text":
            parts.append(_text(part.get("text", ""), attached))
    return "\n".join(parts)


def _prompt(given: Any, attached: Mapping[str, Any]) -> str:
    if isinstance(given, list):
        return "\n\n".join(_text(mapping(message).get("content", ""), attached) for message in given)
    return _text(given, attached)
