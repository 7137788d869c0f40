"""Questions to the model, from options and from rows of a table: spellings, sizes, bits, baselines."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from kb.errors import DataError
from kb.link.predict.cases import Case, make_case
from kb.link.predict.hull import Outside
from kb.records.claims import Origin, TaskKind
from kb.records.results import Benchmark, Method, MethodKind, Model, Vocabulary
from kb.records.results_files import number, spellings_of
from kb.records.results_table import bits_of, method_of, source_of
from kb.records.results_words import folded, suggest
from kb.records.yaml_read import BOM

NEEDED = ("model", "method", "weight_bits", "benchmark")
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*b(?![a-z])", re.I)
_SLUG = re.compile(r"[^a-z0-9]+")
_WORD = re.compile(r"[a-z0-9]+")
_UNNAMED = "a model of this size"
_ORIGINS = (("distill", Origin.DISTILLED), ("instruct", Origin.INSTRUCT), ("base", Origin.BASE))


@dataclass(frozen=True)
class Asked:
    """A question as a case; what of it no word of the vocabulary covers; what was assumed."""

    case: Case
    outside: tuple[Outside, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of a table as a question, or one line about what is wrong; the score that stands in it, if any."""

    line: int
    asked: Asked | None
    problem: str | None = None
    score: float | None = None


