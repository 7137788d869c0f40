"""Links to issue forms, filled in as far as the page knows the answers."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def issue_url(repository: str | None, form: str, **answers: str) -> str | None:
    """The address of an issue form with `answers` by the ids of its fields; None where the repository is not at GitHub.

    >>> issue_url("https://github.com/org/survey", "wrong-label", paper="liu2025quantization")
    'https://github.com/org/survey/issues/new?template=wrong-label.yml&paper=liu2025quantization'
    """
    if repository is None or urlsplit(repository).hostname != "github.com":
        return None
    query = "&".join(f"{name}={quote(answer, safe='')}" for name, answer in answers.items() if answer)
    return f"{repository}/issues/new?template={form}.yml{f'&{query}' if query else ''}"
