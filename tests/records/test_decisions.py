"""papers/_decisions.yaml: what people decided, with their comments, and errors with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import DataError
from kb.records.decisions import HEADER, Decisions, Merge, Pair, Rejection, load_decisions, render_decisions

TEXT = """\
# Ours.
same:
  - a: liu2025quantization   # the arXiv one
    b: zotero ABCD1234
    by: Ada
    date: "2026-01-31"
# Looked at twice:
different:
  - {a: feng2025efficient, b: sui2025stop}

rejected:
  - title: Not about language models
    identifiers:
      arxiv_id: "2401.10000"
    reason: off topic
merged:
  - gone: liu2025empirical
    into: liu2025quantization
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "_decisions.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n", "\n  # nothing\n", HEADER])
def test_no_decision_is_no_error(tmp_path: Path, text: str | None) -> None:
    """Absent, empty, or only a comment."""
    path = tmp_path / "_decisions.yaml"
    if text is not None:
        path.write_text(text)
    assert load_decisions(path) == Decisions()


def test_decisions_are_read(tmp_path: Path) -> None:
    """All four kinds; a pair joins both ways round."""
    found = load_decisions(write(tmp_path, TEXT))
    assert found.same[0].joins("zotero ABCD1234", "liu2025quantization")
    assert not found.same[0].joins("zotero ABCD1234", "feng2025efficient")
    assert found.rejected[0].identifiers == {"arxiv_id": "2401.10000"}
    assert found.merged == (Merge(gone="liu2025empirical", into="liu2025quantization"),)


def test_a_new_decision_leaves_every_other_line_alone(tmp_path: Path) -> None:
    """Comments, blank lines and a person's style stay; so does everything when nothing changes."""
    path = write(tmp_path, TEXT)
    old = load_decisions(path)
    assert render_decisions(old, path) == TEXT
    pair = Pair(a="x2025y", b="arxiv 2401.10001", by="Ada", date="2026-02-01")
    new = old.model_copy(update={"different": (*old.different, pair)})
    text = render_decisions(new, path)
    added = '  - a: x2025y\n    b: arxiv 2401.10001\n    by: Ada\n    date: "2026-02-01"\n'
    assert text == TEXT.replace("b: sui2025stop}\n", "b: sui2025stop}\n" + added)
    assert load_decisions(write(tmp_path, text)) == new


def test_a_decision_taken_back_takes_only_its_lines(tmp_path: Path) -> None:
    """The rest stays, comments included."""
    path = write(tmp_path, TEXT)
    old = load_decisions(path)
    text = render_decisions(old.model_copy(update={"merged": (), "different": ()}), path)
    for line in ("# Ours.", "  - a: liu2025quantization   # the arXiv one", "# Looked at twice:"):
        assert line in text.splitlines()
    assert "merged" not in text
    assert load_decisions(write(tmp_path, text)).same == old.same


def test_the_first_decision_gets_a_heading(tmp_path: Path) -> None:
    """An absent file begins with what it is; a comment that was there stays."""
    path = tmp_path / "_decisions.yaml"
    first = Decisions(rejected=(Rejection(title="A", reason="off topic"),))
    text = render_decisions(first, path)
    assert text.startswith(HEADER)
    path.write_text("# mine\n")
    assert render_decisions(first, path).startswith("# mine\nrejected:\n")
    path.write_text(render_decisions(first, path))
    assert load_decisions(path) == first
    assert load_decisions(write(tmp_path, render_decisions(Decisions(), path) or "# none\n")) == Decisions()


@pytest.mark.parametrize(
    ("good", "bad", "line", "field"),
    [
        ("gone: liu2025empirical", "gone: ../x", 17, "merged.0.gone"),
        ("into: liu2025quantization", "into: CON", 18, "merged.0.into"),
        ("reason: off topic", "why: off topic", 12, "rejected.0.reason"),
        ('arxiv_id: "2401.10000"', 'arxiv: "2401.10000"', 14, "rejected.0.identifiers.arxiv"),
        ('arxiv_id: "2401.10000"', "arxiv_id: 2401.10000", 14, "rejected.0.identifiers.arxiv_id"),
        ('date: "2026-01-31"', "date: 2026-01-31", 6, "same.0.date"),
        ("rejected:", "refused:", 11, "refused"),
        ("b: zotero ABCD1234", "b:", 4, "same.0.b"),
    ],
)
def test_a_wrong_decision_is_named_with_its_place(
    tmp_path: Path, good: str, bad: str, line: int, field: str
) -> None:
    """File, line, field and remedy."""
    assert TEXT.count(good) == 1
    path = write(tmp_path, TEXT.replace(good, bad))
    with pytest.raises(DataError) as caught:
        load_decisions(path)
    error = next(
        e
        for e in (caught.value, *caught.value.others)
        if (e.field or "").startswith(field.removesuffix("_id"))
    )
    assert error.file == str(path)
    assert error.line == line
    assert error.fix


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Not even one that leads nowhere: decisions that are not seen would be broken."""
    (tmp_path / "_decisions.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="regular file"):
        load_decisions(tmp_path / "_decisions.yaml")
