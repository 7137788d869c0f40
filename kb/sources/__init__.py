"""Where papers come from. A source is one file and one line here; the line imports the file when it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kb.config import Config, ListSettings
from kb.sources.entry import FileSource, Source
from kb.sources.reach import Hosts, Reached

if TYPE_CHECKING:
    from kb.sources.arxiv import ArxivSource


def _awesome_list(settings: ListSettings) -> FileSource:
    from kb.sources.awesome_list import AwesomeList

    return AwesomeList(settings)


def _daily_papers(settings: ListSettings) -> FileSource:
    from kb.sources.daily_papers import DailyPapers

    return DailyPapers()


def _survey_readme(settings: ListSettings) -> FileSource:
    from kb.sources.survey_readme import SurveyReadme

    return SurveyReadme()


def _bibtex(settings: ListSettings) -> FileSource:
    from kb.sources.bibtex import BibtexFile

    return BibtexFile()


def _zotero(config: Config) -> Iterable[Source]:
    from kb.sources.zotero import ZoteroSource

    settings = config.settings.sources.zotero
    if not settings.enabled or settings.group is None:
        return []
    source = ZoteroSource(settings, config.zotero_api_key)
    return [Reached(source, settings.base_url, Hosts())]


def _arxiv(config: Config) -> Iterable[Source]:
    settings = config.settings.sources.arxiv
    return [Reached(arxiv_source(config), settings.base_url, Hosts())] if settings.enabled else []


def arxiv_source(config: Config) -> ArxivSource:
    """arXiv, whose terms count all processes of a person as one: the spacing is kept in the user's own cache."""
    from kb.sources.arxiv import ArxivSource

    return ArxivSource(config.settings.sources.arxiv, config.shared_dir)


def _lists(config: Config) -> Iterable[Source]:
    from kb.sources.list_fetch import ListSource

    settings, hosts = config.settings.sources, Hosts()
    found: list[Source] = []
    for one in settings.lists:
        source = ListSource(one, settings.list_http, config.root)
        if one.path is not None:
            found.append(source)
        elif one.url is not None:  # a list with neither is only imported
            found.append(Reached(source, one.url, hosts))
    return found


def _citations(config: Config) -> Iterable[Source]:
    from kb.sources.citations import CitationsSource

    settings = config.settings.sources.citations
    if not settings.enabled:
        return []
    source = CitationsSource(settings, config.shared_dir, config.citations_api_key)
    return [Reached(source, settings.base_url, Hosts())]


FILE_SOURCES: dict[str, Callable[[ListSettings], FileSource]] = {
    "awesome_list": _awesome_list,
    "daily_papers": _daily_papers,
    "survey_readme": _survey_readme,
    "bibtex": _bibtex,
}
"""Formats that `kb import` reads. The settings name the list; only lists look at them."""

NETWORK_SOURCES: dict[str, Callable[[Config], Iterable[Source]]] = {
    "zotero": _zotero,
    "arxiv": _arxiv,
    "lists": _lists,
    "citations": _citations,
}
"""What `kb sync` asks, in this order: the sources of each kind that the configuration has."""
