"""`kb build`: strict, atomic, incremental, deterministic."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

from kb.config import Config, load_config
from kb.errors import DataError, KbError, LockError
from kb.pipeline.build import build
from tests.library import CANNOT_OBEY, OBEYS_MODES, REPO, make_library


@pytest.fixture
def kb(tmp_path: Path) -> Config:
    """Twelve invented records, hostile ones among them."""
    make_library(tmp_path / "kb", 12)
    return load_config(tmp_path / "kb", {})


def files(config: Config) -> dict[str, bytes]:
    """The published site, by path."""
    site = (config.build_dir / "site").resolve()
    return {p.relative_to(site).as_posix(): p.read_bytes() for p in site.rglob("*") if p.is_file()}


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def record(config: Config, key: str = "feng2025efficient") -> Path:
    return config.papers_dir / f"{key}.yaml"


def full_build_of(config: Config) -> dict[str, bytes]:
    build(config, clean=True)
    return files(config)


def test_a_build_makes_a_page_for_each_record_and_writes_nothing_else(kb: Config) -> None:
    """Every record has its page; records, taxonomy, templates and site/ keep bytes and times."""
    inputs = [kb.papers_dir, kb.root / "templates", kb.root / "site"]
    before = [tree(folder) for folder in inputs]
    report = build(kb)
    assert report.mode == "full"
    assert report.index.is_file()
    assert report.problems == ()
    built = files(kb)
    assert {f"papers/{p.stem}.html" for p in kb.papers_dir.glob("*.yaml")} <= built.keys()
    assert [tree(folder) for folder in inputs] == before
    assert {p.name for p in kb.root.iterdir()} == {
        "papers", "templates", "site", "taxonomy.yaml", "kb.toml", "build", ".kb",
    }  # fmt: skip


def test_a_second_build_does_nothing(kb: Config) -> None:
    """With nothing changed, the published site is not even touched."""
    build(kb)
    before = tree(kb.build_dir / "site")
    report = build(kb)
    assert (report.mode, report.written) == ("unchanged", 0)
    assert tree(kb.build_dir / "site") == before


def _change_review(config: Config) -> None:
    edit(record(config, "liu2025quantization"), "Compare [[feng", "Now compare [[feng")


def _change_title(config: Config) -> None:
    edit(record(config), "A Survey", "A Short <Survey>")


def _remove(config: Config) -> None:
    next(p for p in sorted(config.papers_dir.glob("*-11.yaml"))).unlink()


def _add(config: Config) -> None:
    text = record(config).read_text(encoding="utf-8").replace("2504.10903", "2504.10904")
    (config.papers_dir / "aa2025new.yaml").write_text(text, encoding="utf-8")


def _merge(config: Config) -> None:
    gone = sorted(config.papers_dir.glob("*-11.yaml"))[0]
    gone.unlink()
    config.decisions_path.write_text(
        f"merged:\n  - gone: {gone.stem}\n    into: feng2025efficient\n", encoding="utf-8"
    )


def _change_asset(config: Config) -> None:
    path = config.root / "site/docs/assets/kb.css"
    path.write_text(path.read_text(encoding="utf-8") + "\n/* more */\n", encoding="utf-8")


def _change_page(config: Config) -> None:
    edit(config.root / "site/docs/themes.md", "# Themes", "# Themes and *more*")


@pytest.mark.parametrize(
    "change",
    [_change_review, _change_title, _remove, _add, _merge, _change_asset, _change_page],
    ids=lambda change: change.__name__.strip("_"),
)
def test_an_incremental_build_gives_the_bytes_of_a_full_one(kb: Config, change: object) -> None:
    """Whatever changed: same files, same bytes, search index, sitemap and its gzip included."""
    edit(kb.root / "kb.toml", "[site]", '[site]\nurl = "https://survey.example.org/x"')
    config = load_config(kb.root, {})
    build(config)
    before = files(config)
    change(config)  # type: ignore[operator]
    report = build(config)
    assert report.mode == "incremental"
    made = files(config)
    assert made != before
    assert made == full_build_of(config)


def test_an_incremental_build_makes_only_the_pages_that_changed(kb: Config) -> None:
    """A word in one review costs its page and no more; other pages stay the same files on disk."""
    build(kb)
    about = (kb.build_dir / "site/about.html").stat().st_ino
    edit(record(kb, "liu2025quantization"), "Compare [[feng", "Now compare [[feng")
    report = build(kb)
    assert (report.mode, report.written) == ("incremental", 1)
    assert (kb.build_dir / "site/about.html").stat().st_ino == about


def test_changes_one_after_the_other_converge(kb: Config) -> None:
    """Many incremental builds in one process end where a full build ends."""
    build(kb)
    for change in (_change_review, _add, _change_title, _remove, _change_page):
        change(kb)
        build(kb)
    assert files(kb) == full_build_of(kb)


@pytest.mark.parametrize("where", ["taxonomy", "settings", "frame", "override"])
def test_what_shapes_all_pages_makes_all_pages_anew(kb: Config, where: str) -> None:
    """Navigation, settings, mkdocs.yml and theme overrides stand on every page, so every page is made."""
    build(kb)
    if where == "taxonomy":
        edit(kb.taxonomy_path, "title: Shorter", "title: Much shorter")
    elif where == "settings":
        edit(kb.root / "kb.toml", "A test survey", "Another survey")
    elif where == "frame":
        edit(kb.root / "site/mkdocs.yml", "accent: deep orange", "accent: lime")
    else:
        (kb.root / "site/overrides/main.html").write_text(
            '{% extends "base.html" %}{% block announce %}Hello{% endblock %}', encoding="utf-8"
        )
    assert build(load_config(kb.root, {})).mode == "full"


def _broken_template(config: Config) -> None:
    (config.root / "templates/paper.md.j2").write_text("{% if %}", encoding="utf-8")


def _broken_override(config: Config) -> None:
    (config.root / "site/overrides/main.html").write_text("{% extends 'base.html' %}{% block x %}")


def _broken_link(config: Config) -> None:
    edit(config.root / "site/docs/themes.md", "# Themes", "# Themes\n\n[x](no-such-page.md)")


def _broken_anchor(config: Config) -> None:
    edit(config.root / "site/docs/themes.md", "# Themes", "# Themes\n\n[x](about.md#nowhere)")


def _broken_reference(config: Config) -> None:
    edit(record(config, "liu2025quantization"), "[[feng2025efficient]]", "[[feng2025inefficient]]")


def _broken_page_reference(config: Config) -> None:
    edit(config.root / "site/docs/themes.md", "# Themes", "# Themes\n\n[[nobody2020x]]")


def _broken_record(config: Config) -> None:
    edit(record(config), "title:", "titel:")


def _unlisted_page(config: Config) -> None:
    (config.root / "site/docs/lost.md").write_text("# Lost\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("slip", "names"),
    [
        (_broken_template, "templates/paper.md.j2:1"),
        (_broken_override, "block"),
        (_broken_link, "docs/themes.md.*no-such-page"),
        (_broken_anchor, "docs/themes.md.*nowhere"),
        (_broken_reference, "papers/liu2025quantization.yaml: review.insight: .*feng2025inefficient"),
        (_broken_page_reference, "site/docs/themes.md:.*nobody2020x"),
        (_broken_record, "papers/feng2025efficient.yaml"),
        (_unlisted_page, "lost.md"),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("_") or None,
)
@pytest.mark.parametrize("clean", [False, True], ids=["incremental", "full"])
def test_any_slip_stops_the_build_and_the_previous_site_stays(
    kb: Config, slip: object, names: str, clean: bool
) -> None:
    """No warning passes: one line says where, and build/site is what it was, to the byte."""
    build(kb)
    before = tree((kb.build_dir / "site").resolve())
    slip(kb)  # type: ignore[operator]
    with pytest.raises(DataError) as caught:
        build(kb, clean=clean)
    assert re.search(names, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
    assert tree((kb.build_dir / "site").resolve()) == before
    assert len(list((kb.build_dir / ".sites").glob("*/"))) == 1


def test_a_page_linked_by_hand_may_not_vanish(kb: Config) -> None:
    """Removing a record to which a hand-written page links fails even where that page itself did not change."""
    gone = sorted(kb.papers_dir.glob("*-11.yaml"))[0]
    edit(kb.root / "site/docs/themes.md", "# Themes", f"# Themes\n\n[x](papers/{gone.stem}.md)")
    build(kb)
    gone.unlink()
    with pytest.raises(DataError, match=gone.stem):
        build(kb)


def test_a_heading_that_pages_link_to_may_not_vanish(kb: Config) -> None:
    """Every record's page links into about.md: losing the heading there fails though those pages did not change."""
    build(kb)
    edit(kb.root / "templates/about.md.j2", "### Write a review", "### Writing")
    with pytest.raises(DataError, match="write-a-review"):
        build(kb)


