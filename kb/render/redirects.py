"""Pages of what was merged, renamed or moved: an address that was given out once leads on for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape

from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.env import relative
from kb.render.views import Problem, page_of_branch, page_of_paper

# A page of its own and not of the theme: it must work before any script or style is there.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={target}">
<title>{title}</title>
</head>
<body>
<h1>{heading}</h1>
<p>{sentence} <a href="{target}">{title}</a>.</p>
</body>
</html>
"""


def redirects_of_papers(
    merged: Iterable[str], final_key: Callable[[str], str], papers: Mapping[str, Paper]
) -> Iterator[tuple[str, str] | Problem]:
    """Path and text of a page for each key that was merged away; a problem where it leads nowhere.

    Args:
        final_key: gives the key that stands for a key after all merges.
    """
    said = ("This record was merged", "It is the same work as")
    for gone in sorted(merged):
        into = final_key(gone)
        if into in papers:
            yield _redirect(f"papers/{gone}.html", page_of_paper(into), papers[into].title, said)
            continue
        yield Problem(
            f"{gone} was merged into {into}, and there is no such record",
            "papers/_decisions.yaml",
            "merged",
            fix=f"kb unmerge {gone}, or restore papers/{into}.yaml",
        )


def redirects_of_branches(taxonomy: Taxonomy, pages: Iterable[str]) -> Iterator[tuple[str, str] | Problem]:
    """The same for branches that were renamed, moved or merged, and for the pages of their years.

    Args:
        pages: what there is, relative to docs/.
    """
    said = ("This branch has changed", "Its papers are now in")
    there = tuple(pages)
    for old in sorted(taxonomy.redirects.keys() - taxonomy.branches.keys()):
        new = taxonomy.final_branch(old)
        if new is None:
            yield Problem(
                f"the redirect of {old} leads to no branch",
                "taxonomy.yaml",
                f"redirects.{old}",
                fix="correct it, or remove it",
            )
            continue
        title = taxonomy.branches[new].title
        yield _redirect(_html(page_of_branch(old)), page_of_branch(new), title, said)
        for path in there:
            if re.fullmatch(rf"branches/{re.escape(new)}/\d+\.md", path):
                year = path.rpartition("/")[2]
                yield _redirect(_html(f"branches/{old}/{year}"), path, title, said)


def _redirect(path: str, page: str, title: str, said: tuple[str, str]) -> tuple[str, str]:
    heading, sentence = said
    target = relative(_html(page), path)
    return path, _PAGE.format(target=target, title=escape(title), heading=heading, sentence=sentence)


def _html(page: str) -> str:
    """Where MkDocs puts a page."""
    return page.removesuffix(".md") + ".html"
