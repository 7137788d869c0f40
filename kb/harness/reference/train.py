"""Training of the reference models: a recipe, a seed, and nothing else.

Chains are drawn from `ChainTask` as long as training lasts, the evaluation and calibration tenths left out. One batch
holds chains of one length, so nothing is padded; the loss is the cross-entropy of the written-out solution. Matrices are
updated by Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; step size matched to AdamW's as in Liu et
al. 2025, arXiv:2502.16982), which here needs about a third of AdamW's tokens; embeddings and norms by AdamW.

A killed training goes on from its last checkpoint. The same recipe, seed, machine and number of threads give the same
weights; other machines round otherwise.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from kb.errors import DataError, RunStopped
from kb.harness.reference import tokenizer
from kb.harness.tasks.chain import LONGEST, ChainTask
from kb.harness.types import Frozen, Split, split_of

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

CURVE, CHECKPOINT, RECIPE = "curve.jsonl", "checkpoint.pt", "recipe.json"


class Recipe(Frozen):
    """All that decides the weights, besides the seed.

    Attributes:
        hidden_size: a power of two, so that Hadamard rotations apply.
        longest: chains have 1 to this many steps: two more than are asked for, since the longest are learned worst.
        tokens: how many tokens are seen, prompts included, in the first round.
        polish_tokens: how many more in a second round, which begins at `polish` times the step size and ends at nothing.
        batch_tokens: about how many a step sees.
        grow: the share of the first round in which chains grow from `shortest_first` steps to `longest`.
        decay: the share of the first round, at its end, in which the step size falls to nothing.
        muon_lr, adam_lr: step sizes of matrices, and of embeddings and norms.
    """

    hidden_size: int = 256
    layers: int = Field(4, ge=1)
    heads: int = 4
    intermediate_size: int = 512
    longest: int = Field(14, ge=1, le=LONGEST)
    shortest_first: int = Field(4, ge=1)
    difficulty: int = Field(2, ge=1, le=3)
    tokens: int = Field(5_000_000, ge=1000)
    polish_tokens: int = Field(4_000_000, ge=0)
    batch_tokens: int = Field(3072, ge=64)
    grow: float = Field(0.15, ge=0, le=1)
    warmup_steps: int = 50
    decay: float = Field(0.5, gt=0, le=1)
    polish: float = Field(0.4, gt=0, le=1)
    muon_lr: float = 0.01
    adam_lr: float = 0.003
    weight_decay: float = 0.01
    clip: float = 1.0

    @property
    def all_tokens(self) -> int:
        """Of both rounds."""
        return self.tokens + self.polish_tokens

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        if self.hidden_size % self.heads:
            raise ValueError("hidden_size must be a multiple of heads")
        return self


@dataclass(frozen=True)
class Point:
    """One line of the training curve. `loss` is nats a token of the solution; times in seconds."""

    step: int
    tokens: int
    loss: float
    seconds: float
    right: dict[str, float] | None = None  # share of solution tokens right, by chain length, teacher-forced


Progress = Callable[[int, int, Point], None]


def model_of(recipe: Recipe) -> LlamaForCausalLM:
    """An untrained model, drawn from torch's current random state."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.VOCABULARY,
            hidden_size=recipe.hidden_size,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            intermediate_size=recipe.intermediate_size,
            max_position_embeddings=512,
            tie_word_embeddings=False,
            pad_token_id=tokenizer.ID[tokenizer.PAD],
            bos_token_id=tokenizer.ID[tokenizer.BOS],
            eos_token_id=tokenizer.ID[tokenizer.EOS],
        )
    )
    # Characters of one kind (digits, + and -) stand in the same contexts: from small vectors they would all move the
    # same way, and stay hard to tell apart for millions of tokens.
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=1.0)
    return model