def test_without_strictness_problems_are_reported_and_the_site_is_built(kb: Config) -> None:
    """A draft can be looked at."""
    _broken_reference(kb)
    report = build(kb, strict=False)
    assert [p.field for p in report.problems] == ["review.insight"]
    assert report.index.is_file()


def test_a_killed_build_leaves_the_old_site_and_the_next_one_recovers(kb: Config) -> None:
    """SIGKILL in the middle of MkDocs: the old site stays whole; a rerun gives the bytes of a full build."""
    build(kb)
    before = files(kb)
    _change_title(kb)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from kb.config import load_config\n"
        "from kb.pipeline import build as module\n"
        "def die(*a, **k):\n"
        "    module_run(*a, **k)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "module_run = module.run_mkdocs\n"
        "module.run_mkdocs = die\n"
        "module.build(load_config(Path(sys.argv[1]), {}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(kb.root)], cwd=REPO, check=False)
    assert done.returncode == -9
    assert files(kb) == before
    build(kb)
    assert files(kb) == full_build_of(kb)
    assert len(list((kb.build_dir / ".sites").glob("*/"))) == 1


def test_the_swap_is_one_rename_of_a_link(kb: Config) -> None:
    """build/site is always a whole site: a reader that opened the old one can go on reading it by its own path."""
    build(kb)
    link = kb.build_dir / "site"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    old = link.resolve()
    _change_title(kb)
    build(kb)
    assert link.resolve() != old


