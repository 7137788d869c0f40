"""What every survey shares comes with kb, and a survey's own file takes the place of one, by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from kb.config import load_config
from kb.errors import DataError
from kb.pipeline.build import make_stage
from kb.pipeline.init import NewSurvey, init
from kb.pipeline.packaged import GITHUB, SHARED, layered, packaged
from kb.pipeline.stage import read_site, read_templates
from kb.render.navigation import expand_navigation, with_pages
from tests.library import REPO
from tests.render.test_pages import TAXONOMY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A survey that has nothing of its own but settings and a taxonomy."""
    init(
        tmp_path / "new",
        NewSurvey(title="Time <series>", facets=("Task: Forecasting, Detection",), github=False),
    )
    return tmp_path / "new"


def test_what_the_wheel_carries_is_what_the_program_looks_for() -> None:
    """The build hook cannot import kb: its list is held to ours, and every part of it is in git."""
    tree = ast.parse((REPO / "hatch_build.py").read_text(encoding="utf-8"))
    (listed,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SHARED"
    )
    assert listed == (*SHARED, GITHUB)
    assert all((REPO / name).exists() for name in listed)


def test_from_a_checkout_the_one_copy_is_used() -> None:
    """There is no second one inside the package."""
    assert packaged() == REPO


def test_a_survey_without_files_of_its_own_has_them_all(root: Path) -> None:
    """Every template, every asset and override; none of the first survey's own pages."""
    assert read_templates(root) == read_templates(REPO)
    files, pages = read_site(root)
    assert pages == {}
    assert set(files) == {
        name for name in read_site(REPO)[0] if name.startswith(("docs/assets/", "overrides/"))
    }


def test_a_file_of_its_own_takes_the_place_of_ours(root: Path) -> None:
    """By its path; the neighbours stay ours, and editors' leftovers count for nothing."""
    own = {
        "templates/home.md.j2": "mine",
        "templates/latex/new.tex.j2": "new",
        "site/docs/assets/logo.svg": "<svg/>",
    }
    for name, text in (own | {"templates/.#paper.md.j2": "x", "templates/paper.md.j2~": "x"}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = read_templates(root)
    assert (found["home.md.j2"], found["latex/new.tex.j2"]) == ("mine", "new")
    assert found["paper.md.j2"] == read_templates(REPO)["paper.md.j2"]
    assert read_site(root)[0]["docs/assets/logo.svg"] == b"<svg/>"
    assert layered(root, "site")["docs/assets/kb.css"] == REPO / "site/docs/assets/kb.css"


# The navigation


def nav(root: Path) -> list[object]:
    stage, _ = make_stage(load_config(root, {}))
    found: list[object] = yaml.safe_load(stage["mkdocs.yml"])["nav"]
    return found


def test_pages_that_a_survey_does_not_have_are_not_in_its_navigation(root: Path) -> None:
    """No hand-written page of the first survey, nothing of claims; its own facet has its own name."""
    text = str(nav(root))
    assert "By task" in text
    assert "Forecasting" in text
    assert "about.md" in text
    for gone in ("themes.md", "predict.md", "claims/index.md", "experiments", "What will"):
        assert gone not in text


def test_a_hand_written_page_follows_by_its_title(root: Path) -> None:
    """Before the last entry; without a title one line says what to write, with the file."""
    pages = root / "site" / "docs"
    (pages / "deep").mkdir(parents=True)
    (pages / "themes.md").write_text("---\ntitle: Our themes\n---\n# Themes\n")
    (pages / "deep" / "a.md").write_text('---\ntitle: "A <deep> one"\n---\n# A\n')
    found = nav(root)
    assert {"A &lt;deep&gt; one": "deep/a.md"} in found[-3:-1]
    assert "themes.md" in str(found[:-2])  # where the frame has a place for it
    (pages / "deep" / "a.md").write_text("# A\n")
    with pytest.raises(DataError, match="has no title") as caught:
        nav(root)
    assert caught.value.file == "site/docs/deep/a.md"


def test_a_frame_of_its_own_is_taken_at_its_word(root: Path) -> None:
    """A page that it names and that is not there stays, for MkDocs to complain about."""
    (root / "site").mkdir()
    (root / "site" / "mkdocs.yml").write_text("nav:\n  - Home: index.md\n  - Gone: gone.md\n")
    assert nav(root) == [{"Home": "index.md"}, {"Gone": "gone.md"}]


def test_an_address_elsewhere_stays_in_the_navigation() -> None:
    """It is no page that could be missing."""
    entries = [{"Home": "index.md"}, {"Code": "https://example.com"}, {"Gone": ["gone.md"]}]
    assert expand_navigation(entries, TAXONOMY, {"index.md"}, only_there=True) == entries[:2]


def test_pages_are_put_before_the_last_entry_once() -> None:
    """What stands in the navigation already is not put there again, at any depth."""
    entries = [{"More": [{"A": "a.md"}]}, {"About": "about.md"}]
    assert with_pages(entries, {"a.md": "A", "b.md": "B"}) == [entries[0], {"B": "b.md"}, entries[1]]


# Words


def test_a_survey_says_in_its_settings_what_it_is_about(root: Path) -> None:
    """introduction is Markdown with references, description is text; llms.txt and the home page have them."""
    settings = (root / "kb.toml").read_text(encoding="utf-8")
    more = 'description = "Series & <their> future."\nintroduction = "All **series** of [[branch:forecasting]]."\n'
    (root / "kb.toml").write_text(
        settings.replace("[sources.arxiv]", f"{more}[sources.arxiv]", 1), encoding="utf-8"
    )
    stage, site = make_stage(load_config(root, {}))
    assert site.problems == ()
    assert "All **series** of [Forecasting](branches/forecasting.md)." in site.pages["index.md"]
    assert "Series" in site.pages["llms.txt"]
    assert yaml.safe_load(stage["mkdocs.yml"])["site_description"] == "Series &amp; &lt;their&gt; future."


def test_a_reference_in_the_introduction_that_leads_nowhere_names_kb_toml(root: Path) -> None:
    """The file to correct is the settings."""
    settings = (root / "kb.toml").read_text(encoding="utf-8")
    text = settings.replace(
        "[sources.arxiv]", 'introduction = "See [[nobody2020nothing]]."\n[sources.arxiv]', 1
    )
    (root / "kb.toml").write_text(text, encoding="utf-8")
    _, site = make_stage(load_config(root, {}))
    assert [(problem.file, problem.message) for problem in site.problems] == [
        ("kb.toml", "[[nobody2020nothing]] is neither a paper's key nor a branch")
    ]


def test_a_hand_written_about_page_takes_the_place_of_ours(root: Path) -> None:
    """Ours speaks of records and branches of this survey."""
    _, site = make_stage(load_config(root, {}))
    assert "[[branch:forecasting]]" in site.pages["about.md"]
    (root / "site" / "docs").mkdir(parents=True)
    (root / "site" / "docs" / "about.md").write_text("---\ntitle: About\n---\n# Mine\n")
    _, site = make_stage(load_config(root, {}))
    assert "# Mine" in site.pages["about.md"]
