"""`kb freeze`: what is in the archive, what never is, and when there is none."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from lxml import html

from kb import cli
from kb.config import load_config
from kb.errors import DataError, UsageError
from kb.export import EXPORTS
from kb.pipeline.archive import verify_archive
from kb.pipeline.freeze import freeze
from kb.pipeline.store import open_library
from tests.library import make_library
from tests.pipeline.test_build_findings import add_findings

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git here")
DATE = 1_769_860_800  # 2026-01-31, noon, UTC


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    env = {
        "GIT_COMMITTER_DATE": f"{DATE} +0900",
        "GIT_AUTHOR_DATE": f"{DATE} +0900",
        "PATH": "/usr/bin:/bin:/usr/local/bin",
    }
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, env=env)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "state")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed survey of 12 papers with claims, results and everything that must not come along."""
    root = tmp_path_factory.mktemp("freeze") / "survey"
    make_library(root, 12)
    add_findings(root)
    (root / ".gitignore").write_text("/build/\n.kb/\nsecret.txt\n")
    (root / ".kb").mkdir()
    (root / ".kb" / "abstracts.sqlite").write_text("abstract-4711")
    (root / "secret.txt").write_text("private-4711")
    assert cli.main(["--root", str(root), "schema", "--write"]) == 0
    git(root, "init", "-q", "-b", "main")
    commit(root)
    return root


@pytest.fixture(scope="module")
def archive(base: Path) -> Path:
    return freeze(load_config(base, {}), program=False, environ={}).path


@pytest.fixture
def unpacked(archive: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    return folder


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    """The survey, to be changed."""
    shutil.copytree(base, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("build", ".kb"))
    return tmp_path / "copy"


def test_the_name_says_what_and_when(archive: Path, base: Path) -> None:
    """Title and the commit's date, in UTC; the archive lies where what is built lies."""
    assert archive == base / "build" / "a-test-survey-2026-01-31.zip"


def test_everything_that_was_promised_is_inside(unpacked: Path, base: Path) -> None:
    """Site, records, taxonomy, decisions, results, verdicts, schemas, bibliography, citation, versions, list."""
    assert unpacked.name == "a-test-survey-2026-01-31"
    for name in (
        "README.md", "CITATION.cff", ".zenodo.json", "constraints.txt", "MANIFEST.sha256",
        "site/index.html", "site/papers/liu2025quantization.html", "site/api/v1/index.json",
        "base/kb.toml", "base/taxonomy.yaml", "base/papers/liu2025quantization.yaml", "base/schema/paper.json",
        "base/templates/paper.md.j2", "base/site/docs/themes.md", "bibliography/awesome.md",
    ):  # fmt: skip
        assert (unpacked / name).is_file(), name
    assert list((unpacked / "base/results").iterdir())


def test_records_are_the_same_bytes(unpacked: Path, base: Path) -> None:
    """Whatever git keeps is in it as it is."""
    said = subprocess.run(["git", "ls-files", "-z"], cwd=base, check=True, capture_output=True).stdout
    names = [name.decode() for name in said.split(b"\0") if name]
    assert len(names) > 40
    for name in names:
        assert (unpacked / "base" / name).read_bytes() == (base / name).read_bytes(), name


def test_what_is_not_committed_never_comes_along(archive: Path) -> None:
    """Caches, abstracts, what git ignores, its own folder, and the build."""
    with zipfile.ZipFile(archive) as opened:
        names = [name.partition("/")[2] for name in opened.namelist()]
        held = b"".join(opened.read(name) for name in opened.namelist())
    assert not [name for name in names if ".kb/" in name or ".git/" in name or name.startswith("base/build")]
    assert "base/secret.txt" not in names
    assert b"abstract-4711" not in held
    assert b"private-4711" not in held


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bibtex", "references.bib"),
        ("biblatex", "references.biblatex.bib"),
        ("csl-json", "references.csl.json"),
        ("ris", "references.ris"),
        ("csv", "references.csv"),
    ],
)
def test_the_bibliography_is_there_in_every_format(unpacked: Path, base: Path, kind: str, name: str) -> None:
    """The text that kb export prints."""
    papers = sorted(open_library(load_config(base, {})).values(), key=lambda paper: paper.key)
    assert (unpacked / "bibliography" / name).read_bytes() == EXPORTS[kind](papers).encode()


