"""A survey of another field, made as a stranger makes it: kb from a wheel, `kb init`, sources, labels, site, archive.

Nothing of it is committed. No page of it may say a word of the survey that kb grew up with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from scripts.screenshots import serve, until
from tests.browser.conftest import DESKTOP, Visit, _visit
from tests.library import REPO
from tests.pipeline.kbase import paper
from tests.servers.arxiv import ArxivServer
from tests.servers.base import running
from tests.servers.zotero import Library, ZoteroServer, item

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
GROUP = 77
_INSTALL = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index")
BRANCHES = ("structure-prediction", "function-prediction", "design")
# Titles and words that are told apart by branch; all invented.
_WORDS = {
    "structure-prediction": ("Folding", "structure contact map backbone coordinates fold"),
    "function-prediction": ("Annotating", "function annotation enzyme ontology variant effect"),
    "design": ("Designing", "design generation sampling binder diffusion inverse"),
}
_OBJECTS = "Enzymes,Antibodies,Membrane Proteins,Disordered Regions,Peptides,Orphan Families,Binding Sites,Loops,Complexes".split(
    ","
)
_HEADINGS = {
    "structure-prediction": "Structure prediction",
    "function-prediction": "Function prediction",
    "design": "Design",
}
FOREIGN = re.compile(
    r"\b(?:shorter|smaller|faster|reasoning|reasoners?|quanti[sz]\w*|overthink\w*|chains? of thought|token budget|"
    r"long-?cot|distill?ation|speculative|awq|gptq)\b",
    re.I,
)


@dataclass
class Stranger:
    """Somebody with a wheel of kb and a folder."""

    program: Path
    root: Path
    env: dict[str, str]

    def kb(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "kb", *words],
            cwd=self.root.parent,
            env=os.environ | self.env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def where(self) -> str:
        """Which kb it is that runs."""
        code = "import kb; print(kb.__file__)"
        words = [sys.executable, "-P", "-c", code]
        return subprocess.run(
            words, env=os.environ | self.env, check=True, capture_output=True, text=True
        ).stdout

    def here(self, *words: str, code: int = 0) -> str:
        return self.kb("--root", str(self.root), *words, code=code)


def _papers() -> list[dict[str, Any]]:
    found = []
    for number, branch in enumerate(BRANCHES * len(_OBJECTS)):
        verb, words = _WORDS[branch]
        title = f"{verb} {_OBJECTS[number // 3]} with Protein Language Models"
        abstract = f"A protein language model learns {words} of sequences. {words.capitalize()}: that is what is measured."
        found.append(
            paper(
                f"26{number // 10 + 1:02}.{10000 + number}",
                title,
                f"Ada Almeida{chr(97 + number)}",
                abstract=abstract,
            )
        )
    return found


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """kb as it comes from a wheel, without the packages it stands on: those are here."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [*_INSTALL, "--target", str(folder / "kb"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "kb"


