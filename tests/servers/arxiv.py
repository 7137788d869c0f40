"""arXiv's API on 127.0.0.1: searches, lists of ids, versions, and its ways of refusing.

Written from https://info.arxiv.org/help/api/user-manual.html and from answers of the real one. To serve files:

    python -m tests.servers.arxiv FILE... [--port N]
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from kb.ids import ArxivId, parse_arxiv_id
from tests.servers.base import LoopbackServer, Request, Response

Paper = dict[str, Any]
MOST_RESULTS = 30_000
MOST_A_PAGE = 2_000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOKEN = re.compile(r'\(|\)|(?:(?P<field>[a-z]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')


class _Refusal(Exception):
    """The request is answered with an error entry."""


class ArxivServer(LoopbackServer):
    """Serves `papers`, plain dicts with these keys; all but the first two may be absent.

    id, title; version (1), authors (names), abstract, published, updated (what comes out as it stands: a bad date is
    a bad date), comment, doi, journal_ref, categories, withdrawn (no PDF link). Two dicts with one id are two
    versions of a paper. `papers` may be changed between requests.

    Attributes:
        errors_with_200: refuse as arXiv did until 2025, with status 200.
    """

    def __init__(self, papers: Iterable[Paper] = (), *, port: int = 0) -> None:
        super().__init__(port)
        self.papers: list[Paper] = list(papers)
        self.errors_with_200 = False

    @classmethod
    def from_jsonl(cls, paths: Iterable[Path | str], *, port: int = 0) -> ArxivServer:
        """A server of the papers in JSON-lines files, one a line: arxiv_id, title, abstract, authors, ...

        A paper without authors is left out. Without a date of publication, the day it was announced counts, or else
        the first of its id's month.
        """
        papers: dict[str, Paper] = {}
        for path in paths:
            for line in Path(path).read_text(encoding="utf-8").splitlines():
                row = json.loads(line) if line.strip() else {}
                if row.get("arxiv_id") and row.get("authors"):
                    papers.setdefault(row["arxiv_id"], _from_row(row))
        return cls(papers.values(), port=port)

    def answer(self, request: Request) -> Response:
        if request.path != "/api/query":
            return Response(404, b"not found", {"Content-Type": "text/plain"})
        try:
            return self._reply(200, self._search(request.query))
        except _Refusal as refusal:
            return self._reply(200 if self.errors_with_200 else 400, _error_feed(str(refusal)))

    def _reply(self, status: int, feed: str) -> Response:
        return Response(status, feed.encode(), {"Content-Type": "application/atom+xml; charset=UTF-8"})

    def _search(self, query: dict[str, str]) -> str:
        start, size = _number(query, "start", 0), _number(query, "max_results", 10)
        if start + size > MOST_RESULTS:
            raise _Refusal(f"max_results and start must not exceed {MOST_RESULTS} together")
        ids = [text for text in query.get("id_list", "").split(",") if text]
        found = self._by_ids(ids) if ids else self._newest()
        if text := query.get("search_query", "").strip():
            matches = parse_query(text)
            found = [paper for paper in found if matches(paper)]
        elif not ids:
            raise _Refusal("search_query or id_list must be given")
        found = _sorted(found, query)
        page = found[start : start + min(size, MOST_A_PAGE)]
        return _feed("".join(map(_entry, page)), total=len(found), start=start, size=size)

    def _newest(self) -> list[Paper]:
        newest: dict[str, Paper] = {}
        for paper in self.papers:
            before = newest.get(paper["id"])
            if before is None or _version(paper) > _version(before):
                newest[paper["id"]] = paper
        return list(newest.values())

    def _by_ids(self, texts: Sequence[str]) -> list[Paper]:
        wanted: list[ArxivId] = []
        for text in texts:
            parsed = parse_arxiv_id(text)
            if parsed is None or str(parsed) != text:
                raise _Refusal(f"incorrect id format for {text}")
            wanted.append(parsed)
        newest = {paper["id"]: paper for paper in self._newest()}
        found: dict[str, Paper] = {}
        for one in wanted:
            paper = newest.get(one.base)
            if paper is None or (one.version or 1) > _version(paper):
                continue
            older = [p for p in self.papers if p["id"] == one.base and _version(p) == one.version]
            found[str(one)] = (
                paper if one.version is None else (older or [paper | {"version": one.version}])[0]
            )
        return list(found.values())


def parse_query(text: str) -> Callable[[Paper], bool]:
    """A test for papers from a search such as ``ti:"one two" AND (cat:cs.LG OR all:three) ANDNOT au:four``."""
    if text.count('"') % 2:
        raise _Refusal("unbalanced quotes in search_query")
    tokens = list(_TOKEN.finditer(text))
    test, rest = _any_of(tokens)
    if rest:
        raise _Refusal("unbalanced parentheses in search_query")
    return test


_Tokens = Sequence[re.Match[str]]
_Test = Callable[[Paper], bool]


def _any_of(tokens: _Tokens) -> tuple[_Test, _Tokens]:
    test, tokens = _all_of(tokens)
    while tokens and tokens[0].group() != ")":
        if tokens[0].group() == "OR":
            tokens = tokens[1:]
        other, tokens = _all_of(tokens)  # two terms side by side: either
        test = _either(test, other)
    return test, tokens


def _all_of(tokens: _Tokens) -> tuple[_Test, _Tokens]:
    test, tokens = _term(tokens)
    while tokens and tokens[0].group() in {"AND", "ANDNOT"}:
        negated = tokens[0].group() == "ANDNOT"
        other, tokens = _term(tokens[1:])
        test = _both(test, other, negated)
    return test, tokens


def _either(one: _Test, other: _Test) -> _Test:
    return lambda paper: one(paper) or other(paper)


def _both(one: _Test, other: _Test, negated: bool) -> _Test:
    return lambda paper: one(paper) and (other(paper) is not negated)


def _term(tokens: _Tokens) -> tuple[_Test, _Tokens]:
    if not tokens or tokens[0].group() in {")", "AND", "OR", "ANDNOT"}:
        raise _Refusal("malformed search_query")
    if tokens[0].group() == "(":
        test, rest = _any_of(tokens[1:])
        if not rest:
            raise _Refusal("unbalanced parentheses in search_query")
        return test, rest[1:]
    token = tokens[0]
    phrase = token.group("phrase") if token.group("phrase") is not None else token.group("word")
    return _matcher(token.group("field") or "all", phrase), tokens[1:]


def _matcher(field: str, phrase: str) -> _Test:
    def words(text: str) -> str:
        found = re.findall(r"[^\W_]+", text.lower())
        return f" {' '.join(found)} "

    def texts(paper: Paper) -> list[str]:
        parts = {
            "ti": [paper["title"]],
            "au": list(paper.get("authors") or ()),
            "abs": [paper.get("abstract") or ""],
            "co": [paper.get("comment") or ""],
            "cat": list(paper.get("categories") or ()),
        }
        if field == "all":
            return [text for part in parts.values() for text in part]
        if field not in parts:
            raise _Refusal(f"unknown field {field} in search_query")
        return parts[field]

    if field == "cat":
        return lambda paper: (
            phrase in texts(paper)
            or any(phrase.endswith("*") and one.startswith(phrase[:-1]) for one in texts(paper))
        )
    return lambda paper: any(words(phrase) in words(text) for text in texts(paper))


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _Refusal(f"{name} must be a non-negative integer")
    return int(text)


def _version(paper: Paper) -> int:
    return int(paper.get("version") or 1)


def _published(paper: Paper) -> str:
    return str(paper.get("published", "2025-01-02T03:04:05Z"))


def _updated(paper: Paper) -> str:
    return str(paper.get("updated") or _published(paper))


def _sorted(papers: list[Paper], query: dict[str, str]) -> list[Paper]:
    by, order = query.get("sortBy", "relevance"), query.get("sortOrder", "descending")
    if by not in {"relevance", "submittedDate", "lastUpdatedDate"} or order not in {
        "ascending",
        "descending",
    }:
        raise _Refusal("sortBy or sortOrder is not known")
    if by == "relevance":
        return papers
    return sorted(
        papers, key=_published if by == "submittedDate" else _updated, reverse=order == "descending"
    )


def _from_row(row: dict[str, Any]) -> Paper:
    number = row["arxiv_id"].rsplit("/", 1)[-1]
    found = parse_arxiv_id(row["arxiv_id"])
    first = date(found.year, found.month, 1).isoformat() if found else f"20{number[:2]}-{number[2:4]}-01"
    day = (row.get("published") or row.get("announced") or first)[:10]
    return {
        "id": row["arxiv_id"],
        "version": row.get("version") or 1,
        "published": f"{day}T00:00:00Z",
        **{
            key: row.get(key)
            for key in ("title", "authors", "abstract", "comment", "doi", "journal_ref", "categories")
        },
    }


def _feed(entries: str, *, total: int, start: int, size: int) -> str:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/loopback</id>
  <title>arXiv Query</title>
  <updated>2026-01-01T00:00:00Z</updated>
  <opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
{entries}</feed>
"""


