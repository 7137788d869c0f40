"""Semantic Scholar's Graph API on 127.0.0.1: the batch of papers, and its ways of refusing.

Written from https://api.semanticscholar.org/api-docs/graph and from what others report of the real one: unknown ids are null,
a batch of unknown ids alone is HTTP 400, and references are left out without a word where an answer would hold too many.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.base import LoopbackServer, Request, Response

PATH = "/graph/v1/paper/batch"


class CitationsServer(LoopbackServer):
    """Serves `cites`: what each paper cites. Papers are named as they are asked for: "ARXIV:2401.10000", "DOI:10.1/x".

    Attributes:
        most: references that one answer holds; those of papers beyond are left out, as the real one does.
        counts: `referenceCount` where it is not the number of references.
        key: that is wanted in x-api-key; None takes everybody.
    """

    def __init__(self, cites: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.cites = dict(cites or {})
        self.most = 9999
        self.counts: dict[str, int] = {}
        self.key: str | None = None

    def answer(self, request: Request) -> Response:
        headers = {"Content-Type": "application/json"}
        given = {name.lower(): text for name, text in request.headers.items()}.get("x-api-key")
        if self.key is not None and given != self.key:
            return Response(403, b'{"message": "Forbidden"}', headers)
        if request.path != PATH:
            return Response(404, b'{"error": "Not found"}', headers)
        ids = json.loads(request.body)["ids"]
        if not any(name in self.cites for name in ids):
            return Response(400, b'{"error": "No valid paper ids given"}', headers)
        left, papers = self.most, []
        for name in ids:
            value = self.paper(name) if name in self.cites else None
            if value is not None and len(value["references"]) > left:
                value["references"] = []
            left -= len(value["references"]) if value else 0
            papers.append(value)
        return Response(200, json.dumps(papers).encode(), headers)

    def paper(self, name: str) -> dict[str, Any]:
        """A paper of the answer."""
        references = [named(other) for other in self.cites[name]]
        return {
            **named(name),
            "referenceCount": self.counts.get(name, len(references)),
            "references": references,
        }

    @property
    def asked(self) -> list[list[str]]:
        """The ids of each request."""
        return [json.loads(request.body)["ids"] for request in self.requests]


def named(name: str) -> dict[str, Any]:
    """What the API calls a paper."""
    kind, _, value = name.partition(":")
    paper_id = name if not value else f"{zlib.crc32(name.encode()):040x}"
    spelled = {"ARXIV": "ArXiv", "DOI": "DOI", "ACL": "ACL"}
    return {"paperId": paper_id, "externalIds": {spelled[kind]: value} if kind in spelled else None}
