"""`kb build`: records, taxonomy, templates and site/ in; build/site out. Reads papers/, never writes it, asks no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from kb.config import Config
from kb.errors import DataError, KbError, LockError
from kb.export.bibtex import render_bibtex
from kb.export.citation import cite
from kb.export.venues import venue_series
from kb.pipeline.anchors import anchors_hold
from kb.pipeline.findings import Change, changes, load_findings
from kb.pipeline.graph import open_graph
from kb.pipeline.graph_quality import load_figures
from kb.pipeline.history import load_history
from kb.pipeline.mkdocs_run import (
    ALWAYS_BUILT,
    SEARCH_INDEX,
    html_path,
    merge_search_index,
    run_mkdocs,
    versions,
)
from kb.pipeline.query import provenance
from kb.pipeline.run_entries import run_entries, runs_if_any
from kb.pipeline.search import choose, find_program, with_search, write_index
from kb.pipeline.stage import Stage, frame, hashes, read_site, read_templates, remove_empty, write_stage
from kb.pipeline.store import open_library
from kb.pipeline.trees import Built, Trees, link_copy
from kb.reconcile.fold import witness
from kb.reconcile.rows import Row, load_rows
from kb.records.candidates import load_candidates
from kb.records.decisions import load_decisions
from kb.records.taxonomy import load_taxonomy
from kb.render.events import History
from kb.render.pages import render_site
from kb.render.site_input import Site, SiteInput
from kb.render.views import Problem

Mode = Literal["full", "incremental", "unchanged"]
Progress = Callable[[str], None]
# Above this share of changed pages, leaving the others alone saves nothing.
_MOST = 0.5


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        mode: `full` made every page, `incremental` those that changed, `unchanged` none.
        written: pages that were made.
        unchanged: pages that were kept.
        seconds: how long it took.
        index: the page to open.
        problems: what strict mode would have stopped at; empty in strict mode.
        verdicts: how verdicts on claims differ from those of the site before.
        remarks: what the person who builds should know.
    """

    mode: Mode
    written: int
    unchanged: int
    seconds: float
    index: Path
    problems: tuple[Problem, ...] = ()
    verdicts: tuple[Change, ...] = ()
    remarks: tuple[str, ...] = ()


def build(
    config: Config, *, clean: bool = False, strict: bool = True, progress: Progress = lambda _: None
) -> BuildReport:
    """Make the site and swap it in. Until then, and after any failure, build/site is what it was before.

    Args:
        clean: make every page, whatever an earlier build left.
        strict: a reference that leads nowhere stops the build.
        progress: is told what goes on, a line at a time.

    Raises:
        DataError: a record, template or page is wrong; carries all that was found.
        LockError: another build is running.
        KbError: build/ cannot be written.
    """
    start = time.monotonic()
    with _locked(config.build_dir):
        progress("Reading records")
        stage, site = make_stage(config)
        pages = sum(path.endswith(".md") for path in stage)
        program = find_program()
        search = choose(config.settings.site.search, pages, program)
        stage["mkdocs.yml"] = with_search(stage["mkdocs.yml"], search.engine, program)
        verdicts = dict(site.verdicts)
        if strict and site.problems:
            raise DataError.bundle([_as_error(problem) for problem in site.problems])
        trees = Trees(config.build_dir)
        published = trees.published()
        plan = _plan(stage, None if clean else published)
        if plan.mode != "unchanged":
            progress(f"Making {len(plan.pages):,} of {pages:,} pages")
            pagefind = program if search.engine == "pagefind" else None
            plan = _carry_out(plan, stage, config.build_dir / ".stage", trees, verdicts, pagefind)
    return BuildReport(
        mode=plan.mode,
        written=len(plan.pages),
        unchanged=pages - len(plan.pages),
        seconds=time.monotonic() - start,
        index=trees.link / "index.html",
        problems=site.problems,
        verdicts=changes(published.verdicts if published else None, verdicts),
        remarks=(search.remark,) if search.remark else (),
    )


def make_stage(config: Config, history: History | None = None) -> tuple[Stage, Site]:
    """The MkDocs project of the whole site, and the rendered pages in it.

    Args:
        history: what happened to the survey; None asks git.
    """
    files, handwritten = read_site(config.root)
    taxonomy = load_taxonomy(config.taxonomy_path)
    library = open_library(config)
    runs = runs_if_any(config)
    rows = load_rows(config.sources_dir).values()
    findings = load_findings(config, library, runs)
    site = render_site(
        SiteInput(
            papers=library,
            taxonomy=taxonomy,
            settings=config.settings.site,
            templates=read_templates(config.root),
            bibtex=render_bibtex,
            cite=cite,
            handwritten=handwritten,
            candidates=load_candidates(config.candidates_path),
            merged=tuple((each.gone, each.into) for each in load_decisions(config.decisions_path).merged),
            seen_in=_seen_in(rows),
            provenance=provenance(library, rows),
            findings=findings,
            graph=open_graph(config, library, taxonomy, findings.results),
            map_figures=load_figures(config),
            venue_series=venue_series,
            history=load_history(config, library, taxonomy) if history is None else history,
            runs=run_entries(runs),
        )
    )
    pages = {f"docs/{path}": text.encode("utf-8") for path, text in site.pages.items()}
    return files | pages | {"mkdocs.yml": frame(config, taxonomy, site.pages.keys(), handwritten)}, site


