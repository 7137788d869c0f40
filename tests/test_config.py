"""kb.toml and the environment."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from kb.config import load_config
from kb.errors import ConfigError

REPO = Path(__file__).parents[1]


def config(root: Path, text: str, **environ: str) -> Any:
    (root / "kb.toml").write_text(text, encoding="utf-8")
    return load_config(root, environ)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    """Nothing has to be set; every path lies under the root."""
    found = config(tmp_path, "")
    assert found.settings.store_abstracts is False
    assert found.settings.sources.arxiv.delay_s == 3.0
    assert found.zotero_api_key is None
    for path in (found.papers_dir, found.sources_dir, found.taxonomy_path, found.decisions_path):
        assert path.is_relative_to(tmp_path)
    for path in (found.candidates_path, found.state_dir, found.build_dir):
        assert path.is_relative_to(tmp_path)


def test_the_repository_s_own_settings_load() -> None:
    """kb.toml of this repository is right, and holds no secret."""
    found = load_config(REPO, {})
    assert found.settings.sources.lists
    assert "key" not in tomllib.loads((REPO / "kb.toml").read_text(encoding="utf-8"))["sources"]["zotero"]


def test_no_file_says_how_to_go_on(tmp_path: Path) -> None:
    """Outside a knowledge base, the message names the file and the remedy."""
    with pytest.raises(ConfigError, match="no knowledge base here") as caught:
        load_config(tmp_path, {})
    assert caught.value.file == str(tmp_path / "kb.toml")
    assert "--root" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nonsense = 1", "nonsense"),
        ("[sources.zotero]\nkey = 'secret'", "sources.zotero.key"),
        ("[sources.zotero]\ngroup = 'six'", "sources.zotero.group"),
        ("[sources.zotero]\ngroup = -1", "sources.zotero.group"),
        ("[sources.zotero]\npage_size = 101", "sources.zotero.page_size"),
        ("[sources.zotero]\nmax_removed_share = 1.5", "sources.zotero.max_removed_share"),
        ("[sources.arxiv]\nbase_url = 'ftp://example.com'", "sources.arxiv.base_url"),
        ("[sources.arxiv]\ndelay_s = -1", "sources.arxiv.delay_s"),
        ("[sources.arxiv]\nenabled = 'yes'", "sources.arxiv.enabled"),
        ("[sources.arxiv.http]\ntries = 0", "sources.arxiv.http.tries"),
        ("[sources.arxiv.http]\ntimeout_s = 0", "sources.arxiv.http.timeout_s"),
        ("[sources.arxiv.http]\ntimeout_s = nan", "sources.arxiv.http.timeout_s"),
        ("[sources.arxiv.http]\nbackoff_s = inf", "sources.arxiv.http.backoff_s"),
        ("[[sources.arxiv.queries]]\nname = 'A B'\nquery = 'x'", "sources.arxiv.queries.0.name"),
        ("[[sources.arxiv.queries]]\nname = 'a'\nquery = ''", "sources.arxiv.queries.0.query"),
        ("[[sources.lists]]\nname = '../x'", "sources.lists.0.name"),
        ("[[sources.lists]]\nname = 'x'\npath = '/etc/passwd'", "sources.lists.0.path"),
        ("[[sources.lists]]\nname = 'x'\npath = '../up.md'", "sources.lists.0.path"),
        ("[[sources.lists]]\nname = 'x'\nurl = 'javascript:alert(1)'", "sources.lists.0.url"),
        ("[[sources.lists]]\nname = 'x'\nfacet = 'a mood'", "sources.lists.0.facet"),
        ("[site]\nurl = 'example.com'", "site.url"),
        ("[site]\ncitation_year = '2025'", "site.citation_year"),
        ("sources = 3", "sources"),
        ("[sources]\nlists = 'x'", "sources.lists"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, field: str) -> None:
    """The message has the file and the dotted name of the setting."""
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text)
    assert caught.value.file == str(tmp_path / "kb.toml")
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    """A person mends them in one go."""
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, "[sources.arxiv]\npage_size = 0\ndelay_s = 'x'\nspeed = 1\n")
    fields = {error.field for error in (caught.value, *caught.value.others)}
    assert fields == {f"sources.arxiv.{name}" for name in ("page_size", "delay_s", "speed")}


@pytest.mark.parametrize("data", [b"a = ", b"= 1", b"\xff\xfe", b"[a]\n[a]\n", b"a = 1\na = 2\n"])
def test_what_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    """Broken syntax, broken bytes and repeated tables."""
    (tmp_path / "kb.toml").write_bytes(data)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})


def test_a_folder_called_kb_toml_is_refused(tmp_path: Path) -> None:
    """What cannot be opened as a file is a message, no traceback."""
    (tmp_path / "kb.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})


def test_the_environment_names_other_servers(tmp_path: Path) -> None:
    """KB_*_BASE_URL wins over kb.toml, and is checked like it."""
    found = config(
        tmp_path,
        "[sources.arxiv]\nbase_url = 'https://a.example'\n",
        KB_ARXIV_BASE_URL="http://127.0.0.1:8000/",
        KB_ZOTERO_BASE_URL="http://127.0.0.1:8001",
        KB_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert found.settings.sources.arxiv.base_url == "http://127.0.0.1:8000"
    assert found.settings.sources.zotero.base_url == "http://127.0.0.1:8001"
    assert found.shared_dir == tmp_path / "cache"
    with pytest.raises(ConfigError, match="http"):
        config(tmp_path, "", KB_ARXIV_BASE_URL="nonsense")
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, "sources = 3", KB_ARXIV_BASE_URL="http://127.0.0.1:8000")
    assert caught.value.field == "sources"


def test_the_key_is_never_printed(tmp_path: Path) -> None:
    """Neither str, repr nor a dump of the settings shows it."""
    found = config(tmp_path, "", ZOTERO_API_KEY="canary-1234")
    assert found.zotero_api_key.get_secret_value() == "canary-1234"
    for text in (str(found), repr(found), found.model_dump_json()):
        assert "canary" not in text
    assert config(tmp_path, "", ZOTERO_API_KEY="").zotero_api_key is None
