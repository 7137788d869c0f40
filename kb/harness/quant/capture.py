"""Calibration rows through a model, block by block: what each layer's inputs look like.

Blocks come in order, and each sees what the blocks before it, already quantized, make of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kb.errors import RunStopped, UsageError
from kb.harness.quant.base import Target
from kb.harness.quant.calibration import Calibration

if TYPE_CHECKING:
    import torch

LARGEST_BATCH = 16


@dataclass
class InputStats:
    """Of a layer's inputs x, over all calibration tokens.

    Attributes:
        gram: sum of x xᵀ, [input, input]; half the Hessian of the layer's squared output error.
        mean_abs, max_abs: of each input channel, [input].
        tokens: how many there were.
    """

    gram: torch.Tensor
    mean_abs: torch.Tensor
    max_abs: torch.Tensor
    tokens: int


@dataclass(frozen=True)
class Step:
    """A part of a model that the calibration rows have reached.

    Attributes:
        targets: the layers in it that are to be quantized.
        module: a decoder block; the whole model for what lies outside of the blocks.
        run: sends all rows through it.
    """

    targets: tuple[Target, ...]
    module: Any
    prefix: str
    run: Callable[[], Any]

    def stats(self) -> dict[str, InputStats]:
        """Statistics of each target's inputs, by the target's name."""
        return _stats(self.targets, self.run)


def walk(
    model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
) -> Iterator[Step]:
    """The decoder blocks in order, then the rest. A step's weights must have changed before the next is asked for."""
    if calibration is None:
        raise UsageError("there is none", field="calibration")
    batches = list(_batches(model, calibration))
    was_training = model.training
    model.eval()
    names, blocks = _blocks(model)
    states, kwargs = _first_inputs(model, blocks, batches)
    for at, (name, block) in enumerate(zip(names, blocks, strict=True)):
        mine = tuple(target for target in targets if target.name.startswith(name + "."))

        if mine:
            yield Step(
                mine, block, name + ".", partial(_through, block, states, [more[at] for more in kwargs])
            )
        states = _through(block, states, [more[at] for more in kwargs])
    outside = tuple(
        target for target in targets if not any(target.name.startswith(name + ".") for name in names)
    )
    if outside:
        yield Step(outside, model, "", partial(_run_all, model, batches))
    model.train(was_training)


def _batches(model: torch.nn.Module, calibration: Calibration) -> Iterator[torch.Tensor]:
    """Rows of one length together, so that nothing is padded."""
    import torch

    rows = sorted((list(row) for row in calibration.token_rows if row), key=len)
    if not rows:
        raise UsageError("has no tokens", field=f"calibration {calibration.source}")
    device = next(model.parameters()).device
    for _, same in groupby(rows, key=len):
        alike = list(same)
        for start in range(0, len(alike), LARGEST_BATCH):
            yield torch.tensor(alike[start : start + LARGEST_BATCH], device=device)


def _blocks(model: torch.nn.Module) -> tuple[list[str], list[Any]]:
    """The decoder blocks of a transformers model: its first ModuleList of `num_hidden_layers` modules."""
    import torch

    config: Any = model.config
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == config.num_hidden_layers:
            return [f"{name}.{at}" for at in range(len(module))], list(module)
    raise UsageError(
        f"no list of decoder blocks found in {type(model).__name__}", field="quantizer: calibration"
    )


def _first_inputs(
    model: torch.nn.Module, blocks: list[Any], batches: list[torch.Tensor]
) -> tuple[list[torch.Tensor], list[list[dict[str, Any]]]]:
    """What the first block gets of each batch, and what else each block is called with."""
    states: list[torch.Tensor] = []
    kwargs: list[list[dict[str, Any]]] = []

    def note(block: Any, args: tuple[Any, ...], more: dict[str, Any]) -> None:
        if block is blocks[0]:
            states.append(args[0] if args else more["hidden_states"])
            kwargs.append([])
        kwargs[-1].append({key: value for key, value in more.items() if key != "hidden_states"})

    hooks = [block.register_forward_pre_hook(note, with_kwargs=True) for block in blocks]
    try:
        _run_all(model, batches)
    finally:
        for hook in hooks:
            hook.remove()
    return states, kwargs


def _run_all(model: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    for batch in batches:
        model(input_ids=batch, use_cache=False)


def _through(block: Any, states: list[torch.Tensor], kwargs: list[dict[str, Any]]) -> list[torch.Tensor]:
    outputs = [block(state, **more) for state, more in zip(states, kwargs, strict=True)]
    return [output[0] if isinstance(output, tuple) else output for output in outputs]


def _stats(targets: Sequence[Target], run: Callable[[], Any]) -> dict[str, InputStats]:
    found: dict[str, InputStats] = {}

    def watch(name: str) -> Callable[[Any, tuple[Any, ...]], None]:
        def note(_module: Any, args: tuple[Any, ...]) -> None:
            inputs = args[0].detach().float().reshape(-1, args[0].shape[-1])
            size = inputs.abs()
            new = InputStats(inputs.T @ inputs, size.sum(0), size.amax(0), len(inputs))
            old = found.get(name)
            if old:
                new.gram += old.gram
                new.mean_abs += old.mean_abs
                new.max_abs = new.max_abs.maximum(old.max_abs)
                new.tokens += old.tokens
            found[name] = new

        return note

    hooks = [target.module.register_forward_pre_hook(watch(target.name)) for target in targets]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    for target in targets:
        if target.name not in found:
            raise UsageError(
                "calibration never reached it", field=f"layer {target.name}", fix="a rule that keeps it"
            )
        stats = found[target.name]
        stats.mean_abs /= stats.tokens
        if not stats.gram.isfinite().all():
            raise RunStopped(
                "its inputs are not all finite numbers in calibration", field=f"layer {target.name}"
            )
    return found


def output_error(off: torch.Tensor, gram: torch.Tensor) -> torch.Tensor:
    """Squared error of each output channel over the calibration tokens, [output], of weights that are `off`."""
    return ((off @ gram) * off).sum(-1)