def chains(recipe: Recipe, seed: int) -> Iterator[tuple[list[list[int]], int]]:
    """Batches for ever: rows of ids of one length, and how many of them are the prompt."""
    draw = random.Random(f"reference/{seed}")  # noqa: S311 - no secret
    task = ChainTask(difficulty=recipe.difficulty)
    seen = 0
    while True:
        share = min(1.0, seen / (recipe.grow * recipe.tokens)) if recipe.grow else 1.0
        first = min(recipe.shortest_first, recipe.longest)
        steps = draw.randint(1, first + int(share * (recipe.longest - first)))
        rows: list[list[int]] = []
        prompt = 0
        while not rows or len(rows) * len(rows[0]) < recipe.batch_tokens:
            sample = task.draw(draw, steps)
            if split_of(sample.prompt) is not Split.TRAIN or sample.solution is None:
                continue
            prompt = 1 + len(sample.prompt)
            rows.append(
                [
                    tokenizer.ID[tokenizer.BOS],
                    *tokenizer.encode(sample.prompt + sample.solution),
                    tokenizer.ID[tokenizer.EOS],
                ]
            )
        seen += len(rows) * len(rows[0])
        yield rows, prompt


def train(
    out: Path,
    *,
    seed: int,
    recipe: Recipe | None = None,
    device: str | None = None,
    threads: int | None = None,
    every: int = 200,
    progress: Progress = lambda done, total, point: None,
) -> list[Point]:
    """Train one model into the folder `out`, or go on with what was begun there.

    Args:
        device: "cuda" where there is one, else "cpu".
        every: steps between two points of the curve and two checkpoints.

    Raises:
        DataError: `out` holds a training of another recipe or seed.
        RunStopped: the loss is not finite.
    """
    import torch

    recipe = recipe or Recipe()
    if threads:
        torch.set_num_threads(threads)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    model = model_of(recipe).to(device)
    optimizers = _optimizers(model, recipe)
    step, seen, seconds, curve = _begun(out, model, optimizers, recipe, seed)
    batches = chains(recipe, seed)
    for _ in range(step):
        next(batches)
    loss_sum, started = 0.0, time.monotonic() - seconds
    model.train()
    while seen < recipe.all_tokens:
        rows, prompt = next(batches)
        _set_rate(optimizers, recipe, step, seen)
        loss = loss_of(model, torch.tensor(rows, device=device), prompt)
        if not torch.isfinite(loss):
            raise RunStopped(f"the loss is {loss.item()} at step {step}", fix="a smaller muon_lr")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        for optimizer, _rate in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        seen += len(rows) * len(rows[0])
        loss_sum += loss.item()
        if step % every == 0 or seen >= recipe.all_tokens:
            taken = every if step % every == 0 else step % every
            point = Point(
                step,
                seen,
                round(loss_sum / taken, 5),
                round(time.monotonic() - started),
                held_out(model, recipe),
            )
            curve.append(point)
            loss_sum = 0.0
            _keep(out, model, optimizers, recipe, seed, curve)
            progress(min(seen, recipe.all_tokens), recipe.all_tokens, point)
    save(out, model, recipe, seed, curve)
    return curve


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, prompt: int) -> torch.Tensor:
    """Mean cross-entropy of what follows the prompt, nats a token. ids: [batch, tokens]."""
    import torch

    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[:, prompt - 1 :]
        logits = model.lm_head(hidden)
    return torch.nn.functional.cross_entropy(
        logits.float().reshape(-1, logits.shape[-1]), ids[:, prompt:].reshape(-1)
    )


