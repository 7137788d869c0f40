"""An invented knowledge base of any size, for tests and measurements. Nothing in it is anybody's work but two titles."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

from kb.records.library import render_record
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy

REPO = Path(__file__).parents[1]

OBEYS_MODES: list[str] = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []
)
"""Put before a command so that read-only folders are so for root, too: Linux lets go of the right to pass over modes."""
CANNOT_OBEY = bool(OBEYS_MODES) and shutil.which("setpriv") is None

_SUBJECTS = "Chains,Budgets,Drafts,Votes,Caches,Students,Weights,Traces,Steps,Tokens,Routes,Loops".split(",")
_ADJECTIVES = "Short,Frugal,Early,Latent,Sparse,Mixed,Adaptive,Quantized,Pruned,Steady,Layered,Thrifty".split(
    ","
)
_ENDINGS = (
    "for Language Models That Reason",
    "without Training",
    "under a Token Budget",
    "at Test Time",
    "and What They Cost",
    "by Reinforcement Learning",
    "in Four Bits",
    "on Small Devices",
)
_GIVEN = "Ada,Björn,Chen,Dilnoza,Emeka,Farah,Gustavo,Hana,Ines,Jun,Kofi,Łucja".split(",")
_FAMILY = (
    "Almeida,Brandt,Castellano,Dvořák,Eze,Fukuda,Grünwald,Hossain,Ivanova,Jensen,Kovács,Lindqvist".split(",")
)
_VENUES = ("ICML 2025", "ACL 2025 Findings", "TMLR", "NeurIPS 2024", None, None, None)
_SENTENCES = (
    "Long answers cost time, and most of that time is spent on steps that change nothing.",
    "A second reward looks at length, but only where the answer was right.",
    "The saving comes from the easy questions; on hard ones the chains stay as they were.",
    "All tasks are arithmetic, so it is open whether the effect carries over.",
    "One base model, one seed: the differences may be noise.",
)

# What hostile or careless hands may put into a title or a note.
HOSTILE = (
    "<script>window.pwned=1</script> {{7*7}} {% raw %} of $x^2$ | a pipe",
    "</title><img src=x onerror=window.pwned=2> [click](javascript:window.pwned=3)",
    "**not bold** _not italic_ `not code` # not a heading ![img](http://example.com/x.png)",
    "1. Not a list: <https://example.com> &lt;b&gt; {: onclick=alert(1) } [[nobody2020nothing]] :smile:",
    "\"quotes\" 'single' \\backslash ~tilde~ ^caret^ ==mark== *[HTML]: x [^1] http://example.com www.example.com",
)


def make_library(root: Path, n: int, seed: int = 0) -> list[Paper]:
    """Write a knowledge base with `n` records under `root`: the same one for the same `n` and `seed`.

    The first two records carry the keys that the hand-written pages refer to; with ten or more, some have hostile titles
    and notes (`HOSTILE`). taxonomy.yaml, templates/ and site/ are copies of the repository's.
    """
    root.mkdir(parents=True, exist_ok=True)
    for name in ("templates", "site"):
        shutil.copytree(REPO / name, root / name)
    shutil.copy(REPO / "taxonomy.yaml", root / "taxonomy.yaml")
    (root / "kb.toml").write_text(
        '[site]\ntitle = "A test survey"\nrepository = "https://github.com/example/survey"\n'
        'citation_authors = ["Ada Almeida", "Jun Fukuda"]\ncitation_year = 2026\n',
        encoding="utf-8",
    )
    papers = invent_papers(n, seed)
    (root / "papers").mkdir()
    for paper in papers:
        (root / "papers" / f"{paper.key}.yaml").write_text(render_record(paper), encoding="utf-8")
    return papers


def invent_papers(n: int, seed: int = 0) -> list[Paper]:
    """`n` records, the same ones for the same `n` and `seed`."""
    rng = random.Random(seed)
    branches = list(load_taxonomy(REPO / "taxonomy.yaml").branches)
    return [_invent(number, rng, branches, n) for number in range(n)]


def _invent(number: int, rng: random.Random, branches: list[str], total: int) -> Paper:
    title = f"{rng.choice(_ADJECTIVES)} {rng.choice(_SUBJECTS)} {rng.choice(_ENDINGS)}"
    authors = [f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}" for _ in range(rng.randint(1, 5))]
    year, month = rng.choice((2023, 2024, 2024, 2025, 2025, 2025)), rng.randint(1, 12)
    family = authors[0].split()[-1].lower().encode("ascii", "ignore").decode() or "anon"
    key = f"{family}{year}{title.split()[0].lower()}-{number}"
    data: dict[str, Any] = {
        "title": title,
        "authors": authors,
        "identifiers": {
            "arxiv_id": f"{year % 100}{month:02}.{number % 100_000:05}",
            "arxiv_version": rng.randint(1, 3),
        },
        "dates": {"published": f"{year}-{month:02}-{rng.randint(1, 28):02}"},
        "labels": _labels(rng, branches),
    }
    if venue := rng.choice(_VENUES):
        data |= {"venue": venue, "publication_state": "published"}
    if rng.random() < 0.4:
        data["links"] = {"code": [f"https://github.com/example/project-{number}"]}
    if number % 10 == 5:
        data["review"] = _review(rng)
    if total >= 10 and 2 <= number < 2 + len(HOSTILE):
        hostile = HOSTILE[number - 2]
        data["title"] = f"{hostile} {number}"
        data["notes"] = [
            {"text": f"{hostile}\n\n{hostile}", "lang": "zh", "source": "someone/list", "kind": "note"}
        ]
        data["review"] = _review(rng) | {"summary": hostile, "critique": f"{hostile}"}
        data["review"] = {
            name: text.replace("[[nobody2020nothing]]", "nothing") for name, text in data["review"].items()
        }
    if number == 0:
        key, data["title"] = (
            "liu2025quantization",
            "Quantization Hurts Reasoning? An Empirical Study on Quantized Reasoning Models",
        )
        data["identifiers"] = {"arxiv_id": "2504.04823"}
        data["review"] = _review(rng) | {
            "insight": "Compare [[feng2025efficient]] and [[branch:smaller/quantization]]."
        }
    if number == 1:
        key, data["title"] = "feng2025efficient", "Efficient Reasoning Models: A Survey"
        data["identifiers"] = {"arxiv_id": "2504.10903"}
    if number == 8:
        data |= {"publication_state": "withdrawn", "withdrawn_reason": "an error in the proof of Lemma 2"}
    if number == 9:
        data |= {"status": "stub", "authors": [], "labels": []}
    return Paper.from_data(key, data)


def _labels(rng: random.Random, branches: list[str]) -> list[dict[str, Any]]:
    labels: list[dict[str, Any]] = []
    for branch in rng.sample(branches, rng.randint(1, 3)):
        labels.append({"branch": branch, "by": "list", "source": "someone/list"})
        if rng.random() < 0.3:
            labels.append({"branch": branch, "by": "person", "source": "Ada Almeida", "state": "confirmed"})
        elif rng.random() < 0.5:
            labels.append({"branch": branch, "by": "classifier", "source": "v1", "confidence": 0.62})
    return labels


def _review(rng: random.Random) -> dict[str, str]:
    names = ("focus", "contribution", "limitations", "summary", "problem", "approach", "insight", "critique")
    return {
        "state": rng.choice(("draft", "done")),
        "reviewer": "Hana Jensen",
        "date": "2026-01-31",
    } | {name: rng.choice(_SENTENCES) for name in names}