def test_every_export_has_its_file(unpacked: Path) -> None:
    """A format that is added to kb export comes along."""
    assert len(list((unpacked / "bibliography").iterdir())) == len(EXPORTS) + 1


def test_the_readme_says_how_to_build_it_again(unpacked: Path) -> None:
    """Commit, date, versions; without the program, the version of kb to install."""
    text = (unpacked / "README.md").read_text(encoding="utf-8")
    assert "frozen on 2026-01-31" in text
    assert "pip install -c constraints.txt kb-survey==" in text
    assert "--root base build" in text
    assert (
        yaml.safe_load((unpacked / "CITATION.cff").read_text(encoding="utf-8"))["date-released"]
        == "2026-01-31"
    )
    pinned = (unpacked / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("mkdocs-material==") for line in pinned)
    assert [line.partition("==")[0] for line in pinned] == sorted(line.partition("==")[0] for line in pinned)


def test_no_link_of_the_site_leads_nowhere(unpacked: Path) -> None:
    """Every relative link, image, script and style of every page is a file of the archive: it opens from disk."""
    site = unpacked / "site"
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 30
    for page in pages:
        tree: Any = html.fromstring(page.read_bytes())
        for element, attribute, link, _ in tree.iterlinks():
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not parts.path or attribute == "action":
                continue
            assert not parts.path.startswith("/"), (page, link)
            assert (page.parent / unquote(parts.path)).exists(), (page.relative_to(site), link, element.tag)


def test_two_freezes_of_a_commit_are_the_same_bytes(base: Path, archive: Path, tmp_path: Path) -> None:
    """In another clone, at another time, with other dates of files, after another build."""
    before = hashlib.sha256(archive.read_bytes()).hexdigest()
    subprocess.run(
        ["git", "clone", "-q", str(base), str(tmp_path / "clone")], check=True, capture_output=True
    )
    done = freeze(load_config(tmp_path / "clone", {}), program=False, environ={})
    assert done.sha256 == before


@pytest.mark.slow
def test_source_date_epoch_takes_the_place_of_the_commits_date(copy: Path) -> None:
    """https://reproducible-builds.org/specs/source-date-epoch/; nonsense in it is an error."""
    config = load_config(copy, {})
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        freeze(config, environ={"SOURCE_DATE_EPOCH": "tomorrow"})
    done = freeze(config, program=False, environ={"SOURCE_DATE_EPOCH": "1800000000"})
    assert done.path.name == "a-test-survey-2027-01-15.zip"


@pytest.mark.slow
def test_a_dirty_tree_needs_leave_and_is_told(copy: Path, tmp_path: Path) -> None:
    """What is edited, new or deleted is named; with --dirty the archive says that it is of no commit; new files stay out."""
    (copy / "stray.txt").write_text("x")
    (copy / "templates" / "about.md.j2").unlink()
    (copy / "kb.toml").write_text((copy / "kb.toml").read_text() + "\n# more\n")
    config = load_config(copy, {})
    with pytest.raises(UsageError, match=r"kb\.toml and 2 more: not committed"):
        freeze(config, environ={})
    done = freeze(config, dirty=True, program=False, out=tmp_path / "dirty.zip", environ={})
    assert sorted(done.changed) == ["kb.toml", "stray.txt", "templates/about.md.j2"]
    with zipfile.ZipFile(done.path) as opened:
        top = opened.namelist()[0].partition("/")[0]
        assert "3 files differed" in opened.read(f"{top}/README.md").decode()
        assert opened.read(f"{top}/base/kb.toml").endswith(b"# more\n")
        assert f"{top}/base/stray.txt" not in opened.namelist()