def held_out(model: LlamaForCausalLM, recipe: Recipe, n: int = 24) -> dict[str, float]:
    """Share of the solution's tokens that are the likeliest, on evaluation chains of four lengths."""
    import torch

    lengths = sorted({max(1, recipe.longest * part // 4) for part in (1, 2, 3, 4)})
    found = {}
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        for steps in lengths:
            samples = ChainTask(steps=(steps,), difficulty=recipe.difficulty).samples(n, 1_000_003)
            ids = torch.tensor(
                [
                    [tokenizer.ID[tokenizer.BOS], *tokenizer.encode(f"{sample.prompt}{sample.solution}")]
                    for sample in samples
                ],
                device=device,
            )
            prompt = 1 + len(samples[0].prompt)
            guess = model(input_ids=ids, use_cache=False).logits[:, prompt - 1 : -1].argmax(-1)
            found[str(steps)] = round((guess == ids[:, prompt:]).float().mean().item(), 5)
    model.train()
    return found


def _optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[tuple[torch.optim.Optimizer, float]]:
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "layers" not in name]
    muon = torch.optim.Muon(
        matrices, lr=recipe.muon_lr, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    adam = torch.optim.AdamW(rest, lr=recipe.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [(muon, recipe.muon_lr), (adam, recipe.adam_lr)]


def _set_rate(
    optimizers: list[tuple[torch.optim.Optimizer, float]], recipe: Recipe, step: int, seen: int
) -> None:
    """Warm-up, plateau, linear decay; and once more from a smaller step."""
    if seen < recipe.tokens:
        left = 1 - seen / recipe.tokens
        scale = min(1.0, (step + 1) / recipe.warmup_steps) * min(1.0, left / recipe.decay + 0.01)
    else:
        done = (seen - recipe.tokens) / recipe.polish_tokens
        scale = recipe.polish * min(1.0, done / 0.05 + 0.01, 1 - done + 0.01)
    for optimizer, rate in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * scale


# On disk


def _begun(
    out: Path,
    model: LlamaForCausalLM,
    optimizers: list[tuple[torch.optim.Optimizer, float]],
    recipe: Recipe,
    seed: int,
) -> tuple[int, int, float, list[Point]]:
    """Where a killed training was: steps, tokens, seconds, curve; all nothing for a new one."""
    import torch

    path = out / CHECKPOINT
    if (out / "model.safetensors").exists():
        raise DataError("holds a trained model already", file=out, fix="choose another folder")
    if not path.exists():
        return 0, 0, 0.0, []
    state = torch.load(path, weights_only=True)
    if state["recipe"] != recipe.model_dump_json() or state["seed"] != seed:
        raise DataError(
            "holds a training of another recipe or seed", file=out, fix="choose another folder, or empty it"
        )
    model.load_state_dict(state["model"])
    for (optimizer, _rate), kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    curve = [Point(**json.loads(line)) for line in state["curve"].splitlines()]
    return curve[-1].step, curve[-1].tokens, curve[-1].seconds, curve


def _keep(
    out: Path,
    model: LlamaForCausalLM,
    optimizers: list[tuple[torch.optim.Optimizer, float]],
    recipe: Recipe,
    seed: int,
    curve: list[Point],
) -> None:
    """A checkpoint, swapped in one step."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    new = out / f"{CHECKPOINT}.new"
    torch.save(
        {
            "recipe": recipe.model_dump_json(),
            "seed": seed,
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _rate in optimizers],
            "curve": _lines(curve),
        },
        new,
    )
    os.replace(new, out / CHECKPOINT)  # noqa: PTH105 - atomic, and overwrites on every system


def save(out: Path, model: LlamaForCausalLM, recipe: Recipe, seed: int, curve: list[Point]) -> None:
    """The finished model in bfloat16 with its tokenizer, recipe and curve; the checkpoint goes."""
    import torch
    from transformers import GenerationConfig

    out.mkdir(parents=True, exist_ok=True)
    (out / CURVE).write_text(_lines(curve), encoding="utf-8")
    (out / RECIPE).write_text(
        json.dumps({"seed": seed, "torch": torch.__version__.split("+")[0], **recipe.model_dump()}, indent=1)
        + "\n",
        encoding="utf-8",
    )
    tokenizer.build().save_pretrained(out)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.ID[tokenizer.BOS],
        eos_token_id=tokenizer.ID[tokenizer.EOS],
        pad_token_id=tokenizer.ID[tokenizer.PAD],
    )
    model.to(torch.bfloat16).save_pretrained(out)
    (out / CHECKPOINT).unlink(missing_ok=True)


def _lines(curve: list[Point]) -> str:
    return "".join(json.dumps(_data(point)) + "\n" for point in curve)


def _data(point: Point) -> dict[str, Any]:
    return {name: value for name, value in vars(point).items() if value is not None}
