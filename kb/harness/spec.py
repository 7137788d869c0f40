"""What a run is: a short file that names a model, what is done to it, a task, and how tokens are chosen.

    model: reference
    quantizer: {method: rtn, bits: 4, group_size: 32}
    task: {name: chain, steps: [2, 4, 8]}
    n: 300

Everything else has a default. `task: chain` is short for `task: {name: chain}`, and so are a quantizer's method and an
engine's name. Two specs with the same canonical JSON are one experiment; its hash is in the run's id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from kb.errors import KbError, UsageError
from kb.harness.types import Decoding, Frozen, parse_options

IN_PROCESS = "transformers"
"""The one engine that holds the model itself, and so can change it."""

PACE = frozenset({"batch_size", "threads", "concurrency", "timeout_s", "tries"})
"""Options of engines that say how fast, not what. A run that ran out of memory goes on with a smaller batch."""

LineOf = Callable[[tuple[str | int, ...]], int | None]
_KEYS = {"task": "name", "quantizer": "method", "engine": "name"}
_FIXES = {
    "model": "add one, such as model: reference (kb eval run --help names the kinds)",
    "task": "add one, such as task: chain (kb eval tasks lists them)",
    "n": "how many samples, at least 1, such as n: 300",
}


class CalibrationSpec(Frozen):
    """The text that a quantizer which needs some looks at; never a text that is evaluated.

    Attributes:
        n: how many samples of the calibration split.
        seed: of those samples.
        task: another task than the evaluated one; None is the same.
    """

    n: int = Field(128, ge=1)
    seed: int = 0
    task: dict[str, Any] | None = None


class RunSpec(Frozen):
    """One run.

    Attributes:
        model: "reference", a folder, a Hugging Face id (id@revision), a .gguf file, a server's URL (url#model).
        task: the task's "name" and its options.
        n: how many samples.
        seed: of the samples. Decoding has its own.
        quantizer: the method under "method" and its options; "none" takes the model as it is.
        kv: bits and group size of the key/value cache; None keeps it at full precision.
        template: what is put around a question; holds {prompt} once.
        chat: the template's result is one user message in the tokenizer's own chat format.
        engine: the engine's "name" and its options.
        calibration: for a quantizer that needs it.
        baseline: id of the run whose outputs this one is held against (differs_at).
        kl: measure the divergence from the model before quantization.
        keep_outputs: keep what the model wrote; otherwise only its hash.
        starts_from: what the model was quantized to before (its files say so, as in Q4_1); a model that is quantized
            already is no full-precision one, and is quantized further only by a spec that says what it starts from.
        trust_remote_code: run Python code that comes with the model.
        name: the run's id; by default one that the spec gives.
    """

    model: str = Field(min_length=1)
    task: dict[str, Any]
    n: int = Field(ge=1, le=1_000_000)
    seed: int = 0
    quantizer: dict[str, Any] = {"method": "none"}  # noqa: RUF012 - pydantic copies it
    kv: dict[str, Any] | None = None
    template: str = "{prompt}"
    chat: bool = False
    decoding: Decoding = Decoding()
    engine: dict[str, Any] = {"name": IN_PROCESS}  # noqa: RUF012
    calibration: CalibrationSpec | None = None
    baseline: str | None = None
    kl: bool = False
    keep_outputs: bool = True
    starts_from: str | None = None
    trust_remote_code: bool = False
    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=120)

    @field_validator("template")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        if value.count("{prompt}") != 1:
            raise ValueError("must hold {prompt} once")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, key in _KEYS.items():
            if not isinstance(getattr(self, name).get(key), str):
                raise ValueError(f"{name}: must say which one: {name}: {{{key}: ...}}")
        engine = str(self.engine["name"])
        if engine != IN_PROCESS:
            for name, given in (
                ("quantizer", self.quantizer["method"] != "none"),
                ("kv", self.kv is not None),
                ("kl", self.kl),
                ("chat", self.chat),
            ):
                if given:
                    raise ValueError(
                        f"{name}: the engine {engine} does not hold the model itself: "
                        f"leave {name} out, or use engine: {IN_PROCESS}"
                    )
        if self.decoding.samples_per_item > 1 and self.decoding.temperature == 0:
            raise ValueError(
                "decoding.samples_per_item: greedy completions are all the same: set a temperature"
            )
        if self.calibration is not None and self.quantizer["method"] == "none":
            raise ValueError("calibration: nothing is quantized: leave it out")
        return self

    def prompt(self, question: str) -> str:
        """A question as the model gets it."""
        return self.template.replace("{prompt}", question)

    def to_data(self) -> dict[str, Any]:
        """Plain data, defaults included."""
        data: dict[str, Any] = self.model_dump(mode="json")
        return data

    @property
    def hash(self) -> str:
        """16 hex digits that name the experiment."""
        return data_hash(experiment(portable(self.to_data())))

    @property
    def run_id(self) -> str:
        """The folder's name: readable, and of this spec alone."""
        if self.name:
            return self.name
        parts = [
            "-".join(portable(self.model).rstrip("/").split("/")[-2:]),
            _short(self.quantizer),
            f"kv{self.kv.get('bits', '')}" if self.kv else "",
            str(self.task["name"]),
            f"n{self.n}-s{self.seed}",
        ]
        return "-".join([*filter(None, map(slug, parts)), self.hash[:8]])