def _seen_in(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The names of the sources that name a paper now, by its key."""
    named: dict[str, set[str]] = {}
    for row in rows:
        if row.paper is not None and not row.entry.removed:
            named.setdefault(row.paper, set()).add(witness(row.entry.source))
    return {key: sorted(names) for key, names in named.items()}


@dataclass(frozen=True)
class _Plan:
    """`pages` and `assets` are to be made, `gone` to be removed; all relative to docs/."""

    mode: Mode
    pages: tuple[str, ...]
    assets: tuple[str, ...]
    gone: tuple[str, ...]
    before: Built | None
    stamp: str
    files: dict[str, str]


def _plan(stage: Stage, before: Built | None) -> _Plan:
    files = hashes(stage)
    stamp = _stamp(files)
    every = [path.removeprefix("docs/") for path in files if path.startswith("docs/")]
    full = _Plan("full", tuple(_pages(every)), tuple(_assets(every)), (), None, stamp, files)
    if before is None or before.stamp != stamp:
        return full
    changed = [path for path in every if before.files.get(f"docs/{path}") != files[f"docs/{path}"]]
    gone = [path.removeprefix("docs/") for path in before.files.keys() - files.keys()]
    if not changed and not gone:
        return _Plan("unchanged", (), (), (), before, stamp, files)
    if gone:  # a hand-written page may hold a link to what is gone, which only making it anew will tell
        kept = set(changed)
        changed += [path for path in _pages(every) if "/" not in path and path not in kept]
    pages = tuple(_pages(changed))
    if len(pages) > _MOST * len(full.pages):
        return full
    return _Plan("incremental", pages, tuple(_assets(changed)), tuple(gone), before, stamp, files)


def _stamp(files: dict[str, str]) -> str:
    """Changes with whatever shapes all pages: programs, settings, navigation, overrides of the theme."""
    frame_files = sorted(f"{path} {each}" for path, each in files.items() if not path.startswith("docs/"))
    return blake2b("\n".join([versions(), *frame_files]).encode(), digest_size=16).hexdigest()


def _carry_out(
    plan: _Plan, stage: Stage, folder: Path, trees: Trees, verdicts: dict[str, str], pagefind: Path | None
) -> _Plan:
    """Make what `plan` says and publish it. Gives the plan that was followed in the end.

    Args:
        pagefind: the program that makes the search's index; None where MkDocs makes Material's.
    """
    write_stage(stage, folder)
    tree = trees.new()
    try:
        if plan.before is not None and not _make_some(plan, plan.before.tree, stage, folder, tree):
            plan = _plan(stage, None)
            trees.discard(tree)
            tree = trees.new()
        if plan.before is None:
            run_mkdocs(folder / "mkdocs.yml", tree)
        if pagefind is not None:  # of all pages at once, in a fraction of the time that MkDocs takes
            write_index(tree, pagefind)
        trees.publish(Built(tree, plan.stamp, plan.files, verdicts))
    except BaseException:
        trees.discard(tree)
        raise
    return plan


def _make_some(plan: _Plan, before: Path, stage: Stage, folder: Path, tree: Path) -> bool:
    """Make the pages that changed; every other file of the new site is the old one.

    Returns:
        False where only a full build can tell whether all links hold.
    """
    link_copy(before, tree)
    # Taken away first: MkDocs writes into existing files, and those belong to the published site as well.
    for path in (*map(html_path, plan.pages + plan.assets + plan.gone), *ALWAYS_BUILT):
        (tree / path).unlink(missing_ok=True)
    run_mkdocs(folder / "mkdocs.yml", tree, only_missing=True)
    pages = {name.removeprefix("docs/"): stage[name] for name in _pages(list(stage))}
    if not anchors_hold(pages, plan.pages, before, tree):
        return False
    if (tree / SEARCH_INDEX).exists():
        merged = merge_search_index(
            (tree / SEARCH_INDEX).read_bytes(), (before / SEARCH_INDEX).read_bytes(), pages, plan.pages
        )
        (tree / SEARCH_INDEX).write_bytes(merged)
    remove_empty(tree)
    return True


def _pages(paths: list[str]) -> list[str]:
    return [path for path in paths if path.endswith(".md")]


def _assets(paths: list[str]) -> list[str]:
    return [path for path in paths if not path.endswith(".md")]


def _as_error(problem: Problem) -> DataError:
    return DataError(
        problem.message, file=problem.file, line=problem.line, field=problem.field, fix=problem.fix
    )


@contextmanager
def _locked(build_dir: Path) -> Iterator[None]:
    try:
        build_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(build_dir / ".lock", timeout=0):
            yield
    except Timeout:
        raise LockError(
            "another build is running", file=build_dir, fix="wait until it is done, then run kb build again"
        ) from None
    except PermissionError as error:
        raise KbError(f"cannot be written: {error.strerror}", file=error.filename or build_dir) from error


def serve(config: Config, port: int) -> None:
    """Preview the site; see `kb.pipeline.serve`."""
    from kb.pipeline.serve import serve as run

    run(config, port)
