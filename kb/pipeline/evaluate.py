"""What `kb eval` does: the harness at the place of a knowledge base. The only writing goes into runs/.

The harness itself knows nothing of YAML, kb.toml or the folder; it gets them from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.config import CONFIG_NAME, Config, load_config
from kb.errors import DataError, KbError, UsageError
from kb.harness.logs import parse_log
from kb.harness.logs.imported import ImportedRun
from kb.harness.manifest import FORMAT, IMPORTED, commit_of
from kb.harness.parts import RealParts
from kb.harness.reproduce import Reproduction, reproduce
from kb.harness.run import Parts, Progress, no_progress, run
from kb.harness.runs import MANIFEST, Run, list_runs, load_run, write_file, write_run
from kb.harness.slurm import slurm_script
from kb.harness.spec import RunSpec, data_hash, in_file, parse_grid, parse_spec, slug
from kb.harness.sweep import Backend, Outcome, SweepReport, job_of, run_job, sweep
from kb.records.files import read_utf8
from kb.records.yaml_read import Document, parse_yaml

QUICK: Mapping[str, Any] = {
    "model": "reference",
    "task": "chain",
    "n": 200,
    "quantizer": [
        "none",
        {"method": "rtn", "bits": 8, "group_size": -1},
        {"method": "rtn", "bits": 4, "group_size": 32},
        {"method": "rtn", "bits": 4, "group_size": -1},
        {"method": "rtn", "bits": 3, "group_size": 32},
        {"method": "rtn", "bits": 3, "group_size": -1},
        {"method": "rtn", "bits": 2, "group_size": 32},
    ],
    "baseline": "full",
    "kl": True,
    "decoding": {"max_new_tokens": 160},
    "engine": {"name": "transformers", "batch_size": 64},
}
"""What `kb eval run --quick` does: the model that comes with kb, at full precision and rounded to ever fewer bits."""


PICTURES = ("accuracy-by-bits", "accuracy-by-length", "first-error-by-step", "calibration")
"""What `kb eval run --quick` draws."""


@dataclass(frozen=True)
class Place:
    """Where runs are kept, and what they are made with.

    Attributes:
        root: the knowledge base; None where runs are written somewhere else.
    """

    root: Path | None
    runs: Path
    parts: Parts

    @property
    def commit(self) -> dict[str, Any] | None:
        return commit_of(self.root) if self.root is not None else None

    def find(self, name: str) -> Path:
        """The folder of a run: by its id, the beginning of it that no other has, or a path.

        Raises:
            UsageError: there is none, or more than one.
        """
        if "/" in name or name in {".", ".."}:
            folder = Path(name)
            if (folder / MANIFEST).is_file():
                return folder
        elif (self.runs / name / MANIFEST).is_file():
            return self.runs / name
        alike = sorted(path.parent.name for path in self.runs.glob(f"*/{MANIFEST}"))
        found = [id for id in alike if id.startswith(name)]
        if len(found) == 1:
            return self.runs / found[0]
        said = f"{len(found)} runs begin with {name}" if found else f"no run {name}"
        raise UsageError(said, fix="kb eval list shows the runs")

    def load(self, name: str) -> Run:
        return load_run(self.find(name))


def place(root: Path, out: Path | None = None, parts: Parts | None = None) -> Place:
    """The knowledge base in `root`, or the folder `out`, which needs no knowledge base."""
    if out is not None:
        home = root.resolve() if (root / CONFIG_NAME).is_file() else None
        return Place(home, out, parts or RealParts(str(home) if home else None))
    config = load_config(root.resolve())
    return Place(config.root, runs_dir(config), parts or RealParts(str(config.root)))


def runs_dir(config: Config) -> Path:
    """Where a knowledge base keeps its runs: `kb eval` alone writes there."""
    return config.root / "runs"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of a spec's parts name its file."""
    try:
        yield
    except KbError as error:
        raise in_file(error, str(path)) from None


def read_spec(path: Path) -> Document:
    """A spec's file.

    Raises:
        UsageError: there is no such file.
        DataError: it is not in the subset of YAML that records are written in.
    """
    if not path.is_file():
        raise UsageError("there is no such spec", file=path, fix="kb eval run --quick needs none")
    return parse_yaml(read_utf8(path), file=str(path), plain=frozenset({"n"}))


def load_spec(path: Path, parts: Parts) -> RunSpec:
    """The one run that a file asks for, every default spelled out."""
    found = read_spec(path)
    spec = parse_spec(found.data, file=str(path), line_of=found.line_of)
    with _naming(path):
        return parts.complete(spec)


