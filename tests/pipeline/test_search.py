"""Which search a site has, and Pagefind's index."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from kb.config import Config, SearchSettings, load_config
from kb.errors import ConfigError, KbError
from kb.pipeline.build import build
from kb.pipeline.search import choose, find_program, program_version, with_search, write_index
from tests.library import make_library

PROGRAM = find_program()
needs_pagefind = pytest.mark.skipif(PROGRAM is None, reason="pagefind-bin has no program for this platform")
SOME = Path("pagefind")


@pytest.mark.parametrize(
    ("engine", "pages", "program", "chosen"),
    [
        ("auto", 1000, SOME, "material"),
        ("auto", 1001, SOME, "pagefind"),
        ("auto", 1000, None, "material"),
        ("material", 9000, SOME, "material"),
        ("pagefind", 3, SOME, "pagefind"),
    ],
)
def test_the_number_of_pages_chooses_unless_told_otherwise(
    engine: str, pages: int, program: Path | None, chosen: str
) -> None:
    """Material's up to the threshold, Pagefind's above; a setting forces either."""
    choice = choose(SearchSettings.model_validate({"engine": engine}), pages, program)
    assert (choice.engine, choice.remark) == (chosen, None)


def test_the_threshold_can_be_set() -> None:
    """kb.toml says from how many pages on."""
    settings = SearchSettings(pagefind_above=10)
    assert [choose(settings, pages, SOME).engine for pages in (10, 11)] == ["material", "pagefind"]


def test_a_large_site_without_pagefind_says_so_and_goes_on() -> None:
    """The site keeps a search that works, and the person who builds is told what to install."""
    choice = choose(SearchSettings(), 5000, None)
    assert choice.engine == "material"
    assert choice.remark is not None
    assert "5,000 pages" in choice.remark
    assert "pip install" in choice.remark


def test_pagefind_that_is_asked_for_and_missing_is_an_error() -> None:
    """What kb.toml demands is not silently something else."""
    with pytest.raises(
        ConfigError, match=r"kb\.toml: site\.search\.engine: Pagefind is not installed.*pip install"
    ):
        choose(SearchSettings(engine="pagefind"), 3, None)


def test_the_frame_tells_the_theme(tmp_path: Path) -> None:
    """Material's index is made for Material's search alone; a survey's own settings stay."""
    frame = b"extra: {own: 1}\nplugins:\n- search: {lang: en}\n- tags\n"
    material = yaml.safe_load(with_search(frame, "material"))
    assert material == {
        "extra": {"own": 1, "search_engine": "material"},
        "plugins": [{"search": {"lang": "en"}}, "tags"],
    }
    program = tmp_path / "pagefind"
    program.write_text("#!/bin/sh\necho pagefind 9.9\n")
    program.chmod(0o755)
    pagefind = yaml.safe_load(with_search(frame, "pagefind", program))
    assert pagefind["plugins"] == ["tags"]
    assert pagefind["extra"] == {"own": 1, "search_engine": "pagefind", "search_version": "pagefind 9.9"}


def test_a_program_that_fails_is_told(tmp_path: Path) -> None:
    """Its own words come along."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(KbError, match="Pagefind failed: no such luck"):
        write_index(tmp_path, program)
    with pytest.raises(KbError, match=r"cannot be run.*pip install"):
        program_version(tmp_path / "nothing")


def site_of(config: Config) -> Path:
    return (config.build_dir / "site").resolve()


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def kb(tmp_path: Path) -> Config:
    """A small knowledge base that asks for Pagefind."""
    make_library(tmp_path / "kb", 12)
    with (tmp_path / "kb/kb.toml").open("a") as file:
        file.write('[site.search]\nengine = "pagefind"\n')
    return load_config(tmp_path / "kb", {})


def texts(site: Path) -> dict[str, str]:
    """What the index holds of each page, by address."""
    found = {}
    for path in (site / "pagefind/fragment").iterdir():
        data = json.loads(gzip.decompress(path.read_bytes()).removeprefix(b"pagefind_dcd"))
        found[data["url"]] = data["content"]
    return found


@needs_pagefind
@pytest.mark.slow
def test_an_incremental_build_gives_the_index_of_a_full_one(kb: Config) -> None:
    """Byte for byte, with the new words and without the old; the site before keeps its files until it is replaced."""
    build(kb)
    old = site_of(kb)
    record = kb.papers_dir / "feng2025efficient.yaml"
    record.write_text(record.read_text().replace("A Survey", "A Zoology"))
    report = build(kb)
    assert report.mode == "incremental"
    site = site_of(kb)
    assert site != old
    made = bytes_of(site)
    assert "Zoology" in texts(site)["/papers/feng2025efficient.html"]
    build(kb, clean=True)
    assert bytes_of(site_of(kb)) == made


@needs_pagefind
@pytest.mark.slow
def test_the_index_holds_content_alone(kb: Config) -> None:
    """No navigation, no BibTeX, no signs beside headings, and none of the pages that ask to be left out."""
    build(kb)
    found = texts(site_of(kb))
    page = found["/papers/liu2025quantization.html"]
    assert page.startswith("Quantization Hurts Reasoning? An Empirical Study")
    assert "archivePrefix" not in page
    assert "All papers" not in page
    assert "#." not in page
    assert "/survey/table.html" not in found
    assert "/index.html" in found


@needs_pagefind
@pytest.mark.slow
def test_another_engine_makes_all_pages_anew(kb: Config) -> None:
    """The box of every page goes by it; nothing of the other index is left."""
    build(kb)
    settings = kb.root / "kb.toml"
    settings.write_text(settings.read_text().replace('engine = "pagefind"', 'engine = "material"'))
    report = build(load_config(kb.root, {}))
    assert report.mode == "full"
    site = site_of(kb)
    assert (site / "search/search_index.json").is_file()
    assert not (site / "pagefind").exists()
    assert 'data-kb-search="material"' in (site / "index.html").read_text()


def test_pages_of_a_small_site_have_materials_search(tmp_path: Path) -> None:
    """What nobody set."""
    make_library(tmp_path / "kb", 3)
    config = load_config(tmp_path / "kb", {})
    assert build(config).remarks == ()
    page = (site_of(config) / "index.html").read_text()
    assert re.findall(r'data-kb-search="(\w+)"', page) == ["material"]