def _entry(paper: Paper) -> str:
    address = f"{paper['id']}v{_version(paper)}"
    links = f'<link href="https://arxiv.org/abs/{address}" rel="alternate" type="text/html"/>'
    if not paper.get("withdrawn"):
        pdf = f"https://arxiv.org/pdf/{address}"
        links += f'<link href="{pdf}" rel="related" type="application/pdf" title="pdf"/>'
    categories = list(paper.get("categories") or ["cs.CL"])
    parts = [
        _element("id", f"http://arxiv.org/abs/{address}"),
        _element("title", paper["title"]),
        _element("updated", _updated(paper)),
        links,
        _element("summary", paper.get("abstract") or ""),
        *(f"<category term={quoteattr(one)} scheme='http://arxiv.org/schemas/atom'/>" for one in categories),
        _element("published", _published(paper)),
        *(
            _element(f"arxiv:{key}", paper[key])
            for key in ("comment", "journal_ref", "doi")
            if paper.get(key)
        ),
        f"<arxiv:primary_category term={quoteattr(categories[0])}/>",
        *(f"<author>{_element('name', name)}</author>" for name in paper.get("authors") or ["Ada Example"]),
    ]
    return "  <entry>\n    " + "\n    ".join(parts) + "\n  </entry>\n"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(_NOT_XML.sub(' ', text))}</{name}>"


def _error_feed(message: str) -> str:
    entry = f"""  <entry>
    <id>https://arxiv.org/api/errors#{escape(message.replace(" ", "_"))}</id>
    <title>Error</title>
    {_element("summary", message)}
    <updated>2026-01-01T00:00:00Z</updated>
    <author><name>arXiv api core</name></author>
  </entry>
"""
    return _feed(entry, total=1, start=0, size=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve papers as arXiv's API does, on 127.0.0.1.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON lines, one paper each")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    options = parser.parse_args()
    server = ArxivServer.from_jsonl(options.files, port=options.port)
    print(f"{server.url} serves {len(server.papers)} papers", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
