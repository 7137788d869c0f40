"""A knowledge base as it was at a commit, unpacked where nobody else looks."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kb.config import CONFIG_NAME, Config, load_config
from kb.errors import DataError
from kb.pipeline.git import Git
from kb.pipeline.store import library_cache

# All that pages, checks and verdicts are made from.
_PARTS = (CONFIG_NAME, "taxonomy.yaml", "papers", "results", "runs", "site", "templates", "schema")


@contextmanager
def as_of(config: Config, commit: str) -> Iterator[Config]:
    """The knowledge base as committed at `commit`, in a folder that is gone afterwards.

    Raises:
        UsageError: there is no git, no repository or no such commit.
        DataError: the commit holds no knowledge base.
        ConfigError: its kb.toml is wrong.
    """
    git = Git(config.root)
    commit = git.commit(commit)
    there = set((git.text("ls-tree", "--name-only", "-z", commit) or "").split("\0"))
    wanted = [part for part in _PARTS if part in there]
    packed = git.ask("archive", "--format=tar", commit, "--", *wanted) if CONFIG_NAME in wanted else None
    if packed is None:
        raise DataError(f"is not in {commit[:12]}", file=CONFIG_NAME, fix="compare with a later commit")
    with tempfile.TemporaryDirectory(prefix="kb-past-") as folder:
        root = Path(folder)
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(root, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise DataError(f"{commit[:12]} cannot be unpacked: {error}") from None
        _lend_cache(config, root)
        yield load_config(root, {})


def _lend_cache(config: Config, root: Path) -> None:
    """Records that both hold need not be parsed again: the cache knows them by their content."""
    cache = library_cache(config)
    if cache.is_file():
        there = root / cache.relative_to(config.root)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cache, there)
