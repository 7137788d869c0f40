"""A sweep for Slurm: one shell script that submits itself as a job array, a task a cell.

Cells that others are held against are an array of their own, and the others wait for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from kb.harness.spec import RunSpec
from kb.harness.sweep import in_phases, job_of

_SCRIPT = """\
#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --output=slurm-%A_%a.log
# {count} cells. Submit it from the folder of the knowledge base, whose runs/ all machines share:  sh {file}
# Add what your cluster asks for (partition, account, time, --gres=gpu:1) above, as further #SBATCH lines.
# Submit it again after a failure: cells that are complete are left alone.
set -eu

if [ -z "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
{submit}
    exit 0
fi

export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
exec {command} --cell "$SLURM_ARRAY_TASK_ID"
"""


def slurm_script(cells: Sequence[RunSpec], *, command: Sequence[str], file: str) -> str:
    """The text of the script.

    Args:
        cells: as `parse_grid` gives them: baselines first.
        command: what runs the sweep, to which ``--cell NUMBER`` is added.
        file: the script's own name.
    """
    first, second = in_phases([job_of(cell, Path()) for cell in cells])
    place = {cell.run_id: number for number, cell in enumerate(cells)}
    script = shlex.quote(file)
    if second:
        submit = (
            f"    first=$(sbatch --parsable --array={_numbers([place[job.run_id] for job in first])} {script})\n"
            f'    sbatch --dependency="afterany:${{first%%;*}}" '
            f"--array={_numbers([place[job.run_id] for job in second])} {script}"
        )
    else:
        submit = f"    sbatch --array={_numbers(list(place.values()))} {script}"
    return _SCRIPT.format(
        name="kb-sweep",
        count=len(cells),
        file=script,
        submit=submit,
        command=" ".join(map(shlex.quote, command)),
    )


def _numbers(numbers: Sequence[int]) -> str:
    """0,1,2,5 as 0-2,5."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
