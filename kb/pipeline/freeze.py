"""`kb freeze`: a dated archive that needs neither us nor a server: the site, what it was made from, and the bibliography.

The same commit gives the same bytes (with the same programs): files are sorted, dates are the commit's, and only what git
keeps goes in, besides what is made from that.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kb import __version__
from kb.config import Config
from kb.errors import DataError, UsageError
from kb.export import EXPORTS
from kb.export.awesome import render_awesome
from kb.export.deposit import Deposit, render_cff, render_zenodo
from kb.pipeline.archive import Content, Verified, verify_archive, write_archive
from kb.pipeline.build import build
from kb.pipeline.check import Finding, Severity, check
from kb.pipeline.committed import committed
from kb.pipeline.freeze_readme import BASE, BIBLIOGRAPHY, PROGRAM, SITE, readme
from kb.pipeline.installed import DISTRIBUTION, constraints, wheel
from kb.pipeline.store import Store, open_store

SUFFIX = ".zip"
Progress = Callable[[str, int, int | None], None]
# By their names; what is not told by its name is nothing that a program can know.
_SECRET = re.compile(
    r"(?:.*/)?(?:\.env(?:\.(?!example$|sample$|template$).+)?|kb\.local\.toml|\.netrc|\.pypirc|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|.+\.(?:pem|p12|pfx|keystore))"
)
_CACHE = re.compile(r"(?:.*/)?(?:\.kb|__pycache__|\.venv)/.*")
_LONGEST = 60
# The formats of references; suffixes apart, so that the two of BibTeX can lie beside each other.
_REFERENCES = {
    "bibtex": "references.bib",
    "biblatex": "references.biblatex.bib",
    "csl-json": "references.csl.json",
    "ris": "references.ris",
    "csv": "references.csv",
}


@dataclass(frozen=True)
class Frozen:
    """An archive that was made.

    Attributes:
        changed: files that were not committed as they are; empty unless that was allowed.
    """

    path: Path
    files: int
    papers: int
    bytes: int
    sha256: str
    commit: str
    date: str
    changed: tuple[str, ...] = ()


def freeze(
    config: Config,
    *,
    out: Path | None = None,
    dirty: bool = False,
    force: bool = False,
    program: bool = True,
    environ: Mapping[str, str] = os.environ,
    progress: Progress = lambda what, done, total: None,
) -> Frozen:
    """Build the site and pack it with all that git keeps here, and with the bibliography in every format.

    Args:
        out: the archive, or the folder for it [default: build/].
        dirty: allow what is not committed; the archive says so.
        force: replace an archive that is there.
        program: put kb itself into it, unless the survey's repository holds it anyway.
        environ: SOURCE_DATE_EPOCH, if set, is the date in the place of the commit's.

    Raises:
        UsageError: no git, no commit, something is not committed, or the archive exists.
        DataError: a check finds an error, a secret is among the files, or the site cannot be built.
        KbError: the disk is full or the folder cannot be written.
    """
    commit = committed(config.root)
    if commit.changed and not dirty:
        more = f" and {len(commit.changed) - 1} more" if len(commit.changed) > 1 else ""
        raise UsageError(
            f"{commit.changed[0]}{more}: not committed, so that no commit would say what the archive holds",
            fix="commit or remove it; or kb freeze --dirty, and the archive says that it is of no commit",
        )
    seconds = _seconds(commit.seconds, environ)
    date = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    top = f"{_slug(config.settings.site.title)}-{date}"
    path = _target(config, out, f"{top}{SUFFIX}", force=force)
    progress("checking", 0, None)
    _stop_at_errors(check(config))
    kept = _kept(config, commit.files)
    progress("checking", 1, 1)
    progress("building the site", 0, None)
    index = build(config).index
    progress("building the site", 1, 1)
    store = open_store(config)
    files: dict[str, Content] = {f"{BASE}/{name}": config.root / name for name in kept}
    files |= {f"{SITE}/{name}": file for name, file in _site(index.parent).items()}
    files |= _references(store)
    deposit = _deposit(config, commit.id, date)
    files["CITATION.cff"] = render_cff(deposit).encode()
    files[".zenodo.json"] = render_zenodo(deposit).encode()
    files["constraints.txt"] = constraints().encode()
    source, packed = _program(config.root, kept, seconds if program else None)
    files |= packed
    files["README.md"] = readme(
        deposit,
        papers=len(store.library),
        reviews=sum(paper.review is not None for paper in store.library.values()),
        program=source,
        changed=len(commit.changed),
    ).encode()
    digest = write_archive(
        path, files, top=top, seconds=seconds, step=lambda done, total: progress("packing", done, total)
    )
    return Frozen(
        path,
        len(files),
        len(store.library),
        path.stat().st_size,
        digest,
        commit.id,
        date,
        commit.changed,
    )


def verify(path: Path, progress: Progress = lambda what, done, total: None) -> Verified:
    """Hold an archive against the list in it; see `kb.pipeline.archive.verify_archive`."""
    return verify_archive(path, lambda done, total: progress("verifying", done, total))


def _seconds(commit: int, environ: Mapping[str, str]) -> int:
    """https://reproducible-builds.org/specs/source-date-epoch/"""
    said = environ.get("SOURCE_DATE_EPOCH")
    if not said:
        return commit
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise UsageError(f"SOURCE_DATE_EPOCH={said!r} is no number of seconds", fix="unset it, or: date +%s")
    return int(said)