def test_a_folder_in_the_place_of_the_link_is_replaced(kb: Config) -> None:
    """A site that another program left at build/site does not stop kb."""
    (kb.build_dir / "site").mkdir(parents=True)
    (kb.build_dir / "site/index.html").write_text("old")
    build(kb)
    assert b"A test survey" in (kb.build_dir / "site/index.html").read_bytes()


def test_two_builds_at_once_are_one_build_and_one_refusal(kb: Config) -> None:
    """The second gets exit code 6 and changes nothing."""
    kb.build_dir.mkdir()
    with FileLock(kb.build_dir / ".lock"), pytest.raises(LockError):
        build(kb)
    assert not (kb.build_dir / "site").exists()


@pytest.mark.skipif(CANNOT_OBEY, reason="root may write anywhere, and there is no setpriv")
def test_a_folder_that_cannot_be_written_is_one_clear_error(kb: Config) -> None:
    """One line and no traceback for a read-only build/."""
    kb.build_dir.mkdir(mode=0o500)
    command = [*OBEYS_MODES, sys.executable, "-m", "kb", "--root", str(kb.root), "build"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == KbError.exit_code
    assert re.fullmatch(r"(Reading records\n)?kb: .*build.*\n", done.stderr), done.stderr


def _build_elsewhere(root: Path, **environ: str) -> dict[str, bytes]:
    make_library(root, 12)
    script = (
        "import sys; from pathlib import Path; from kb.config import load_config; from kb.pipeline.build import build\n"
        "build(load_config(Path(sys.argv[1]), {}))\n"
        "heavy = {'torch', 'sentence_transformers', 'transformers', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(root)], cwd=REPO, env=dict(os.environ) | environ, check=True
    )
    return files(load_config(root, {}))


def test_time_zone_locale_hash_seed_place_and_date_leave_no_trace(tmp_path: Path) -> None:
    """Two builds under different circumstances are equal to the byte, and none loads the heavy stack."""
    one = _build_elsewhere(
        tmp_path / "one",
        PYTHONHASHSEED="1",
        TZ="Pacific/Kiritimati",
        LC_ALL="C",
        SOURCE_DATE_EPOCH="1700000000",
    )
    two = _build_elsewhere(tmp_path / "a b" / "two", PYTHONHASHSEED="2", TZ="America/Adak", LC_ALL="C.UTF-8")
    assert one == two
    assert not any(str(tmp_path).encode() in data for data in one.values())


class _Loads(HTMLParser):
    """What a browser would load from a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") in {"canonical", "alternate", "alternate feed", "prev", "next"}:
            return
        for name in ("src", "srcset", "poster", "data", "action", "href"):
            if (value := given.get(name)) and not (tag == "a" and name == "href"):
                self.found.append(value)


def _pages(config: Config) -> Iterator[tuple[str, str]]:
    for path, data in files(config).items():
        if path.endswith(".html"):
            yield path, data.decode("utf-8")


def test_no_page_loads_anything_from_another_host(kb: Config) -> None:
    """Links lead out; scripts, styles, fonts and pictures are the site's own."""
    build(kb)
    for path, text in _pages(kb):
        parser = _Loads()
        parser.feed(text)
        assert [url for url in parser.found if urlsplit(url).netloc] == [], path
        assert "javascript:" not in re.sub(r"javascript:window.pwned", "", text), path
    css = (kb.build_dir / "site/assets/kb.css").read_text()
    assert "url(" not in css


def test_hostile_titles_stay_text_in_pages_titles_and_the_search_index(kb: Config) -> None:
    """No script of a record becomes an element, in a page, in <title> or in what search results are made of."""
    build(kb)
    for path, text in _pages(kb):
        assert "<script>window.pwned" not in text, path
        assert "<img src=x" not in text, path
        outside = re.sub(r"<svg\b.*?</svg>", "", text, flags=re.S)  # pictures have titles of their own
        assert outside.count("</title>") <= 1, path
    index = json.loads((kb.build_dir / "site/search/search_index.json").read_text(encoding="utf-8"))
    for entry in index["docs"]:
        assert not re.search(r"<(?!/?(?:p|code|pre|li|ol|ul|sub|sup)>)", entry["title"] + entry["text"])
    assert any("{{7*7}}" in entry["title"] for entry in index["docs"])


def test_a_merged_key_leads_to_the_record_that_stayed(kb: Config) -> None:
    """The old address is a page that sends the reader on, without a script."""
    _merge(kb)
    gone = re.search(r"gone: (\S+)", kb.decisions_path.read_text())
    assert gone is not None
    build(kb)
    page = (kb.build_dir / "site/papers" / f"{gone.group(1)}.html").read_text()
    assert 'content="0; url=feng2025efficient.html"' in page
    assert "<script" not in page


def test_plain_mkdocs_makes_the_same_site(kb: Config, tmp_path: Path) -> None:
    """The staged project needs nothing of kb: another builder, or MkDocs' own command, can take over."""
    build(kb)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "out")],
        cwd=kb.build_dir / ".stage",
        env=dict(os.environ) | {"SOURCE_DATE_EPOCH": "315532800"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert made == files(kb)
