"""`kb serve`: the built site on this machine, built again whenever something that it is made of changes."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from kb.config import CONFIG_NAME, Config, load_config
from kb.errors import KbError, UsageError
from kb.pipeline.build import BuildReport, Progress, build


def say(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def serve(config: Config, port: int, progress: Progress = say) -> None:
    """Build, then serve build/site on 127.0.0.1:`port` (0: any that is free) until interrupted. Open pages reload after each build.

    A build that fails is reported to `progress` and leaves the last good site in place; only the first must succeed.

    Raises:
        KbError: as `build`.
        UsageError: the port is taken.
    """
    from kb.pipeline.preview import PreviewServer

    report = build(config, progress=progress)
    progress(describe(report))
    port = port or _free_port()
    server = PreviewServer(
        builder=rebuilder(config, progress),
        host="127.0.0.1",
        port=port,
        root=str(config.build_dir / "site"),
    )
    server.error_handler = lambda code: _error_page(config, code)
    for path in watched(config):
        server.watch(str(path))
    logging.getLogger("mkdocs.livereload").setLevel(logging.CRITICAL)
    progress(f"Serving on http://127.0.0.1:{port}/ (Ctrl-C ends it)")
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except OSError as error:
        raise UsageError(
            f"cannot serve on port {port}: {error.strerror or error}", fix="choose another with --port"
        ) from None
    finally:
        server.shutdown()


def watched(config: Config) -> list[Path]:
    """What a build reads, as far as it is there."""
    root = config.root
    paths = [
        config.papers_dir,
        root / "templates",
        root / "site",
        config.taxonomy_path,
        root / CONFIG_NAME,
    ]
    return [path for path in paths if path.exists()]


def rebuilder(config: Config, progress: Progress) -> Callable[[], None]:
    """A function that builds and reports to `progress`, whether it went well or not; it never raises a KbError."""

    def rebuild() -> None:
        try:
            progress(describe(build(load_config(config.root))))
        except KbError as error:
            progress(f"Not built, the last site stays: {error}")

    return rebuild


def describe(report: BuildReport) -> str:
    """A build in one line."""
    if report.mode == "unchanged":
        return f"Nothing changed ({report.unchanged:,} pages)"
    return f"Made {report.written:,} pages in {report.seconds:.1f} s, kept {report.unchanged:,}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _error_page(config: Config, code: int) -> bytes | None:
    try:
        return (config.build_dir / "site" / f"{code}.html").read_bytes()
    except OSError:
        return None
