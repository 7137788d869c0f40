"""What a repository of data asks of a deposit: CITATION.cff (Citation File Format 1.2.0) and .zenodo.json.

https://github.com/citation-file-format/citation-file-format, https://developers.zenodo.org/#deposit-metadata
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from kb.export.names import split_name


@dataclass(frozen=True)
class Deposit:
    """A dated state of a survey.

    Attributes:
        date: of release, ``2026-01-31``.
        authors: names as they are printed; a team's name stays whole.
        license: SPDX id.
        repository: where the work goes on.
        url: where the site stands.
    """

    title: str
    date: str
    commit: str
    authors: Sequence[str] = ()
    description: str | None = None
    license: str | None = None
    keywords: Sequence[str] = ()
    repository: str | None = None
    url: str | None = None

    @property
    def credited(self) -> tuple[str, ...]:
        """The authors; where nobody is named, those who contributed."""
        return tuple(self.authors) or (f"Contributors of {self.title}",)


def render_cff(deposit: Deposit) -> str:
    """CITATION.cff."""
    data: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this survey or its data, please cite it as below.",
        "type": "dataset",
        "title": deposit.title,
        "authors": [_cff_author(name) for name in deposit.credited],
        "version": deposit.date,
        "date-released": deposit.date,
        "commit": deposit.commit,
        "abstract": deposit.description,
        "keywords": list(dict.fromkeys(deposit.keywords)),
        "license": deposit.license,
        "url": deposit.url,
        "repository-code": deposit.repository,
    }
    told = {name: value for name, value in data.items() if value}
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000)


def _cff_author(name: str) -> dict[str, str]:
    parts = split_name(name)
    if parts.whole or not parts.given:
        return {"name": name}
    told = {
        "family-names": parts.family,
        "given-names": parts.given,
        "name-particle": parts.particle,
        "name-suffix": parts.suffix,
    }
    return {field: value for field, value in told.items() if value}


def render_zenodo(deposit: Deposit) -> str:
    """.zenodo.json: what Zenodo's form would ask."""
    data: dict[str, Any] = {
        "title": deposit.title,
        "upload_type": "dataset",
        "description": html.escape(deposit.description or deposit.title, quote=False),
        "creators": [{"name": _zenodo_name(name)} for name in deposit.credited],
        "publication_date": deposit.date,
        "version": deposit.date,
        "keywords": list(dict.fromkeys(deposit.keywords)),
        "license": deposit.license.lower() if deposit.license else None,
        "access_right": "open",
        "related_identifiers": [
            {"identifier": url, "relation": relation}
            for url, relation in (
                (deposit.repository, "isDerivedFrom"),
                (deposit.url, "isAlternateIdentifier"),
            )
            if url
        ],
    }
    told = {name: value for name, value in data.items() if value}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _zenodo_name(name: str) -> str:
    """ "Family, Given", as Zenodo wants it; a team's name as it is."""
    parts = split_name(name)
    if parts.whole or not parts.given:
        return name
    return f"{' '.join(filter(None, (parts.particle, parts.family, parts.suffix)))}, {parts.given}"