def load_grid(path: Path, parts: Parts) -> list[RunSpec]:
    """The cells that a file asks for."""
    found = read_spec(path)
    with _naming(path):
        return parse_grid(found.data, complete=parts.complete, file=str(path), line_of=found.line_of)


def quick_grid(parts: Parts, changes: Mapping[str, Any] | None = None) -> list[RunSpec]:
    """The cells of `kb eval run --quick`."""
    return parse_grid({**QUICK, **(changes or {})}, complete=parts.complete)


def run_file(where: Place, path: Path, progress: Progress = no_progress) -> Run:
    """Make the run that a file asks for, or what is missing of it."""
    spec = load_spec(path, where.parts)
    with _naming(path):
        return run(spec, where.runs, parts=where.parts, commit=where.commit, progress=progress)


def run_grid(
    where: Place,
    cells: Sequence[RunSpec],
    backend: Backend,
    progress: Callable[[Outcome, int, int], None] = lambda outcome, done, total: None,
) -> SweepReport:
    """Make every run of a grid that is not complete."""
    return sweep(cells, where.runs, backend, parts=where.parts, commit=where.commit, progress=progress)


def run_cell(where: Place, cells: Sequence[RunSpec], number: int) -> str | None:
    """Make one cell of a grid, in this process; None, or what went wrong."""
    if not 0 <= number < len(cells):
        raise UsageError(f"there is no cell {number}", field="--cell", fix=f"0 to {len(cells) - 1}")
    return run_job(job_of(cells[number], where.runs, commit=where.commit, parts=where.parts))


def write_slurm(cells: Sequence[RunSpec], command: Sequence[str], file: Path) -> None:
    """The script of a grid."""
    if file.exists():
        raise UsageError("is there already", file=file, fix="choose another name, or delete it")
    try:
        write_file(file, slurm_script(cells, command=command, file=str(file)))
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=file) from error


def repeat(
    where: Place,
    name: str,
    model: str | None = None,
    progress: Progress = no_progress,
    *,
    data: Path | None = None,
    calibration_data: Path | None = None,
) -> Reproduction:
    """Run it again in a temporary folder, and say what differs.

    Args:
        model, data, calibration_data: where these lie on this machine, if the run's own names do not say.
    """
    folder = where.find(name)
    return reproduce(
        folder.name,
        folder.parent,
        model=model,
        data=data,
        calibration_data=calibration_data,
        parts=where.parts,
        commit=where.commit,
        progress=progress,
    )


def all_runs(where: Place) -> tuple[list[Run], list[KbError]]:
    """Every run, without its results, and what could not be read."""
    return list_runs(where.runs)


def whole_runs(where: Place, cells: Sequence[RunSpec]) -> list[Run]:
    """The runs of a grid that are complete, with their results."""
    found = []
    for cell in cells:
        try:
            made = load_run(where.runs / cell.run_id)
        except (UsageError, DataError):
            continue
        if made.state != "running":
            found.append(made)
    return found


def import_log(where: Place, path: Path) -> list[Run]:
    """Runs that another harness made, each in a folder of its own. Those that are here already are left alone.

    Raises:
        UsageError: no known log.
        DataError: the log is damaged or unfinished.
    """
    return [_keep(where, found) for found in parse_log(path)]


def _keep(where: Place, found: ImportedRun) -> Run:
    stated = dict(found.manifest)
    model, task, engine = (dict(stated.get(name) or {}) for name in ("model", "task", "engine"))
    content = data_hash([stated, [result.to_line() for result in found.results]])
    words = [
        str((stated.get("source") or {}).get("tool", "log")),
        str(model.get("id", "")),
        str(task.get("name", "")),
    ]
    run_id = "-".join([*filter(None, map(slug, words)), content[:8]])
    # The settings where a run made here has them, so that the two can be held against each other.
    spec = {
        "model": model.get("id"),
        "task": {"name": task.get("name")},
        "n": task.get("n"),
        "seed": task.get("seed"),
        "template": stated.get("template"),
        "decoding": stated.get("decoding"),
        "engine": {"name": engine.get("name")},
    }
    manifest = {
        **stated,
        "format": FORMAT,
        "id": run_id,
        "state": IMPORTED,
        "spec": spec,
        "unknown": list(found.unknown),
    }
    folder = where.runs / run_id
    if (folder / MANIFEST).is_file():
        return load_run(folder)
    return write_run(folder, manifest, found.results)


def plot(runs: Sequence[Run], folder: Path, names: Sequence[str] = PICTURES) -> list[Path]:
    """Pictures of the runs, a PNG and an SVG each.

    Raises:
        UpstreamError: matplotlib is not installed.
    """
    from kb.harness.plots import cell_of, save

    try:
        return save([cell_of(run) for run in runs], folder, names)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=folder) from error