class Reader:
    """Reads questions in the words of a vocabulary.

    Args:
        papers: keys of records by arXiv id.
        baselines: see `cases.known_baselines`.
    """

    def __init__(
        self,
        words: Vocabulary,
        papers: Mapping[str, str],
        baselines: Mapping[tuple[str, str, str], tuple[float, ...]],
    ) -> None:
        self.words, self.papers, self.baselines = words, papers, baselines
        self.spellings = spellings_of(words)

    def question(
        self,
        *,
        model: str | None,
        size: float | None,
        origin: str | None,
        method: str,
        bits: tuple[float, float, float],
        benchmark: str,
        baseline: float | None,
        source: str | None = None,
    ) -> Asked:
        """
        Raises:
            DataError: names the field and the fix.
        """
        outside: list[Outside] = []
        notes: list[str] = []
        for name, value in zip(("weight_bits", "act_bits", "kv_bits"), bits, strict=True):
            if not 0 < value <= 32:
                raise DataError(f"{value:g} is no number of bits", field=name, fix="write 1 to 16")
        known = self._model(model, size, origin, outside, notes)
        way, variant = self._method(method, bits, outside)
        bench = self._benchmark(benchmark, outside)
        named = known.name != _UNNAMED
        start = self._baseline(baseline, source or "", known.name, bench.name, notes)
        case = make_case(
            self.words,
            model=known,
            method=way,
            benchmark=bench,
            bits=bits,
            baseline=start,
            source=source or "",
            variant=variant,
            named=named,
        )
        return Asked(case, tuple(outside), tuple(notes))

    def _model(
        self,
        name: str | None,
        size: float | None,
        origin: str | None,
        outside: list[Outside],
        notes: list[str],
    ) -> Model:
        if size is not None and not (math.isfinite(size) and size > 0):
            raise DataError(
                f"{size:g} is no size", field="model_size", fix="billions of parameters, such as 7"
            )
        found = self.spellings["model"].find(name) if name else None
        if found:
            known = self.words.models[found]
            if size is not None and not 0.8 <= size / known.size_b <= 1.25:
                fix = f"leave one of them out: {known.name} has {known.size_b:g}"
                raise DataError(
                    f"{size:g} billion is not the size of {known.name}", field="model_size", fix=fix
                )
            return known
        if name:
            outside.append(Outside("model", None, f"the model {name} is not in results/_models.yaml"))
            if size is None and (said := _SIZE.findall(name)):
                size = max(float(each) for each in said)
                notes.append(f"size {size:g} billion, from the name")
        if size is None:
            fix = suggest(name or "", self.words.models, "give its size, or add it to results/_models.yaml")
            what = f"the size of {name!r} is not known" if name else "no model and no size is given"
            raise DataError(what, field="model", fix=fix)
        guess = next((one for part, one in _ORIGINS if name and part in name.casefold()), Origin.DISTILLED)
        if origin is None:
            notes.append(f"taken for a model of origin {guess.value}")
        came = Origin(origin) if origin else guess
        return Model(name=_UNNAMED, family=_UNNAMED, origin=came, size_b=size)

    def _method(
        self, spelling: str, bits: tuple[float, float, float], outside: list[Outside]
    ) -> tuple[Method, str]:
        found = method_of(spelling, self.spellings["method"]) or self._within(spelling)
        if found is None:
            text = f"the method {spelling} is not in results/_methods.yaml"
            outside.append(Outside("method", None, text))
            slug = _SLUG.sub("-", spelling.casefold()).strip("-") or "unknown"
            return Method(name=slug, title=slug, family="unknown", kind=MethodKind.POST_TRAINING), ""
        known = self.words.methods[found[0]]
        quantizes = min(bits) < 16
        if known.kind is MethodKind.OTHER or (known.kind is MethodKind.NONE and quantizes):
            fix = "name one of results/_methods.yaml, such as awq or gptq"
            raise DataError(f"{known.name} does not quantize", field="method", fix=fix)
        return known, found[1] or ""

    def _within(self, spelling: str) -> tuple[str, str | None] | None:
        """The longest known method whose words all stand in the spelling: AutoAWQ no, AWQ-g128 yes."""
        said = _WORD.findall(spelling.casefold())
        best = ""
        for alias in self.spellings["method"].names:
            parts = _WORD.findall(alias)
            if len(alias) > max(2, len(best)) and parts and all(part in said for part in parts):
                best = alias
        known = self.spellings["method"].names.get(best)
        if known is None or self.words.methods[known].kind not in {
            MethodKind.POST_TRAINING,
            MethodKind.TRAINING,
        }:
            return None
        return known, " ".join(spelling.split())

    def _benchmark(self, spelling: str, outside: list[Outside]) -> Benchmark:
        found = self.spellings["benchmark"].find(spelling)
        if found:
            return self.words.benchmarks[found]
        outside.append(
            Outside("benchmark", None, f"the benchmark {spelling} is not in results/_benchmarks.yaml")
        )
        return Benchmark(name=" ".join(spelling.split()) or "unknown", kind=TaskKind.OTHER)

    def _baseline(
        self, value: float | None, source: str, model: str, benchmark: str, notes: list[str]
    ) -> float:
        if value is not None:
            if not 0 <= value <= 100:
                raise DataError(
                    f"{value:g} is no accuracy in percent", field="baseline", fix="write 0 to 100"
                )
            return value
        for key in ((source, model, benchmark), ("", model, benchmark)):
            if seen := self.baselines.get(key):
                middle = median(seen)
                notes.append(f"baseline {middle:g}, as reported of {model} on {benchmark}")
                return middle
        raise DataError(
            "there is no baseline, and none is reported of this model on this benchmark",
            field="baseline",
            fix="give the accuracy at full precision",
        )

    def rows(self, text: str, file: str) -> Iterator[Row]:
        """The rows of a table in the shared format; what is wrong with a row stands in its `problem`.

        Raises:
            DataError: there is no header, or a column that every row needs is missing.
        """
        reader = csv.reader(io.StringIO(text.removeprefix(BOM), newline=""))
        header = [name.strip() for name in next(reader, [])]
        for name in NEEDED:
            if name not in header:
                raise DataError("the column is missing", file=file, line=1, field=name, fix="add it")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if len(cells) != len(header):
                message = f"has {len(cells)} cells, and the header {len(header)}"
                fix = "text that holds a comma must stand in double quotes"
                yield Row(line, None, str(DataError(message, file=file, line=line, fix=fix)))
                continue
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            score = number(values.get("score", ""))
            try:
                yield Row(line, self._row(values), None, None if score is None else float(score))
            except DataError as error:
                said = DataError(error.message, file=file, line=line, field=error.field, fix=error.fix)
                yield Row(line, None, str(said))

    def _row(self, values: Mapping[str, str]) -> Asked:
        for name in NEEDED:
            if not values[name]:
                raise DataError("is empty", field=name, fix="fill it in")
        bits = []
        for name in ("weight_bits", "act_bits", "kv_bits"):
            cell = values.get(name) or "16"
            found = bits_of(cell)
            if found is None:
                raise DataError(f"{cell!r} is no number of bits", field=name, fix="write 4, or 3.59avg")
            bits.append(found[0])
        baseline = number(values.get("baseline_score", ""))
        if values.get("baseline_score") and baseline is None:
            cell = values["baseline_score"]
            raise DataError(
                f"{cell!r} is no number", field="baseline_score", fix="write a plain number such as 41.8"
            )
        metric = folded(values.get("metric", ""))
        if "fraction" in metric or any(
            word in metric for word in ("latency", "token", "ece", "memory", "speed")
        ):
            raise DataError(
                f"{metric!r} is not predicted", field="metric", fix="only accuracies in percent are"
            )
        source = source_of(
            values.get("paper_arxiv_id", ""),
            values.get("source_url_or_repo_path", ""),
            self.words,
            self.papers,
        )
        size = number(values.get("model_size_b", ""))
        try:
            return self.question(
                model=values["model"],
                size=None if size is None else float(size),
                origin=None,
                method=values["method"],
                bits=(bits[0], bits[1], bits[2]),
                benchmark=values["benchmark"],
                baseline=None if baseline is None else float(baseline),
                source=source,
            )
        except DataError as error:
            field = "baseline_score" if error.field == "baseline" else error.field
            raise DataError(error.message, field=field, fix=error.fix) from None
