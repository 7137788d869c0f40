"""What the site puts in the place of parts of Material for MkDocs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import material  # type: ignore[import-untyped]

from tests.library import REPO

THEME = Path(material.__file__).parent / "templates"
OVERRIDES = REPO / "site/overrides"

# Parts of Material that an override stands for, as they were when it was written (the first half of their SHA-256).
REPLACED = {
    "partials/javascripts/base.html": "d6113712bc4deb30",
    "partials/javascripts/content.html": "3722e156f0f6339d",
    "partials/javascripts/palette.html": "8790389765ea6036",
    "partials/search.html": "bfd556535abcddb9",
}
CONTAINER = "2a94232bce0c102b"
# Templates with an inline script. Those that pages here include are replaced; the others need a setting that is not made.
INLINE = {
    "partials/integrations/analytics.html",
    "partials/integrations/analytics/google.html",
    "partials/javascripts/announce.html",
    "partials/javascripts/base.html",
    "partials/javascripts/consent.html",
    "partials/javascripts/content.html",
    "partials/javascripts/outdated.html",
    "partials/javascripts/palette.html",
    "redirect.html",
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_what_is_replaced_is_what_it_was() -> None:
    """An upgrade that changes a part of Material is noticed where a part of ours stands for it.

    Read what changed, bring the override up to date, then put the new value here.
    """
    ours = {path.relative_to(OVERRIDES).as_posix() for path in OVERRIDES.rglob("partials/**/*.html")}
    assert ours == REPLACED.keys()
    now = {name: digest((THEME / name).read_text(encoding="utf-8")) for name in REPLACED}
    assert now == REPLACED


def test_the_copied_block_is_what_it_was() -> None:
    """`block container` of main.html is a copy, with a mark for Pagefind."""
    base = (THEME / "base.html").read_text(encoding="utf-8")
    found = re.search(r"{% block container %}.*?(?={% include \"partials/javascripts/content)", base, re.S)
    assert found
    assert digest(found.group()) == CONTAINER


def test_no_other_template_of_material_has_an_inline_script_or_style() -> None:
    """The policy of the pages forbids them, so a new one would not run."""
    inline = re.compile(r"<script(?![^>]*\b(?:src=|type=\"application/))")
    found = {
        path.relative_to(THEME).as_posix()
        for path in THEME.rglob("*.html")
        if inline.search(path.read_text(encoding="utf-8"))
    }
    assert found == INLINE
    styles = {
        path.relative_to(THEME).as_posix()
        for path in THEME.rglob("*.html")
        if re.search(r"<style|\sstyle=", path.read_text(encoding="utf-8"))
    }
    assert styles == {"base.html", "fragments/tags/default/listing.html"}  # fonts and tags, which are off
    icons = (THEME / "partials/icons.html").read_text(encoding="utf-8")
    assert len(re.findall(r"{% if config\.theme\.icon\.\w+ %}", icons)) == icons.count("/style")


def test_the_bundle_starts_its_own_search_only_for_a_form_of_that_name() -> None:
    """Material fetches its whole index at once where a form is called "search"; ours is not, and is not its component."""
    (bundle,) = THEME.glob("assets/javascripts/bundle.*.min.js")
    assert 'document.forms.namedItem("search")?' in bundle.read_text(encoding="utf-8")
    ours = (OVERRIDES / "partials/search.html").read_text(encoding="utf-8")
    assert 'name="search"' not in ours
    assert "data-md-component" not in ours