def test_an_error_of_check_stops_it(copy: Path) -> None:
    """What kb check calls an error is not put away for ever."""
    record = copy / "papers" / "liu2025quantization.yaml"
    record.write_text(record.read_text() + "nonsense: 1\n")
    commit(copy)
    with pytest.raises(DataError, match="nonsense"):
        freeze(load_config(copy, {}), environ={})
    assert not list((copy / "build").glob("*.zip")) if (copy / "build").exists() else True


@pytest.mark.parametrize(
    "name", [".env", "keys/server.pem", "id_ed25519", "kb.local.toml", ".env.production"]
)
def test_a_committed_secret_stops_it(copy: Path, name: str) -> None:
    """By its name, with the way to be rid of it."""
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("TOKEN=1\n")
    git(copy, "add", "-f", name)
    commit(copy)
    with pytest.raises(DataError, match="secret") as caught:
        freeze(load_config(copy, {}), environ={})
    assert caught.value.file == name


def test_the_zotero_key_in_a_file_stops_it(copy: Path) -> None:
    """The key of the environment, pasted anywhere; it is never printed. An example of names is no secret."""
    (copy / ".env.example").write_text("ZOTERO_API_KEY=\n")
    (copy / "notes.md").write_text("key: abcDEF123456\n")
    commit(copy)
    with pytest.raises(DataError, match="secret") as caught:
        freeze(load_config(copy, {"ZOTERO_API_KEY": "abcDEF123456"}), environ={})
    assert caught.value.file == "notes.md"
    assert "abcDEF" not in str(caught.value)


def test_without_git_there_is_nothing_to_freeze(tmp_path: Path) -> None:
    """One line with the way on: also in a repository that has no commit yet."""
    make_library(tmp_path / "kb", 1)
    config = load_config(tmp_path / "kb", {})
    with pytest.raises(UsageError, match="git init"):
        freeze(config, environ={})
    git(tmp_path / "kb", "init", "-q")
    with pytest.raises(UsageError, match="git init"):
        freeze(config, environ={})


# As a person runs it


def kb(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_archive_that_is_there_is_not_replaced(
    base: Path, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before any work; --force replaces it with the same bytes."""
    before = archive.read_bytes()
    code, _, err = kb(capsys, "--root", str(base), "freeze")
    assert code == 2
    assert "is there already" in err
    assert "--force" in err
    code, out, _ = kb(capsys, "--root", str(base), "freeze", "--force", "--no-program")
    assert code == 0
    assert hashlib.sha256(before).hexdigest() in out
    assert archive.read_bytes() == before


def test_verify_says_yes_anywhere(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outside of any survey, for people and as JSON."""
    code, out, _ = kb(capsys, "--root", str(tmp_path), "freeze", "--verify", str(archive))
    assert code == 0
    assert "files are what the list says" in out
    code, out, _ = kb(capsys, "freeze", "--verify", str(archive), "--json")
    data: dict[str, Any] = json.loads(out)
    assert (code, data["problems"]) == (0, [])
    assert data["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()


def test_verify_says_no_with_exit_code_3(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record that was changed after the freeze is named."""
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data + b"\n" if name.endswith("/base/taxonomy.yaml") else data)
    code, _, err = kb(capsys, "freeze", "--verify", str(other))
    assert code == 3
    assert "base/taxonomy.yaml: is not what the list says" in err
    assert len(verify_archive(other).problems) == 1


def test_options_that_do_not_go_together(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--verify writes nothing."""
    code, _, err = kb(capsys, "freeze", "--verify", str(archive), "--force")
    assert code == 2
    assert "only reads" in err


def test_out_may_be_a_folder_or_a_zip(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that exists gets an archive of the usual name; a name that is no ZIP's is refused."""
    code, _, err = kb(capsys, "--root", str(base), "freeze", "--out", str(tmp_path / "a.tar.gz"))
    assert code == 2
    assert "end it in .zip" in err
    code, out, _ = kb(capsys, "--root", str(base), "freeze", "--no-program", "--out", str(tmp_path))
    assert code == 0
    assert PurePosixPath(out.split(":")[0]).name == "a-test-survey-2026-01-31.zip"
