"""What helps people edit records: `kb schema`, `kb fmt`, `kb merge-driver`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kb.cli_parts import examples
from kb.errors import EXIT_DATA, EXIT_OK, DataError, UsageError


@click.command(epilog=examples("kb schema", "kb schema paper | less", "kb schema --write"))
@click.argument("name", required=False)
@click.option("--write", "writes", is_flag=True, help="Write all of them into schema/.")
@click.pass_obj
def schema(state: Any, name: str | None, writes: bool) -> int:
    """Print the JSON Schema called NAME, or list the names; --write puts all into schema/.

    An editor with the YAML language server (VS Code: the extension "YAML" by Red Hat) then completes and checks records
    while they are typed, without any setting: the first line of a record names its schema. kb.toml has the same with Even
    Better TOML. `week` is of what kb week --json prints. Schemas list the branches of taxonomy.yaml and the words of results/, so that a change there asks for
    kb schema --write; kb check says so.
    """
    from kb.cli_output import count, print_table, say
    from kb.pipeline.schemas import FOLDER, NAMES, about, schema_texts, write_schemas

    if name is not None and name not in NAMES:
        raise UsageError(f"no schema is called {name!r}", fix=f"one of: {', '.join(NAMES)}")
    if name is not None and writes:
        raise UsageError("--write writes all schemas", fix=f"leave {name} out, or leave --write out")
    if name is not None:
        click.echo(schema_texts(state.config())[name], nl=False)
    elif writes:
        changed = write_schemas(state.config())
        say(f"{count(changed, 'schema')} of {len(NAMES)} changed in {FOLDER}/")
    else:
        print_table(("schema", "of"), [(each, about(each)) for each in NAMES])
    return EXIT_OK


@click.command(epilog=examples("kb fmt", "kb fmt papers/liu2025quantization.yaml", "kb fmt --check"))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit code 3 if something would change."
)
@click.pass_obj
def fmt(state: Any, files: tuple[Path, ...], only_check: bool) -> int:
    """Put records into their canonical form: all of them, or FILES.

    Fields in the order of the schema, quotes only where they are needed, long text folded, arms and conditions of claims on
    one line, and the line that tells an editor the schema. Comments stay with what they speak of, and no record says
    anything else than before. Nobody has to run it: kb reads records in any form, and a sync keeps yours.
    """
    from kb.cli_output import count, say
    from kb.pipeline.fmt import fmt as run

    done = run(state.config(), files, write=not only_check)
    verb = "would change" if only_check else "changed"
    for name in done.changed:
        say(f"{name}: {verb}")
    say(f"{count(len(done.changed), 'record')} {verb}, {count(done.same, 'record')} as they should be")
    if done.wrong:
        raise DataError.bundle(list(done.wrong))
    return EXIT_DATA if only_check and done.changed else EXIT_OK


@click.command(
    "merge-driver",
    epilog=examples(
        "kb merge-driver --install", "kb merge-driver base.yaml ours.yaml theirs.yaml papers/a2025b.yaml"
    ),
)
@click.argument("base", required=False, type=click.Path(path_type=Path))
@click.argument("ours", required=False, type=click.Path(path_type=Path))
@click.argument("theirs", required=False, type=click.Path(path_type=Path))
@click.argument("path", required=False)
@click.option(
    "--install", "installs", is_flag=True, help="Tell git to merge records with kb, in this repository."
)
@click.pass_obj
def merge_driver(
    state: Any, base: Path | None, ours: Path | None, theirs: Path | None, path: str | None, installs: bool
) -> int:
    """Merge two edits of a record for git, field by field: --install once, and git merge and git rebase do it.

    Edits of different fields never conflict; labels, claims and decisions merge one by one. Where both sides changed the
    same field, the file holds both between git's markers (exit code 3), and kb check says so until a person has chosen. A
    side that is no YAML is merged line by line, as git does without this. OURS holds the result.
    """
    from kb.cli_output import say
    from kb.pipeline.merge_driver import install, merge_files

    if installs:
        if base is not None:
            raise UsageError("--install takes no files")
        for line in install(state.root):
            say(line)
        return EXIT_OK
    if base is None or ours is None or theirs is None or path is None:
        fix = "git gives them; kb merge-driver --install tells it to"
        raise UsageError("four files are needed: BASE OURS THEIRS PATH", fix=fix)
    done = merge_files(base, ours, theirs, path)
    if done.note:
        say(f"kb: {path}: {done.note}", err=True)
    if done.conflicts:
        what = ", ".join(done.conflicts)
        say(f"kb: {path}: both sides changed {what} (fix: leave one side, then git add {path})", err=True)
    return EXIT_DATA if done.conflicts else EXIT_OK
