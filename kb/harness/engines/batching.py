"""Rows that are decoded together, and their keys and values.

`SlabRows` keeps them in one block a layer, allocated once. Rows end at the same column, whatever their lengths, and
start where they start; a row that is done is replaced by the last one, and a new prompt is written into the free place.
So the batch stays full while prompts are waiting and dense when none are: nobody pays for the longest answer.
`torch.cat`, by which transformers' own cache grows, would copy the whole cache for each token.

`CacheRows` works with any transformers cache (sliding windows, rounded keys and values): prompts of one length, a batch
that only shrinks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

_FIRST_COLUMNS = 64  # generated tokens that fit before a slab has to grow


class Rows(Protocol):
    """The rows of one batch. `refills`: takes new prompts while others are running."""

    refills: bool

    def prefill(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Add prompts of one length; the logits [prompts, vocabulary] after them.

        Prompts have to come longest first.
        """
        ...

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Add one token to each row; the logits [rows, vocabulary] after it."""
        ...

    def drop(self, rows: Sequence[int]) -> list[int]:
        """Forget these rows. The old numbers of those that stay, in their new order."""
        ...


def make_rows(model: Any, size: int, new_cache: Callable[[], Any] | None = None) -> Rows:
    """The rows for a model, as many as `size` at a time.

    Args:
        new_cache: makes the transformers cache to use; None leaves the choice to us.
    """
    if new_cache is None and _attends_to_everything(model.config):
        return SlabRows(model, size)
    return CacheRows(model, new_cache)


def _attends_to_everything(config: Any) -> bool:
    """Whether every layer keeps plain keys and values of the whole text: no windows, no states, nothing shared."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    layers = DynamicCache(config=config).layers
    wanted = config.get_text_config(decoder=True).num_hidden_layers
    return len(layers) in {0, wanted} and all(type(layer) is DynamicLayer for layer in layers)