def _slug(title: str) -> str:
    """A title as the name of a file.

    >>> _slug("Protein Language Models: ein Überblick"), _slug("蛋白质")
    ('protein-language-models-ein-uberblick', 'survey')
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > _LONGEST:
        words = words[: _LONGEST + 1].rpartition("-")[0] or words[:_LONGEST]
    return words or "survey"


def _target(config: Config, out: Path | None, name: str, *, force: bool) -> Path:
    path = config.build_dir / name if out is None else out / name if out.is_dir() else out
    if path.suffix != SUFFIX:
        raise UsageError(
            "is no name for a ZIP", file=path, fix=f"end it in {SUFFIX}, or name a folder that exists"
        )
    if path.is_dir():
        raise UsageError("is a folder", file=path, fix="choose another name")
    if (path.exists() or path.is_symlink()) and not force:
        raise UsageError(
            "is there already", file=path, fix="kb freeze --force replaces it; or choose another --out"
        )
    return path


def _stop_at_errors(findings: list[Finding]) -> None:
    wrong = [
        DataError(each.message, file=each.file, line=each.line, field=each.field, fix=each.fix)
        for each in findings
        if each.severity is Severity.ERROR
    ]
    if wrong:
        raise DataError.bundle(wrong)


def _kept(config: Config, names: Sequence[str]) -> list[str]:
    """What git keeps, without what is deleted here and caches that somebody committed; a secret stops everything."""
    kept = [name for name in names if not _CACHE.fullmatch(name) and os.path.lexists(config.root / name)]
    secret = [name for name in kept if _SECRET.fullmatch(name)]
    if (key := config.zotero_api_key) is not None:
        value = key.get_secret_value().encode()
        secret += [name for name in kept if name not in secret and _says(config.root / name, value)]
    if secret:
        raise DataError(
            "holds a secret, by its name or by the Zotero key in it: nothing was packed",
            file=secret[0],
            fix=f"git rm --cached {secret[0]}, and make a new secret: the old one stays in the history",
        )
    return kept


def _says(path: Path, value: bytes) -> bool:
    try:
        return value in path.read_bytes()
    except OSError:  # will be said when it is packed
        return False


def _site(folder: Path) -> dict[str, Path]:
    """Every file of the built site, by its path there."""
    folder = folder.resolve()  # build/site is a link to the tree that was published last
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _references(store: Store) -> dict[str, Content]:
    papers = sorted(store.library.values(), key=lambda paper: paper.key)
    found: dict[str, Content] = {
        f"{BIBLIOGRAPHY}/{name}": EXPORTS[kind](papers).encode() for kind, name in _REFERENCES.items()
    }
    title = store.config.settings.site.title
    awesome = render_awesome(papers, store.taxonomy, title)
    return found | {f"{BIBLIOGRAPHY}/awesome.md": awesome.encode()}


def _deposit(config: Config, commit: str, date: str) -> Deposit:
    site = config.settings.site
    return Deposit(
        title=" ".join(site.title.split()) or "kb",
        date=date,
        commit=commit,
        authors=site.citation_authors,
        description=site.description,
        license=site.license,
        keywords=site.keywords,
        repository=site.repository,
        url=site.url,
    )


def _program(root: Path, kept: Sequence[str], seconds: int | None) -> tuple[str, dict[str, Content]]:
    """What pip installs kb from, and its files: none where the program lies in the survey's repository, as kb's own does."""
    if "kb/__init__.py" in kept and "pyproject.toml" in kept:
        told = (root / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
        if f'name = "{DISTRIBUTION}"' in told:
            return f"./{BASE}", {}
    made = None if seconds is None else wheel(seconds)
    if made is None:
        return f"{DISTRIBUTION}=={__version__}", {}
    path = f"{PROGRAM}/{made[0]}"
    return path, {path: made[1]}
