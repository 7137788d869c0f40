"""Which evidence speaks to a claim, and why the rest does not.

A score speaks to a claim if the claim's variant names its setting, its metric is the claim's, and its model, benchmark and
chain fulfil the conditions; it is then held against the baseline in the same source. What was nearly evidence is listed
with the reason. A person's veto takes out, a person's attachment brings in whatever the conditions say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kb.errors import UsageError
from kb.harness.compare import settings_of
from kb.harness.manifest import differences
from kb.link.cells import Cell, make_cell
from kb.link.evidence import FULL, FULL_PRECISION, NONE, Measured, Setting
from kb.records.claims import Arm, Claim, Conditions, Metric, Origin
from kb.records.results import Certainty

UNFIT = "?"
"""No method's name: what can be held against nothing."""


@dataclass(frozen=True)
class LeftOut:
    """A score that the claim's variant names, and why it does not count."""

    ref: str
    reason: str


@dataclass(frozen=True)
class Matched:
    """What speaks to a claim.

    Attributes:
        cells: under the conditions, by ref.
        contrast: under `contrast`, for a claim that has one.
        left_out: with reasons, by ref.
    """

    cells: tuple[Cell, ...]
    contrast: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]


class Evidence:
    """All that was measured, ready to be asked.

    Args:
        reported: rows with their own baselines.
        runs: what the harness measured.
    """

    def __init__(
        self, reported: Iterable[tuple[Measured, Measured | None]], runs: Iterable[Measured] = ()
    ) -> None:
        self._own: dict[str, Measured | None] = {}
        every: list[Measured] = []
        for row, baseline in reported:
            every.append(row)
            self._own[row.ref] = baseline
        every += runs
        self.every: Sequence[Measured] = sorted(every, key=lambda each: each.ref)
        self._beside: dict[tuple[object, ...], list[Measured]] = {}
        self._named: dict[tuple[Metric, str | None], list[Measured]] = {}
        for each in self.every:
            if each.unfit is None:
                self._beside.setdefault(_table(each), []).append(each)
                for name in {each.setting.method, each.setting.family, None}:
                    self._named.setdefault((each.metric, name), []).append(each)
            else:
                self._named.setdefault((each.metric, UNFIT), []).append(each)

    def match(self, claim: Claim) -> Matched:
        """The cells that speak to `claim`."""
        cells: list[Cell] = []
        contrast: list[Cell] = []
        left: dict[str, str] = {}
        if claim.variant is None:
            return Matched((), (), ())
        for each in self._named.get((claim.metric, UNFIT), ()):
            if each.unfit is not None and unfulfilled(claim.conditions, each) is None:
                left[each.ref] = each.unfit
        for each in self._asked(claim.metric, claim.variant):
            if each.setting.is_full or not names(claim.variant, each.setting):
                continue
            if why := _vetoed(claim, each.ref):
                left[each.ref] = why
                continue
            attached = any(fnmatchcase(each.ref, pattern) for pattern in claim.evidence.attach)
            found = self._place(claim, each, attached)
            if isinstance(found, str):
                left[each.ref] = found
            elif found[1]:
                contrast.append(found[0])
            else:
                cells.append(found[0])
        return Matched(
            tuple(cells), tuple(contrast), tuple(LeftOut(ref, why) for ref, why in sorted(left.items()))
        )

    def _asked(self, metric: Metric, arm: Arm) -> Iterable[Measured]:
        """Scores of the methods and families that the arm says, by ref; all of the metric, if it says none."""
        if not arm.method:
            return self._named.get((metric, None), ())
        found = {each.ref: each for name in arm.method for each in self._named.get((metric, name), ())}
        return [found[ref] for ref in sorted(found)]

    def _place(self, claim: Claim, each: Measured, attached: bool) -> tuple[Cell, bool] | str:
        """The cell, and whether it is the contrast's; or why there is none."""
        if each.certainty is Certainty.LOW and not attached:
            return "the source does not add up there (certainty low)"
        why = unfulfilled(claim.conditions, each)
        of_contrast = claim.contrast is not None and unfulfilled(claim.contrast, each) is None
        if of_contrast and why is None:
            of_contrast = _says(claim.contrast) > _says(claim.conditions)
        if why is not None and not of_contrast and not attached:
            return why
        try:
            baseline = self.baseline(claim.baseline, each)
            return make_cell(each, baseline, percent=claim.unit == "percent"), of_contrast
        except UsageError as error:
            return error.message

    def baseline(self, arm: Arm | None, variant: Measured) -> Measured:
        """What the variant is held against.

        Raises:
            UsageError: nothing that the arm names was measured beside it, or more than one thing.
        """
        wanted = _against(arm, variant.setting)
        if (own := self._own.get(variant.ref)) is not None and names(wanted, FULL_PRECISION):
            return own
        found = [
            each
            for each in self._beside[_table(variant)]
            if each.ref != variant.ref and names(wanted, each.setting)
        ]
        if not found and names(wanted, variant.setting):
            raise UsageError("it is the baseline itself")
        if not found:
            raise UsageError(f"the baseline ({_said(wanted)}) was not measured beside it")
        found = [each for each in found if each.certainty is not Certainty.LOW]
        if not found:
            raise UsageError(f"the baseline ({_said(wanted)}) does not add up in the source (certainty low)")
        if len(found) > 1:
            found = _most_alike(variant, found)
        first, *others = found
        if others:
            settings = dict.fromkeys(str(each.setting) for each in found)
            what = f"one setting: {', '.join(settings)}" if len(settings) > 1 else "one run"
            which = "" if len(settings) > 1 else f": {first.ref}, {others[0].ref}"
            raise UsageError(f"the baseline ({_said(wanted)}) is not {what}{which}")
        return first


