"""Bodies of issue forms: what was filled in comes back, and nothing that somebody writes breaks the reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kb.errors import DataError, UsageError
from kb.pipeline.issue_event import Issue, parse_event
from kb.pipeline.issue_forms import FOLDER, FORMS, Filled, Form, load_forms, read_body
from tests.library import REPO
from tests.pipeline.events import body, copy_forms

ALL = load_forms(REPO)
PIECES = st.sampled_from(
    [
        "### ",
        "## ",
        "```",
        "~~~",
        "<!--",
        "-->",
        "> ",
        "- ",
        "    ",
        "\n",
        "\n\n",
        "\r\n",
        "\0",
        "\u202e",
        "_No response_",
        "[",
        "](",
        "`",
    ]
    + [label for form in ALL for label in form.labels.values()]
)
WORDS = st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=30)


def read(text: str) -> Filled | DataError | None:
    """What comes of a body, a refusal included."""
    try:
        return read_body(text, ALL)
    except DataError as error:
        return error


@given(st.sampled_from(ALL), st.data())
def test_plain_answers_come_back_as_they_were_written(form: Form, data: st.DataObject) -> None:
    """In every script; what was not answered is empty."""
    answers = data.draw(st.dictionaries(st.sampled_from(sorted(form.labels)), WORDS))
    found = read_body(body(form.name, **answers), ALL)
    assert found is not None
    assert found.form == form
    assert dict(found.answers) == {name: answers.get(name, "") for name in form.labels}


@given(st.lists(PIECES | st.text(max_size=20), max_size=40).map("".join))
@example("### Which paper should be added?\n```\n### Its title\nx")
def test_any_body_is_read_or_refused(text: str) -> None:
    """With an answer for each field of the form, or with an error that names a field; never otherwise."""
    found = read(text)
    if isinstance(found, DataError):
        assert found.field
        assert found.file is None
    else:
        assert found is None or found.answers.keys() == found.form.labels.keys()


@given(st.lists(PIECES | WORDS, max_size=20).map("".join))
def test_no_answer_reaches_into_another_field(text: str) -> None:
    """Whatever stands in the last field: those before it say what they said."""
    try:
        found = read_body(
            body("wrong-label", paper="a2025b", right="smaller").replace(
                "### How can one see that?\n\n_No response_", f"### How can one see that?\n\n{text}"
            ),
            ALL,
        )
    except DataError:
        return
    assert found is not None
    assert (found.answers["paper"], found.answers["right"]) == ("a2025b", "smaller")


@pytest.mark.parametrize("fence", ["```", "~~~", "````text"])
def test_a_rendered_block_is_unwrapped(fence: str) -> None:
    """Where a form renders an answer as code."""
    close = fence.removesuffix("text")
    found = read_body(
        body("suggest-paper", reference="2504.04823", why=f"{fence}\nline one\n### Its title\n{close}"), ALL
    )
    assert found is not None
    assert found.answers["why"] == "line one\n### Its title"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    """One kind of error, for any file."""
    try:
        parse_event(data)
    except UsageError as error:
        told = error
    else:
        return
    assert told.fix


def test_the_branch_of_a_pull_request_is_made_of_the_number_alone() -> None:
    assert Issue(12, "x; rm -rf /", author="$(id)").branch == "kb/issue-12"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("body:", "corpus:"),
        ("    id: paper\n", ""),
        ("    id: wrong\n", "    id: paper\n"),
        ("label: Which branch is wrong?", "label: Which branch is right?"),
        ("body:\n", "body: [\n"),
        ("  - type: input\n    id: paper", "  - just text\n  - type: input\n    id: paper"),
    ],
)
def test_a_broken_form_is_named_with_its_file(tmp_path: Path, old: str, new: str) -> None:
    """A maintainer's slip, told to the maintainer."""
    copy_forms(tmp_path)
    path = tmp_path / FOLDER / "wrong-label.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_forms(tmp_path)
    assert caught.value.file == str(path)


def test_a_survey_may_have_fewer_forms(tmp_path: Path) -> None:
    """What was taken out is not answered."""
    copy_forms(tmp_path)
    (tmp_path / FOLDER / "report-result.yml").unlink()
    assert [form.name for form in load_forms(tmp_path)] == [name for name in FORMS if name != "report-result"]
