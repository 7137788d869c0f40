"""What the commands have in common: help with examples, sections of commands, --json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def examples(*lines: str) -> str:
    """An epilog that shows commands as they are typed, a line each."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def say(text: str, *, err: bool = False) -> None:
    """Print a line of ours; what it stands on is loaded with the first one, so that `kb --help` stays instant."""
    from kb.cli_output import say as run

    run(text, err=err)


def say_json(data: Any) -> None:
    """Print data for programs."""
    from kb.cli_output import say_json as run

    run(data)


class Sections(click.Group):
    """Shows whole sentences about its commands, sorted by what they are for."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        placed = {name for names in self.sections.values() for name in names}
        rest = [name for name in self.list_commands(ctx) if name not in placed]
        for title, names in {**self.sections, "More" if placed else "Commands": rest}.items():
            rows = [(n, self.commands[n].get_short_help_str(limit=200)) for n in names if n in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
