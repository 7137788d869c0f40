"""What a run says of itself: everything that another person needs to do it again, and nothing about the machine's owner.

    format, id, state        "running" until the last result is on disk, then "complete"; "imported" if made elsewhere
    spec, spec_hash          the settings, defaults included
    model                    id, revision, hash of the weights, format, what it was quantized to before
    task                     name, version, options, seed, n, a hash of the samples
    calibration              what the quantizer looked at
    quantization             the quantizer's report: layers, bits, size; fake or packed
    engine                   kernels, dtype, device, threads, batch, tensor parallel; what was another before a stop
    libraries                name: version
    commit                   of the knowledge base, and whether anything was changed since
    results                  how many, how many of them unscored, a hash of samples.jsonl
    measured                 seconds, tokens per second, peak memory: the only part that differs when a run is repeated

It holds no path of a machine, no name of one, and no time of day.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from kb.harness.spec import RunSpec, data_hash, experiment, portable
from kb.harness.types import Sample, Task

FORMAT = 1
RUNNING, COMPLETE, IMPORTED = "running", "complete", "imported"
IDENTITY: Sequence[str] = ("spec", "model", "task", "calibration", "libraries")
"""What must not differ between the two halves of a run that was killed."""

_LIBRARIES = (
    "kb-survey torch transformers tokenizers safetensors accelerate numpy math-verify reasoning-gym".split()
)
# A quantizer's own library is in its report.


def first_manifest(
    spec: RunSpec,
    *,
    task: Task,
    samples: Sequence[Sample],
    model: Mapping[str, Any],
    commit: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The manifest of a run that has not begun."""
    plain = portable(spec.to_data())
    return {
        "format": FORMAT,
        "id": spec.run_id,
        "state": RUNNING,
        "spec": plain,
        "spec_hash": data_hash(experiment(plain)),
        "model": portable(dict(model)),
        "task": {
            "name": task.name,
            "version": task.version,
            "options": plain["task"],
            "seed": spec.seed,
            "n": len(samples),
            "samples_hash": data_hash([[sample.id, sample.prompt, sample.answer] for sample in samples]),
        },
        "calibration": None,
        "quantization": None,
        "engine": {},
        "libraries": libraries(),
        "commit": dict(commit) if commit else None,
        "results": None,
        "measured": None,
    }


def libraries() -> dict[str, str]:
    """Versions of what may have a say in the numbers."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit_of(folder: Path) -> dict[str, Any] | None:
    """The git commit of the knowledge base, and whether the program was changed since; None outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "kb")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"revision": revision, "changed": bool(changed)}


def dump_manifest(manifest: Mapping[str, Any]) -> str:
    """Sorted, and a line for whatever fits in one, so that a change is a readable diff."""
    return _pretty(dict(manifest), 0) + "\n"


_WIDTH = 110


def _pretty(value: Any, depth: int) -> str:
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, (dict, list, tuple)) or (depth and depth + len(flat) < _WIDTH):
        return flat
    indent, end = " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict):
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {_pretty(value[key], depth + 1)}"
            for key in sorted(value)
        ]
        return "{\n" + ",\n".join(indent + item for item in items) + end + "}"
    return "[\n" + ",\n".join(indent + _pretty(item, depth + 1) for item in value) + end + "]"


def rounded(value: Any) -> Any:
    """Plain data with six digits of every float: more would differ between machines, and say nothing."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def resumed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine says of itself; under `earlier`, what it said of itself in earlier parts of a run that was stopped.

    A run may go on with another batch, on another processor: that can change answers, so nobody should have to guess.
    """
    parts = [*before.get("earlier", ()), {name: one for name, one in before.items() if name != "earlier"}]
    other = [{name: one for name, one in part.items() if one != now.get(name)} for part in parts]
    kept = [part for at, part in enumerate(other) if part and part not in other[:at]]
    return {**now, **({"earlier": kept} if kept else {})}


def first_difference(
    old: Mapping[str, Any], new: Mapping[str, Any], sections: Sequence[str] = IDENTITY
) -> tuple[str, Any, Any] | None:
    """The first setting that differs, as (dotted name, old value, new value); None if none does."""

    def chosen(manifest: Mapping[str, Any]) -> dict[str, Any]:
        found = {section: manifest.get(section) for section in sections}
        return found | ({"spec": experiment(manifest["spec"])} if "spec" in sections else {})

    return next(iter(differences(chosen(old), chosen(new))), None)


def differences(old: Any, new: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """Every setting that differs, in the order of `old`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in [*old, *(key for key in new if key not in old)]:
            found += differences(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
        return found
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [item for at, (one, other) in pairs for item in differences(one, other, f"{name}.{at}")]
    return [] if old == new else [(name, old, new)]


def peak_memory_bytes() -> int | None:
    """The most memory that this process ever held, and on a GPU that torch ever took there; None where nobody says."""
    torch = sys.modules.get("torch")  # whoever ran on a GPU has imported it
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
