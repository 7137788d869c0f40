"""Settings from kb.toml and the environment: read once, at the edge, and passed in.

kb.toml never holds a secret. Keys come from ``ZOTERO_API_KEY`` and ``SEMANTIC_SCHOLAR_API_KEY`` alone, and are kept in a
`SecretStr`, so that printing the settings does not print them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from platformdirs import user_cache_path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from kb.errors import ConfigError
from kb.ids import is_safe_url

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONFIG_NAME = "kb.toml"


def _safe_url(value: str) -> str:
    if not is_safe_url(value):
        raise ValueError("must be an http(s) URL")
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a user name or password: kb.toml is no place for secrets")
    return value.rstrip("/")


def _inside(value: str) -> str:
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError("must be a path inside the knowledge base")
    return value


Url = Annotated[str, AfterValidator(_safe_url)]
RelativePath = Annotated[str, AfterValidator(_inside)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class HttpSettings(_Settings):
    """How patient kb is with a server. Times in seconds, sizes in bytes."""

    timeout_s: float = Field(30.0, gt=0, le=600)
    tries: int = Field(4, ge=1, le=10, description="requests for one page, the first included")
    backoff_s: float = Field(5.0, gt=0, description="first wait after a failure; doubles each time")
    max_wait_s: float = Field(120.0, gt=0, description="a server that asks for a longer wait ends the sync")
    max_bytes: int = Field(64_000_000, gt=0, description="largest answer that is read")


class ZoteroSettings(_Settings):
    """The Zotero library that the survey is kept in."""

    enabled: bool = True
    base_url: Url = "https://api.zotero.org"
    group: int | None = Field(None, gt=0, description="group id; without one Zotero is not asked")
    page_size: int = Field(100, ge=1, le=100)
    max_removed_share: float = Field(0.2, ge=0, le=1, description="a sync that would remove more stops")
    http: HttpSettings = HttpSettings()


class ArxivQuery(_Settings):
    """A saved search that brings candidates."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9-]+$")
    query: str = Field(min_length=1)
    max_results: int = Field(200, ge=1, le=30_000)


class ArxivSettings(_Settings):
    """arXiv's API. https://info.arxiv.org/help/api/tou.html asks for three seconds between requests."""

    enabled: bool = True
    base_url: Url = "https://export.arxiv.org"
    delay_s: float = Field(3.0, ge=0)
    page_size: int = Field(100, ge=1, le=2000)
    queries: tuple[ArxivQuery, ...] = ()
    http: HttpSettings = HttpSettings()


class CitationsSettings(_Settings):
    """Semantic Scholar's Graph API: which records cite which. A key of your own (SEMANTIC_SCHOLAR_API_KEY) is not needed."""

    enabled: bool = False
    base_url: Url = "https://api.semanticscholar.org"
    delay_s: float = Field(1.0, ge=0, description="between two requests")
    batch_size: int = Field(50, ge=1, le=500, description="papers asked for at a time")
    http: HttpSettings = HttpSettings()


class ListSettings(_Settings):
    """A curated Markdown list. `path` is a copy inside the knowledge base, `url` where to fetch it."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)?$")
    url: Url | None = None
    path: RelativePath | None = None
    creates: bool = Field(False, description="its papers become records; otherwise candidates")
    keep_notes: bool = Field(False, description="its remarks are stored: only for a list that is your own")
    facet: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9-]*$",
        description="the facet that its headings speak of first; the first one by default",
    )
    skip_headings: tuple[str, ...] = Field(
        (), description="sections that hold no papers (Contents, Citation ...)"
    )


class SourcesSettings(_Settings):
    zotero: ZoteroSettings = ZoteroSettings()
    arxiv: ArxivSettings = ArxivSettings()
    citations: CitationsSettings = CitationsSettings()
    lists: tuple[ListSettings, ...] = ()
    list_http: HttpSettings = HttpSettings()

    @model_validator(mode="after")
    def _names_are_apart(self) -> Self:
        """What two sources of one name saw could not be told apart."""
        for what, names in (
            ("lists", [one.name for one in self.lists]),
            ("arxiv.queries", [one.name for one in self.arxiv.queries]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{what}: two of them are called {name!r}; give each a name of its own")
        if taken := {one.name for one in self.lists} & {"zotero", "arxiv", "lists", "citations"}:
            raise ValueError(f"lists: {taken.pop()!r} is the name of another source; choose another")
        return self


class SearchSettings(_Settings):
    """What the site's search box looks into: Material's index on a small site, Pagefind's on a large one."""

    engine: Literal["auto", "material", "pagefind"] = Field(
        "auto", description="auto chooses by the number of pages"
    )
    pagefind_above: int = Field(1000, ge=0, description="auto takes Pagefind above so many pages")


class SiteSettings(_Settings):
    """What the built site says of itself."""

    title: str = "kb"
    description: str | None = Field(
        None, min_length=1, description="what the survey is about, in a sentence of plain text"
    )
    introduction: str | None = Field(
        None, min_length=1, description="the first paragraphs of the home page, in Markdown"
    )
    url: Url | None = None
    repository: Url | None = Field(None, description="where a record can be edited")
    citation_authors: tuple[str, ...] = ()
    citation_year: int | None = None
    search: SearchSettings = SearchSettings()
    license: str | None = Field(
        None, pattern=r"^[A-Za-z0-9.+-]+$", description="of the records and texts, as an SPDX id: CC-BY-4.0"
    )
    keywords: tuple[str, ...] = ()