def slug(text: str) -> str:
    """A part of a run's id."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def _short(quantizer: Mapping[str, Any]) -> str:
    method = str(quantizer["method"])
    if method == "none":
        return "none"
    bits, group = quantizer.get("bits"), quantizer.get("group_size")
    return f"{method}{bits or ''}" + (f"g{group}" if isinstance(group, int) and group > 0 else "")


def portable(value: Any) -> Any:
    """Plain data without what is one person's own: folders above a file, the address of a server that is not public."""
    if isinstance(value, Mapping):
        return {str(key): item if key == "template" else portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(item) for item in value]
    if not isinstance(value, str) or len(value) >= 4096 or "\n" in value:
        return value
    if value.startswith(("http://", "https://")):
        return _public(value)
    path = PurePath(value)
    return path.name if path.is_absolute() and len(path.parts) > 2 else value


def _public(url: str) -> str:
    """http://10.0.0.7:8000/v1#name as http://server/v1#name."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name = host.rpartition("@")[2].partition(":")[0]
    last = name.rpartition(".")[2]
    is_public = (
        "." in name and last.isalpha() and last not in {"local", "internal", "lan", "localdomain", "home"}
    )
    return url if is_public and "@" not in host else f"{scheme}://server{slash}{path}"


def experiment(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's plain data without its name and without what changes the pace alone."""
    engine = {name: value for name, value in spec["engine"].items() if name not in PACE}
    return {name: value for name, value in spec.items() if name != "name"} | {"engine": engine}


def canonical(data: Any) -> str:
    """The one JSON text of plain data."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def data_hash(data: Any) -> str:
    """16 hex digits that name plain data."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:16]


def parse_spec(data: Mapping[str, Any], *, file: str | None = None, line_of: LineOf | None = None) -> RunSpec:
    """A run's spec from what a file holds.

    Args:
        data: as YAML or JSON gives it.
        file, line_of: where it stands, for messages.

    Raises:
        UsageError: an unknown field, a value out of range, settings that exclude each other; all of them.
    """
    try:
        return parse_options(RunSpec, _long(data), "run")
    except UsageError as error:
        raise UsageError.bundle([_placed(item, file, line_of) for item in (error, *error.others)]) from None


