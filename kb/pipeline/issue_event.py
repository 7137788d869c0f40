"""The issue in what GitHub tells a workflow (the file that GITHUB_EVENT_PATH names), or in a bare body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from kb.errors import UsageError
from kb.ids import is_safe_url

MOST_BYTES = 4_000_000
ACTIONS = frozenset({"opened", "edited", "reopened"})
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,48})", re.ASCII)
_TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


@dataclass(frozen=True)
class Issue:
    """An issue as far as kb reads it.

    Attributes:
        author: who opened it; GitHub says so, not the text.
        trusted: the author may write to the repository.
        url: of the issue.
        open: whether it still asks for something.
    """

    number: int
    body: str
    author: str = "somebody"
    trusted: bool = False
    url: str | None = None
    open: bool = True

    @property
    def branch(self) -> str:
        """The branch of its pull request: made of the number alone."""
        return f"kb/issue-{self.number}"


def parse_event(data: bytes) -> Issue:
    """The issue of an event.

    Raises:
        UsageError: it is no event of an issue, or one that asks for nothing.
    """
    event = _json(data)
    issue = event.get("issue")
    if not isinstance(issue, dict) or "pull_request" in issue:
        what = next(
            (name for name in ("pull_request", "schedule", "workflow_run") if name in event), "something else"
        )
        raise UsageError(
            f"is no event of an issue but of {what}", fix="kb from-issue EVENT.json, or --number N BODY.md"
        )
    action = event.get("action", "opened")
    if action not in ACTIONS:
        raise UsageError(
            f"the issue was {_word(action)}", fix=f"kb answers issues that were {', '.join(sorted(ACTIONS))}"
        )
    number = issue.get("number")
    if type(number) is not int or not 0 < number < 10**12:
        raise UsageError("the issue has no number", fix="is it an event as GitHub writes it?")
    user = issue.get("user")
    login = user.get("login") if isinstance(user, dict) else None
    url = issue.get("html_url")
    body = issue.get("body")
    if body is not None and not isinstance(body, str):
        raise UsageError("the issue's body is no text", fix="is it an event as GitHub writes it?")
    return Issue(
        number=number,
        body=body or "",
        author=login if isinstance(login, str) and _LOGIN.fullmatch(login) else "somebody",
        trusted=issue.get("author_association") in _TRUSTED,
        url=url if isinstance(url, str) and url.startswith("https://") and is_safe_url(url) else None,
        open=issue.get("state", "open") == "open",
    )


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise UsageError(f"is larger than {MOST_BYTES:,} bytes", fix="is it an event as GitHub writes it?")
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("is no JSON", fix="kb from-issue EVENT.json, or --number N BODY.md") from None
    if not isinstance(event, dict):
        raise UsageError("is no event of GitHub", fix="kb from-issue EVENT.json, or --number N BODY.md")
    return event


def _word(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_]{1,30}", value) else "changed"
