"""Issues as GitHub tells workflows of them: bodies of forms, and events around them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from kb.pipeline.issue_forms import FOLDER, FORMS, load_forms
from tests.library import REPO


def copy_forms(root: Path) -> None:
    """The forms of this repository, in the knowledge base at `root`."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for name in FORMS:
        shutil.copyfile(REPO / FOLDER / f"{name}.yml", root / FOLDER / f"{name}.yml")


def body(form: str, **answers: str) -> str:
    """What GitHub makes of a form: every label as a heading, with the answer or "_No response_"."""
    labels = next(each for each in load_forms(REPO) if each.name == form).labels
    assert answers.keys() <= labels.keys()
    return "\n\n".join(
        f"### {label}\n\n{answers.get(name) or '_No response_'}" for name, label in labels.items()
    )


def event(text: str | None, *, number: Any = 12, action: str = "opened", **issue: Any) -> dict[str, Any]:
    """The event of an issue with this body, as far as kb reads it and with some of what it does not."""
    return {
        "action": action,
        "issue": {
            "number": number,
            "title": "Paper: ",
            "body": text,
            "state": "open",
            "html_url": f"https://github.com/org/survey/issues/{number}",
            "author_association": "NONE",
            "user": {"login": "ada-almeida", "type": "User"},
            **issue,
        },
        "repository": {"full_name": "org/survey"},
        "sender": {"login": "ada-almeida", "type": "User"},
    }


def write_event(folder: Path, text: str | None, **fields: Any) -> Path:
    path = folder / "event.json"
    path.write_text(json.dumps(event(text, **fields)), encoding="utf-8")
    return path
