"""Links to issue forms: filled in, on the pages where somebody notices a mistake, and only where there is GitHub."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.config import SiteSettings
from kb.pipeline.issue_forms import load_forms
from kb.render.issue_links import issue_url
from tests.library import REPO
from tests.render.test_pages import paper, render

FORMS = {form.name: form for form in load_forms(REPO)}


@pytest.mark.parametrize(
    ("form", "answers"), [("suggest-paper", ()), ("report-result", ("paper",)), ("wrong-label", ("paper",))]
)
def test_a_page_leads_to_forms_and_fields_that_exist(form: str, answers: tuple[str, ...]) -> None:
    """A form is named by its file, a field by its id."""
    assert set(answers) <= FORMS[form].labels.keys()
    url = issue_url("https://github.com/example/survey", form, **dict.fromkeys(answers, "a2020b"))
    found = render(paper()).pages
    assert url is not None
    shown = url.replace("&", "&#38;").replace("?", "&#63;").replace("=", "&#61;")
    assert shown in found["papers/a2020b.md" if answers else "about.md"]


def test_elsewhere_than_at_github_there_is_no_link() -> None:
    """Another host has other forms; without a repository there is nobody to tell."""
    for repository in ("https://gitlab.com/example/survey", None):
        pages = render(paper(), settings=SiteSettings(title="T", repository=repository)).pages
        assert "issues/new" not in pages["papers/a2020b.md"] + pages["about.md"]


@given(st.text())
def test_an_answer_is_one_value_whatever_it_holds(answer: str) -> None:
    """Nothing in it ends the value or begins another one."""
    url = issue_url("https://github.com/o/r", "wrong-label", paper=answer.encode(errors="ignore").decode())
    assert url is not None
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert query.pop("template") == ["wrong-label.yml"]
    assert query in ({}, {"paper": [answer.encode(errors="ignore").decode()]})
