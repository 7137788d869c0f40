"""`kb freeze`: a dated archive of the whole survey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_DATA, EXIT_OK, UsageError


@click.command(
    epilog=examples(
        "kb freeze",
        "kb freeze --out ~/archive/",
        "kb freeze --verify build/my-survey-2026-01-31.zip",
        "unzip my-survey-2026-01-31.zip && cd my-survey-2026-01-31 && sha256sum -c MANIFEST.sha256",
    )
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The archive, or a folder for it.  [default: build/<title>-<date>.zip]",
)
@click.option(
    "--verify", type=click.Path(path_type=Path), metavar="ARCHIVE", help="Check an archive instead."
)
@click.option("--dirty", is_flag=True, help="Allow what is not committed; the archive says so.")
@click.option("--force", is_flag=True, help="Replace an archive that is there.")
@click.option(
    "--no-program", is_flag=True, help="Leave kb itself out (about 16 MB); the README names its version."
)
@json_option
@click.pass_obj
def freeze(state: Any, /, verify: Path | None, no_program: bool, as_json: bool, **told: Any) -> int:
    """Pack the survey into one dated archive that needs neither kb nor a server, for a deposit or for the last day.

    In it: the site, which opens from disk; everything that git keeps (records, taxonomy, decisions, results, runs, verdicts,
    schemas, settings); the bibliography in every format; CITATION.cff and .zenodo.json; a README that says how to build it
    again, and kb itself; SHA-256 of every file. Never in it: abstracts, caches, and what is not committed, but for the site.

    It is a ZIP because Zenodo shows what is in one and every system opens it. The same commit gives the same bytes, with
    the same programs; the date is the commit's, or SOURCE_DATE_EPOCH. A survey in which kb check finds an error is not packed.

    --verify holds an archive against its list of files (exit code 3 if one is damaged, changed, missing or not listed).
    """
    from kb.cli_output import SyncProgress, say, say_json

    if verify is not None:
        if no_program or any(told.values()):
            raise UsageError("--verify only reads", fix="leave the other options out")
        return _verify(verify, as_json)
    from kb.pipeline.freeze import freeze as run

    with SyncProgress(quiet=as_json) as progress:
        done = run(state.config(), program=not no_program, progress=progress, **told)
    if as_json:
        say_json({**vars(done), "path": str(done.path)})
    else:
        what = (
            f"commit {done.commit[:12]}"
            if not done.changed
            else f"a tree that differs from {done.commit[:12]}"
        )
        say(
            f"{done.path}: {done.papers:,} papers in {done.files:,} files, {done.bytes / 1e6:.1f} MB, of {what}"
        )
        say(f"SHA-256 {done.sha256}")
    return EXIT_OK


def _verify(archive: Path, as_json: bool) -> int:
    from kb.cli_output import SyncProgress, say, say_json
    from kb.pipeline.freeze import verify

    with SyncProgress(quiet=as_json) as progress:
        found = verify(archive, progress)
    if as_json:
        say_json({**vars(found), "path": str(archive), "problems": list(found.problems)})
    else:
        for problem in found.problems:
            say(f"kb: {archive}: {problem}", err=True)
        if not found.problems:
            say(f"{archive}: {found.files:,} files are what the list says")
        say(f"SHA-256 {found.sha256}")
    return EXIT_DATA if found.problems else EXIT_OK