class ClassifySettings(_Settings):
    """What sorts papers. Another model needs weights of its own: kb classify train --data DIR --out weights."""

    model: str | None = Field(
        None,
        min_length=1,
        description="a sentence-transformers model by name or folder; MiniLM as a package by default",
    )
    weights: RelativePath | None = Field(None, description="a folder made by kb classify train")


class WeekSettings(_Settings):
    """What `kb week` goes by."""

    days: int = Field(7, ge=1, le=366, description="what came in is told for so many days")
    stale_days: int = Field(14, ge=1, description="a source that was not read for longer is stale")
    audits: tuple[RelativePath, ...] = Field(
        (), description="other people's lists and bibliographies, to find what is missing here"
    )
    minutes: dict[str, Annotated[float, Field(gt=0, le=600)]] = Field(
        {}, description="minutes that a decision takes you, by its kind; kb week lists the kinds"
    )


class TriageSettings(_Settings):
    """What `kb triage` may remember of the person at work."""

    keep_times: bool = Field(
        False, description="keep in .kb, on this machine, how long each answer takes; kb week reads it"
    )


class Settings(_Settings):
    """All of kb.toml."""

    store_abstracts: bool = Field(False, description="put abstracts into the committed records")
    sources: SourcesSettings = SourcesSettings()
    site: SiteSettings = SiteSettings()
    classify: ClassifySettings = ClassifySettings()
    triage: TriageSettings = TriageSettings()
    week: WeekSettings = WeekSettings()


class Config(BaseModel):
    """The settings of one knowledge base, and where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    root: Path
    settings: Settings = Settings()
    zotero_api_key: SecretStr | None = None
    citations_api_key: SecretStr | None = None
    shared_dir: Path = user_cache_path("kb")
    """What all knowledge bases of one user share: the time of the last request to arXiv and to Semantic Scholar."""

    @property
    def papers_dir(self) -> Path:
        return self.root / "papers"

    @property
    def sources_dir(self) -> Path:
        """Last-seen entries of each source, the base of the three-way merge."""
        return self.papers_dir / "_sources"

    @property
    def results_dir(self) -> Path:
        """Figures that sources report, and the words in which they are written."""
        return self.root / "results"

    @property
    def taxonomy_path(self) -> Path:
        return self.root / "taxonomy.yaml"

    @property
    def decisions_path(self) -> Path:
        return self.papers_dir / "_decisions.yaml"

    @property
    def candidates_path(self) -> Path:
        return self.papers_dir / "_candidates.jsonl"

    @property
    def state_dir(self) -> Path:
        """Git-ignored: locks, logs, caches."""
        return self.root / ".kb"

    @property
    def build_dir(self) -> Path:
        return self.root / "build"


def load_config(root: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read `root`/kb.toml and the variables ``KB_ARXIV_BASE_URL``, ``KB_ZOTERO_BASE_URL``, ``KB_CITATIONS_BASE_URL``,
    ``ZOTERO_API_KEY``, ``SEMANTIC_SCHOLAR_API_KEY``, ``KB_CACHE_DIR``.

    Raises:
        ConfigError: there is no kb.toml, it is not TOML, or settings are unknown or out of range; carries all of them.
    """
    path = root / CONFIG_NAME
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "no knowledge base here", file=path, fix="run kb in its folder, or name the folder with --root"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=path) from error
    for name in ("arxiv", "zotero", "citations"):
        if url := environ.get(f"KB_{name.upper()}_BASE_URL"):
            section: Any = raw
            for part in ("sources", name):
                section = section.setdefault(part, {}) if isinstance(section, dict) else {}
            section["base_url"] = url
    try:
        # TOML arrays are lists; strict mode wants the tuples that the models hold.
        settings = Settings.model_validate(_tuples(raw))
    except ValidationError as error:
        raise ConfigError.bundle([_wrong_setting(path, item) for item in error.errors()]) from None
    key, citations_key = (environ.get(f"{name}_API_KEY") for name in ("ZOTERO", "SEMANTIC_SCHOLAR"))
    shared = Path(environ["KB_CACHE_DIR"]) if environ.get("KB_CACHE_DIR") else user_cache_path("kb")
    return Config(
        root=root,
        settings=settings,
        zotero_api_key=SecretStr(key) if key else None,
        citations_api_key=SecretStr(citations_key) if citations_key else None,
        shared_dir=shared,
    )


def _wrong_setting(path: Path, item: ErrorDetails) -> ConfigError:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return ConfigError(
            "is no setting of kb", file=path, field=place, fix="remove it, or check the spelling"
        )
    message, fix = _SAID.get(item["type"], (item["msg"].removeprefix("Value error, "), None))
    if item["loc"][-1:] == ("api_key",):
        fix = "no secret belongs here: put it into ZOTERO_API_KEY"
    return ConfigError(message, file=path, field=place, fix=fix)


# pydantic speaks of Python; people write TOML.
_SAID: dict[str, tuple[str, str | None]] = {
    "tuple_type": ("must be a list", "write [[" + "sources.lists]] with two brackets for each entry"),
    "model_type": ("must be a section", "write [section] and its settings below"),
    "model_attributes_type": ("must be a section", "write [section] and its settings below"),
    "string_type": ("must be text", "put it in double quotes"),
    "int_type": ("must be a whole number", "write it without quotes"),
    "float_type": ("must be a number", "write it without quotes"),
    "bool_type": ("must be true or false", "write it without quotes"),
}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