def names(arm: Arm, setting: Setting) -> bool:
    """Whether the arm names the setting. Special settings of a method only where it asks for them."""
    if arm.method and not {setting.method, setting.family} & set(arm.method):
        return False
    if arm.variant != setting.variant and arm.variant != "*":
        return False
    asked = (
        (arm.weight_bits, setting.weight_bits),
        (arm.act_bits, setting.act_bits),
        (arm.kv_bits, setting.kv_bits),
    )
    return all(not wanted or any(abs(bits - each) < 1e-6 for each in wanted) for wanted, bits in asked)


def unfulfilled(conditions: Conditions, each: Measured) -> str | None:
    """Which condition the score does not fulfil, said for people; None if it fulfils all."""
    toy = each.origin is Origin.REFERENCE
    if toy and Origin.REFERENCE not in conditions.model_origin and each.model not in conditions.model:
        return "a small model of the harness, which the claim does not speak of"
    lists = (
        ("model", each.model, conditions.model),
        ("model origin", each.origin, conditions.model_origin),
        ("task kind", each.task_kind, conditions.task_kind),
        ("benchmark", each.benchmark, conditions.benchmark),
    )
    for what, value, wanted in lists:
        if wanted and value not in wanted:
            return f"{what} is {value or _unknown(what, each)}, not {' or '.join(wanted)}"
    ranges = (
        ("model size (billions)", each.size_b, conditions.model_size_b),
        ("difficulty", each.difficulty, conditions.difficulty),
        ("chain length", each.chain_length, conditions.chain_length),
    )
    for what, number, span in ranges:
        if span is not None and (number is None or number not in span):
            return f"{what} is {_unknown(what, each) if number is None else f'{number:g}'}, not {span}"
    return None


def _unknown(what: str, each: Measured) -> str:
    """Not known, and where it could be said: of a run, a model or benchmark may have no entry in the vocabulary."""
    if what.startswith("model") and each.family is None:
        return f"not known (results/_models.yaml has no {each.model})"
    if not what.startswith("model") and each.task_kind is None:
        return f"not known (results/_benchmarks.yaml has no {each.benchmark})"
    return "not known"


def _says(conditions: Conditions | None) -> int:
    """How many conditions there are."""
    return sum(bool(value) for value in dict(conditions).values()) if conditions else 0


def _against(arm: Arm | None, variant: Setting) -> Arm:
    """The baseline's arm with what it leaves open: as in the variant, or full precision."""
    if arm is None or NONE in arm.method:
        full = (FULL,)
        arm = arm or Arm(method=(NONE,))
        return arm.model_copy(
            update={name: getattr(arm, name) or full for name in ("weight_bits", "act_bits", "kv_bits")}
        )
    made = arm.model_copy(
        update={
            name: getattr(arm, name) or (getattr(variant, name),)
            for name in ("weight_bits", "act_bits", "kv_bits")
        }
    )
    if made.method or made.variant == "*":
        return made
    if made.weight_bits == made.act_bits == made.kv_bits == (FULL,):
        return made.model_copy(update={"method": (NONE,)})
    return made if names(made, variant) else made.model_copy(update={"method": (variant.method,)})


def _most_alike(variant: Measured, found: list[Measured]) -> list[Measured]:
    """Of several runs that fit, the one that the variant's run names as its baseline; else those that were made alike."""
    if variant.manifest is None:
        return found
    named = (variant.manifest.get("spec") or {}).get("baseline")
    chosen = [each for each in found if named and each.manifest and each.manifest.get("id") == named]
    wanted = settings_of(variant.manifest)
    alike = [each for each in found if each.manifest and not differences(settings_of(each.manifest), wanted)]
    return chosen or alike or found


def _table(each: Measured) -> tuple[object, ...]:
    """Scores of one table: the same source, model, items and metric; of runs, the same samples as well."""
    samples: Mapping[str, object] = (each.manifest or {}).get("task", {}) if each.manifest else {}
    return (
        each.source,
        each.model,
        each.benchmark,
        each.chain_length,
        each.metric,
        samples.get("seed"),
        samples.get("version"),
    )


def _vetoed(claim: Claim, ref: str) -> str | None:
    for veto in claim.evidence.veto:
        if fnmatchcase(ref, veto.ref):
            return f"taken out by a person: {veto.reason}"
    return None


def _said(arm: Arm) -> str:
    bits = (
        ("W", arm.weight_bits),
        ("A", arm.act_bits),
        ("KV", arm.kv_bits),
    )
    tail = "".join(f"{name}{'/'.join(f'{each:g}' for each in values)}" for name, values in bits if values)
    return " ".join((*arm.method, tail)).strip()