@pytest.fixture(scope="module")
def stranger(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A survey that was begun, synced, labelled, taught and built."""
    papers = _papers()
    library = Library(GROUP)
    for number, branch in enumerate(BRANCHES):
        library.add_collection(f"COLL000{number}", _HEADINGS[branch])
    for number, each in enumerate(papers[:6]):
        library.add(
            item(
                f"ITEM{number:04}",
                each["title"],
                authors=each["authors"],
                url=f"https://arxiv.org/abs/{each['id']}",
                collections=[f"COLL000{number % 3}"],
            )
        )
    root = tmp_path_factory.mktemp("stranger") / "protein-models"
    with running(ZoteroServer(library)) as zotero, running(ArxivServer(papers)) as arxiv:
        env = {
            "PYTHONPATH": str(program),
            "KB_ZOTERO_BASE_URL": zotero.url,
            "KB_ARXIV_BASE_URL": arxiv.url,
            "KB_CACHE_DIR": str(root.parent / "cache"),
            "KB_PERSON": "Ada Almeida",
            "PYTHONWARNINGS": "default",
        }
        here = Stranger(program, root, env)
        here.kb(
            *("init", str(root), "--title", "Protein language models", "--zotero-group", str(GROUP)),
            *(
                "--arxiv-query",
                'ti:"protein language models"',
                "--repository",
                "https://github.com/example/proteins",
            ),
            *(
                "--facet",
                "Task: Structure prediction, Function prediction, Design",
                "--facet",
                "Input: Sequence, Text",
            ),
        )
        settings = (root / "kb.toml").read_text(encoding="utf-8").replace("delay_s = 3.0", "delay_s = 0.0")
        settings += '\n[[sources.lists]]\nname = "LIST"\npath = "LIST.md"\ncreates = true\n'
        (root / "kb.toml").write_text(settings, encoding="utf-8")
        (root / "LIST.md").write_text(_list(papers[6:24]), encoding="utf-8")
        here.here("sync")
        yield here


def _list(papers: list[dict[str, Any]]) -> str:
    lines = ["# Awesome protein language models", ""]
    for number, branch in enumerate(BRANCHES):
        lines += [f"## {_HEADINGS[branch]}", ""]
        lines += [f"- [{each['title']}](https://arxiv.org/abs/{each['id']})" for each in papers[number::3]]
        lines.append("")
    return "\n".join(lines)


def _records(root: Path) -> list[Path]:
    return sorted((root / "papers").glob("[a-z]*.yaml"))


@pytest.fixture(scope="module")
def built(stranger: Stranger) -> Path:
    """Its site, after people and the classifier have sorted papers."""
    stranger.here("build")
    stranger.here("check")
    return stranger.root / "build" / "site"


def test_sources_bring_papers_and_lists_label_them(stranger: Stranger) -> None:
    """Zotero's collections and the list's headings are titles of branches: labels come with the first sync."""
    shown = json.loads(stranger.here("list", "--json"))
    assert len(shown) == 24
    for each in shown:
        said = {label["branch"] for label in each["labels"]}
        wanted = next(branch for branch, (verb, _) in _WORDS.items() if each["title"].startswith(verb))
        assert said == {wanted}, each
    assert len(json.loads(stranger.here("candidates", "--json"))) == 3
    assert "nothing changed" in stranger.here("sync")


def test_the_classifier_says_that_it_knows_another_field(stranger: Stranger) -> None:
    """No proposal by weights of another taxonomy; and with too few labels nothing is learned from them."""
    before = [path.read_bytes() for path in _records(stranger.root)]
    said = stranger.here("classify", "apply", "--words-only", code=2)
    assert "kb classify train" in said
    assert [path.read_bytes() for path in _records(stranger.root)] == before
    assert "0 papers have a confirmed task; 20 are needed" in stranger.here("classify", "train", code=2)


def test_it_learns_from_labels_that_people_confirm(stranger: Stranger) -> None:
    """Twenty-one confirmed labels later it sorts three papers it has never seen."""
    shown = json.loads(stranger.here("list", "--json"))
    decisions = [
        word for each in shown[:21] for word in ("--decide", f"{each['key']}={each['labels'][0]['branch']}")
    ]
    stranger.here("triage", *decisions)
    stranger.here("classify", "train", "--words-only")
    settings = stranger.root / "kb.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8") + '\n[classify]\nweights = "weights"\n', encoding="utf-8"
    )
    stranger.here("classify", "apply")
    for each in json.loads(stranger.here("list", "--json")):
        told = {label["branch"] for label in each["labels"] if label["by"] == "classifier"}
        wanted = {label["branch"] for label in each["labels"] if label["by"] == "list"}
        assert told <= wanted, each
    question = json.dumps(
        {"title": "Folding Toxins with Protein Language Models", "abstract": "structure fold backbone"}
    )
    lines = subprocess.run(
        [sys.executable, "-P", "-m", "kb", "--root", str(stranger.root), "classify", "predict", "-", "--json"],
        input=question, env=os.environ | stranger.env, cwd=stranger.root.parent, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = json.loads(lines)
    assert told["task"]["branch"] == "structure-prediction"
    assert set(told) == {"id", "task"}  # nobody confirmed another facet, or taught what does not belong here


def test_no_page_says_a_word_of_the_first_field(built: Path) -> None:
    """Nor does any feed, any file of the API, or llms.txt; every branch of its own has a page."""
    pages = [path for path in built.resolve().rglob("*") if path.suffix in {".html", ".json", ".xml", ".txt"}]
    assert sum(path.suffix == ".html" for path in pages) > 40
    wrong = {}
    for path in pages:
        if "assets" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            tree: Any = html.fromstring(text)
            text = tree.text_content() + " ".join(tree.xpath("//@content | //@title"))
        if found := sorted({match.group() for match in FOREIGN.finditer(text)}):
            wrong[path.relative_to(built.resolve()).as_posix()] = found
    assert wrong == {}
    for branch in BRANCHES:
        assert (built / "branches" / f"{branch}.html").is_file()


def test_a_reader_finds_the_way(built: Path, stranger: Stranger, browser: Any) -> None:
    """From the home page to a branch to a paper and back, by clicks: no error, no request to anybody else."""
    server = serve(built.resolve())
    try:
        for visit in _visit(browser, f"http://127.0.0.1:{server.server_port}", DESKTOP):
            _read(visit)
    finally:
        server.shutdown()
        server.server_close()


def _read(visit: Visit) -> None:
    page = visit.open("index.html")
    assert page.inner_text("h1").startswith("Protein language models")
    page.click(".kb-tile h3 a >> nth=0")
    page.wait_for_url("**/branches/structure-prediction.html")
    page.click("article table a >> nth=0")
    page.wait_for_url("**/papers/*.html")
    assert "Protein Language Models" in page.inner_text("h1")
    page.goto(f"{visit.base}/about.html")
    assert "papers/" in page.inner_text("article")
    page.goto(f"{visit.base}/survey/table.html")
    until(page, "document.querySelectorAll('article table tbody tr').length >= 20")


def test_its_readme_and_its_paper_write_themselves(stranger: Stranger, built: Path) -> None:
    """The markers are there, and LaTeX speaks of its own branches alone."""
    stranger.here("export", "readme", "--into", str(stranger.root / "README.md"))
    stranger.here("survey")
    text = (stranger.root / "build/survey/survey.tex").read_text(encoding="utf-8")
    assert "Structure prediction" in text
    assert not FOREIGN.search(re.sub(r"\\\w+", " ", text))


def test_a_template_of_its_own_takes_the_place_of_ours(stranger: Stranger, built: Path) -> None:
    """One file under templates/ and one under site/docs: the rest still comes with kb, and the page is in the navigation."""
    ours = (stranger.program / "kb/packaged/templates/home.md.j2").read_text(encoding="utf-8")
    (stranger.root / "templates").mkdir()
    (stranger.root / "templates/home.md.j2").write_text(
        ours.replace("## Newest papers", "## Fresh from the press")
    )
    (stranger.root / "site/docs").mkdir(parents=True)
    (stranger.root / "site/docs/folds.md").write_text("---\ntitle: Our folds\n---\n# Our folds\n")
    try:
        stranger.here("build")
        tree: Any = html.fromstring((built / "index.html").read_bytes())
        home = tree.text_content()
        assert "Fresh from the press" in home
        assert "Our folds" in home
        (stranger.root / "site/docs/folds.md").write_text("# Our folds\n")
        assert "has no title" in stranger.here("build", code=3)
    finally:
        shutil.rmtree(stranger.root / "templates")
        shutil.rmtree(stranger.root / "site")
    stranger.here("build")


@pytest.mark.skipif(not shutil.which("git"), reason="no git here")
def test_its_archive_holds_all_that_it_takes_to_build_it_again(
    stranger: Stranger, built: Path, tmp_path: Path
) -> None:
    """kb is not in its repository, so it comes along: from what is unpacked, without git, the same home page is made."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "begin")):
        subprocess.run(["git", *who, *words], cwd=stranger.root, check=True, capture_output=True)
    ignored = subprocess.run(
        ["git", "status", "--porcelain"], cwd=stranger.root, check=True, capture_output=True, text=True
    )
    assert ignored.stdout == ""
    stranger.here("freeze")
    (archive,) = (stranger.root / "build").glob("protein-language-models-*.zip")
    stranger.kb("freeze", "--verify", str(archive))
    with zipfile.ZipFile(archive) as opened:
        assert not [name for name in opened.namelist() if "/.kb/" in name]
        opened.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    (wheel,) = (folder / "program").iterdir()
    again = [*_INSTALL, "--target", str(tmp_path / "kb"), str(wheel)]
    subprocess.run(again, check=True, capture_output=True)
    heir = Stranger(tmp_path / "kb", folder / "base", {"PYTHONPATH": str(tmp_path / "kb")})
    assert str(tmp_path / "kb") in heir.where()
    heir.here("build")
    home = (folder / "base/build/site/index.html").read_text(encoding="utf-8")
    assert home == (folder / "site/index.html").read_text(encoding="utf-8")
