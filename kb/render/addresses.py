"""Addresses and names of pages for what is read away from the site: feeds, the API, an index for programs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from kb.config import SiteSettings
from kb.render.env import relative


def html_of(page: str) -> str:
    """Where MkDocs puts the file `page` of docs/."""
    return page.removesuffix(".md") + ".html" if page.endswith(".md") else page


@dataclass(frozen=True)
class Addresses:
    """Those of one site."""

    settings: SiteSettings

    def of(self, page: str, here: str) -> str:
        """The address of a page or file (relative to docs/): whole where kb.toml says where the site stands, else as a
        link from the file `here`."""
        path = html_of(page)
        return f"{self.settings.url}/{path}" if self.settings.url else relative(path, here)

    def name(self, page: str) -> str:
        """A name for ever, for a feed: the address; a UUID of the survey's title and the page (RFC 9562, version 5) while
        kb.toml does not say where the site stands."""
        path = html_of(page)
        if self.settings.url:
            return f"{self.settings.url}/{path}"
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.settings.title}/{path}").urn
