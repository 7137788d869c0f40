"""The files of a checkpoint: safetensors only, whole, and all there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kb.errors import DataError

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_NOT_WEIGHTS = {"training_args.bin"}


def weight_files(path: Path) -> list[Path]:
    """The safetensors of a folder, in the order of their names, each with a header that can be read."""
    index = path / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(read_json(index).get("weight_map", {}).values()))
        for name in names:
            if Path(name).name != name or not (path / name).is_file():
                raise DataError(f"its weights {name} are missing", file=index)
        files = [path / name for name in names]
    else:
        files = sorted(path.glob("*.safetensors"))
    if not files:
        pickles = [one.name for one in sorted(path.iterdir()) if one.suffix in _PICKLES]
        if found := [one for one in pickles if one not in _NOT_WEIGHTS]:
            raise DataError(
                f"its weights are pickles ({found[0]}), which can run any program while they are read",
                file=path,
                fix="convert them to safetensors on a machine that you can lose",
            )
        raise DataError("holds no weights (*.safetensors)", file=path)
    for file in files:
        _check_safetensors(file)
    return files


def _check_safetensors(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        raise DataError(f"is no whole safetensors file ({str(error)[:100]})", file=file) from None


def weight_hash(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of the files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def quantized_how(quantization: Mapping[str, Any]) -> str:
    """A checkpoint's own `quantization_config`, in a few words."""
    method = str(quantization.get("quant_method") or quantization.get("quant_algo") or "unknown method")
    parts = [method]
    if bits := quantization.get("bits") or quantization.get("nbits") or quantization.get("w_bit"):
        parts.append(f"{bits} bits")
    if quantization.get("load_in_4bit"):
        parts.append(f"4 bits ({quantization.get('bnb_4bit_quant_type', 'fp4')})")
    if quantization.get("load_in_8bit"):
        parts.append("8 bits")
    if group := quantization.get("group_size") or quantization.get("q_group_size"):
        parts.append(f"group {group}")
    return ", ".join(parts)


def read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("is missing", file=path) from None
    except (OSError, ValueError) as error:
        raise DataError(f"is no JSON ({str(error)[:100]})", file=path) from None
    if not isinstance(data, dict):
        raise DataError("holds no object", file=path)
    return data
