"""`kb merge-driver`: git's merges of records, field by field. https://git-scm.com/docs/gitattributes#_defining_a_custom_merge_driver"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kb.errors import DataError, KbError, UsageError
from kb.records.files import decode_utf8, read_if_there, read_regular, write_atomic
from kb.records.library import parse_record
from kb.records.merge import merge_texts

NAME = "kb"
ATTRIBUTES = tuple(f"{files} merge={NAME}" for files in ("papers/*.yaml", "results/_*.yaml", "taxonomy.yaml"))
_MOST_CONFLICTS = 127  # git merge-file gives the number of conflicts, up to this; more is an error


@dataclass(frozen=True)
class Outcome:
    """How a merge ended: what both sides changed, and a remark for the person who merges."""

    conflicts: tuple[str, ...] = ()
    note: str | None = None


def merge_files(base: Path, ours: Path, theirs: Path, name: str) -> Outcome:
    """Merge three files, as git hands them over, into `ours`. A side that cannot be read is merged line by line, by git.

    Args:
        name: of the file in the repository.
    """
    by_lines, clean = _by_lines(base, ours, theirs)
    try:
        texts = [decode_utf8(read_regular(path), Path(name)) for path in (base, ours, theirs)]
        plain = by_lines.decode("utf-8") if clean and by_lines is not None else None
        merged = merge_texts(*texts, file=name, by_lines=plain)
    except (DataError, UnicodeDecodeError) as error:
        if by_lines is not None:
            ours.write_bytes(by_lines)
        return Outcome(() if clean else ("lines",), f"merged line by line: {error}")
    ours.write_text(merged.text, encoding="utf-8", newline="")
    return Outcome(merged.conflicts, None if merged.conflicts else _doubt(merged.text, name))


def _doubt(text: str, name: str) -> str | None:
    """Why the merged record is none, although both sides were."""
    path = Path(name)
    if path.parent.name != "papers" or path.name.startswith("_"):
        return None
    try:
        parse_record(path.stem, text, file=name)
    except DataError as error:
        return f"the two edits do not go together: {error}"
    return None


def _by_lines(base: Path, ours: Path, theirs: Path) -> tuple[bytes | None, bool]:
    """git's own merge, and whether it is without conflict; None if git will not merge such files."""
    names = ("-L", "ours", "-L", "base", "-L", "theirs")
    done = subprocess.run(
        [_git(), "merge-file", "-p", "-q", *names, str(ours), str(base), str(theirs)],
        capture_output=True,
        check=False,
    )
    merged = 0 <= done.returncode <= _MOST_CONFLICTS
    return (done.stdout if merged else None), done.returncode == 0


def install(root: Path) -> list[str]:
    """Tell git, in the repository that holds `root`, to merge records with this program; what was done, in words.

    Raises:
        UsageError: there is no git, or no repository here.
        KbError: git refused, or .gitattributes cannot be written.
    """
    # -P: of the kb/ that a merge may have left half done in the working tree, nothing is run.
    python = shlex.quote(sys.executable).replace("%", "%%")
    command = f"{python} -P -m kb merge-driver %O %A %B %P"
    settings = {
        f"merge.{NAME}.driver": command,  # first: git stops at a driver that has only a name
        f"merge.{NAME}.name": "records of kb, field by field",
    }
    for key, value in settings.items():
        done = subprocess.run(
            [_git(), "-C", str(root), "config", "--local", key, value],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            inside = subprocess.run([_git(), "-C", str(root), "rev-parse"], capture_output=True, check=False)
            if inside.returncode:
                raise UsageError(f"{root.resolve()} is in no git repository", fix="git init")
            raise KbError(f"git refused: {done.stderr.strip()}")
    said = [f"git merges records with {command}"]
    path = root / ".gitattributes"
    text = read_if_there(path)
    missing = [line for line in ATTRIBUTES if line not in text.splitlines()]
    if missing:
        start = text if not text or text.endswith("\n") else f"{text}\n"
        write_atomic(path, start + "".join(f"{line}\n" for line in missing))
        said.append(f".gitattributes: {len(missing)} lines added; commit it")
    return said


def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise UsageError("there is no git on this machine", fix="install git")
    return found