def _long(data: Mapping[str, Any]) -> dict[str, Any]:
    """`task: chain` written out, and so for the other two."""
    full = {
        name: {_KEYS[name]: value} if name in _KEYS and isinstance(value, str) else value
        for name, value in data.items()
    }
    # The strict models take a nested configuration only as the mapping it is.
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in full.items()}


def _placed(error: UsageError, file: str | None, line_of: LineOf | None) -> UsageError:
    """The error with its file, its line and the way to mend it."""
    field, message, fix = (error.field or "").removeprefix("run: "), error.message, error.fix
    if not field and (found := re.match(r"([a-z_.]+): (.*?)(?:: ([a-z].*))?$", message)):
        field, message, fix = found.group(1), found.group(2), found.group(3) or fix  # of the whole spec
    message = {"Field required": "is missing"}.get(message, message)
    line = line_of(tuple(field.split("."))) if line_of is not None and field else None
    return UsageError(message, file=file, line=line, field=field or None, fix=fix or _FIXES.get(field))


def in_file(error: KbError, file: str | None) -> KbError:
    """The same error of a part (a task's option, a quantizer's), naming the spec's file."""
    if error.file is None:
        error.file = file
        for other in error.others:
            other.file = other.file or file
    return error


# Grids

AXES: Sequence[str] = ("model", "task", "seed", "quantizer", "kv")
FULL = "full"
"""In a sweep, `baseline: full` holds every cell against the one with the same model, task and seed at full precision."""


def parse_grid(
    data: Mapping[str, Any],
    *,
    complete: Callable[[RunSpec], RunSpec] = lambda spec: spec,
    file: str | None = None,
    line_of: LineOf | None = None,
) -> list[RunSpec]:
    """The cells of a sweep: a run's spec in which model, task, seed, quantizer and kv may be lists.

    Cells at full precision come first where others are held against them.

    Args:
        complete: writes out the defaults of each cell's parts (`Parts.complete`): a cell's id comes from all settings.

    Raises:
        UsageError: as `parse_spec`; an empty list; two cells that are the same; a baseline that is not in the grid.
    """
    if "name" in data:
        raise UsageError("every cell has its own id", file=file, field="name", fix="leave it out")
    points: list[dict[str, Any]] = [dict(data)]
    for axis in AXES:
        values = data.get(axis)
        if not isinstance(values, (list, tuple)):
            continue
        if not values:
            raise UsageError(
                "is an empty list", file=file, field=axis, fix="name at least one, or leave it out"
            )
        points = [{**point, axis: value} for point in points for value in values]
    wants_full = data.get("baseline") == FULL
    cells = [
        complete(parse_spec({**point, "baseline": None} if wants_full else point, file=file, line_of=line_of))
        for point in points
    ]
    ids = [cell.run_id for cell in cells]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise UsageError(
            f"two cells are the same: {twice[0]}", file=file, fix="take one of them out of its list"
        )
    return _with_baselines(cells, file) if wants_full else cells


def is_full(spec: RunSpec) -> bool:
    """Whether the model runs as it is."""
    return is_full_data(spec.to_data())


def is_full_data(spec: Mapping[str, Any]) -> bool:
    """The same of a spec's plain data, as a manifest keeps it."""
    return spec["quantizer"]["method"] == "none" and spec.get("kv") is None


def _with_baselines(cells: Sequence[RunSpec], file: str | None) -> list[RunSpec]:
    def place(cell: RunSpec) -> str:
        return canonical([cell.model, cell.task, cell.seed])

    full = {place(cell): cell.run_id for cell in cells if is_full(cell)}
    if missing := [cell for cell in cells if place(cell) not in full]:
        raise UsageError(
            f"nothing is at full precision for {missing[0].model}",
            file=file,
            field="baseline",
            fix="put none into the list of quantizers (and null into kv), or name a run",
        )
    rest = [cell.model_copy(update={"baseline": full[place(cell)]}) for cell in cells if not is_full(cell)]
    return [*(cell for cell in cells if is_full(cell)), *rest]