def cache_argument(model: Any) -> str:
    """What `forward` calls the cache: transformers 5.2x renamed it."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


class CacheRows:
    """Prompts of one length in a transformers cache; no padding, no mask."""

    refills = False

    def __init__(self, model: Any, new_cache: Callable[[], Any] | None = None) -> None:
        self._model = model
        self._new_cache = new_cache
        self._argument = cache_argument(model)
        self._cache: Any = None
        self._count = 0

    def prefill(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        from transformers import DynamicCache

        self._cache = self._new_cache() if self._new_cache else DynamicCache(config=self._model.config)
        self._count = len(prompts)
        return self._forward(prompts)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        return self._forward([[token] for token in tokens])

    def _forward(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        import torch

        given = {
            "input_ids": torch.tensor(ids, device=self._model.device),
            "use_cache": True,
            "logits_to_keep": 1,
            self._argument: self._cache,
        }
        with torch.no_grad():  # not inference_mode: some quantized tensors refuse it
            logits: torch.Tensor = self._model(**given).logits[:, -1]
        return logits

    def drop(self, rows: Sequence[int]) -> list[int]:
        import torch

        gone = set(rows)
        kept = [row for row in range(self._count) if row not in gone]
        self._count = len(kept)
        if kept:
            self._cache.batch_select_indices(torch.tensor(kept, device=self._model.device))
        else:
            self._cache = None
        return kept


class SlabRows:
    """Rows of different lengths in one slab [size, heads, columns, width] of keys and one of values a layer.

    Row r holds its text in columns starts[r] to end. A mask is needed only while the rows' starts differ.
    """

    refills = True

    def __init__(self, model: Any, size: int) -> None:
        from transformers import Cache

        self._model = model
        self._size = size
        self._argument = cache_argument(model)
        layers = model.config.get_text_config(decoder=True).num_hidden_layers
        self._cache: Any = Cache(layers=[_slab_layer()(self) for _ in range(layers)])
        self._starts: list[int] = []
        self._end = 0
        self._columns = 0
        self._adding = 0  # rows being added; 0 while stepping

    def prefill(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        import torch

        length = len(prompts[0])
        if not self._starts:
            self._end = 0
            self._make_room(length)
            self._end = length
        if (length > self._end - self.first and self._starts) or any(len(one) != length for one in prompts):
            raise ValueError("prompts of one length, longest first")
        self._adding = len(prompts)
        try:
            logits = self._forward({"input_ids": torch.tensor(prompts, device=self._model.device)})
        finally:
            self._adding = 0
        self._starts += [self._end - length] * len(prompts)
        return logits

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        import torch

        self._make_room(self._end + 1)
        device = self._model.device
        given = {"input_ids": torch.tensor(tokens, device=device)[:, None]}
        first = self.first
        if max(self._starts) > first:
            starts = torch.tensor(self._starts, device=device)[:, None]
            given["attention_mask"] = torch.arange(first, self._end + 1, device=device) >= starts
            given["position_ids"] = self._end - starts
        logits = self._forward(given)
        self._end += 1
        return logits

    def _forward(self, given: dict[str, Any]) -> torch.Tensor:
        import torch

        given |= {"use_cache": True, "logits_to_keep": 1, self._argument: self._cache}
        with torch.no_grad():
            logits: torch.Tensor = self._model(**given).logits[:, -1]
        return logits

    def drop(self, rows: Sequence[int]) -> list[int]:
        import torch

        gone = set(rows)
        left = len(self._starts) - len(gone)
        order = list(range(left))
        holes = [row for row in order if row in gone]
        movers = [row for row in range(left, len(self._starts)) if row not in gone]
        for hole, mover in zip(holes, movers, strict=True):
            order[hole] = mover
        self._starts = [self._starts[row] for row in order]
        if movers:
            to = torch.tensor(holes, device=self._model.device)
            source = torch.tensor(movers, device=self._model.device)
            columns = slice(self.first, self._end)
            for layer in self._cache.layers:
                for slab in (layer.keys, layer.values):
                    slab[to, :, columns] = slab[source, :, columns]
        return order

    # What the layers ask for while the model runs

    @property
    def first(self) -> int:
        """The first column that any row uses."""
        return min(self._starts, default=self._end)

    @property
    def seen(self) -> int:
        """Columns before those of this pass."""
        return 0 if self._adding else self._end - self.first

    def write(self, slab: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Keep `states` [rows, heads, tokens, width]; what the pass attends to."""
        rows = len(self._starts)
        if self._adding:
            slab[rows : rows + self._adding, :, self._end - states.shape[2] : self._end] = states
            return states
        slab[:rows, :, self._end : self._end + 1] = states
        return slab[:rows, :, self.first : self._end + 1]

    def new_slab(self, states: torch.Tensor) -> torch.Tensor:
        """Zeros: what is masked is multiplied by 0, and must not be NaN."""
        return states.new_zeros(self._size, states.shape[1], self._columns, states.shape[3])

    def _make_room(self, columns: int) -> None:
        """Have so many columns: use those again that no row uses any more, or else grow."""
        if columns <= self._columns:
            return
        first, used = self.first, self._end - self.first
        if first < self._columns // 2 or not self._columns:
            self._columns = max(2 * self._columns, columns + _FIRST_COLUMNS)
        for layer in self._cache.layers:
            if layer.is_initialized:
                layer.keys = self._moved(layer.keys, first, used)
                layer.values = self._moved(layer.values, first, used)
        self._starts = [start - first for start in self._starts]
        self._end = used

    def _moved(self, slab: torch.Tensor, first: int, used: int) -> torch.Tensor:
        moved = slab.new_zeros(slab.shape[0], slab.shape[1], self._columns, slab.shape[3])
        moved[:, :, :used] = slab[:, :, first : first + used]
        return moved


@cache
def _slab_layer() -> type:
    """A layer of transformers' cache that keeps its keys and values in a slab of `SlabRows`."""
    from transformers.cache_utils import DynamicLayer

    class SlabLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped here
        is_croppable = False

        def __init__(self, rows: SlabRows) -> None:
            super().__init__()
            self.rows = rows

        def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
            self.keys = self.rows.new_slab(key_states)
            self.values = self.rows.new_slab(value_states)
            self.is_initialized = True

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            return self.rows.write(self.keys, key_states), self.rows.write(self.values, value_states)

        def get_seq_length(self) -> int:
            return self.rows.seen

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            return self.rows.seen + query_length, 0

    return SlabLayer
