"""papers/ as a mapping: what is read, what is refused, and that the cache never shows."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from kb.errors import DataError
from kb.records import library as module
from kb.records.library import load_library, render_record
from tests.library import invent_papers


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Twelve records."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for paper in invent_papers(12):
        (folder / f"{paper.key}.yaml").write_text(render_record(paper), encoding="utf-8")
    return folder


def errors(folder: Path, cache: Path | None = None) -> list[DataError]:
    with pytest.raises(DataError) as caught:
        load_library(folder, cache)
    return [caught.value, *caught.value.others]


def test_every_record_is_there_in_the_order_of_the_keys(papers: Path) -> None:
    """A mapping from keys to records, whatever order the disk has."""
    library = load_library(papers)
    assert list(library) == sorted(path.stem for path in papers.glob("*.yaml"))
    assert len(library) == 12
    assert {paper.key: paper for paper in invent_papers(12)} == dict(library)
    assert library.path("feng2025efficient") == papers / "feng2025efficient.yaml"
    with pytest.raises(DataError):
        library.path("../feng2025efficient")


def test_an_absent_folder_is_an_empty_library(tmp_path: Path) -> None:
    """A knowledge base may begin without papers/."""
    assert dict(load_library(tmp_path / "papers")) == {}


def test_files_of_kb_s_own_are_no_records(papers: Path) -> None:
    """_sources, _decisions.yaml, editors' and kb's temporary files."""
    (papers / "_sources").mkdir()
    (papers / "_decisions.yaml").write_text("rubbish: [")
    (papers / ".a.yaml.x.tmp").write_text("half")
    assert len(load_library(papers)) == 12


@pytest.mark.parametrize(
    "name",
    [
        "Almeida2024.yaml",
        "FENG2025EFFICIENT.yaml",
        "feng2025efficient.YAML",
        "feng2025efficient.yml",
        "notes.md",
        "a b.yaml",
        "con.yaml",
        "nul.yaml",
        "index.yaml",
        "ü.yaml",
        "2025liu.yaml",
        "a\n.yaml",
        "a.b.yaml",
        f"{'a' * 81}.yaml",
    ],
)
def test_a_file_that_can_be_no_record_is_named(papers: Path, name: str) -> None:
    """Other cases of a key, reserved names, spaces, foreign files."""
    (papers / name).write_text("title: A\n")
    (error,) = errors(papers)
    assert error.file == f"papers/{name}"
    assert error.fix


def test_a_folder_a_link_a_pipe_or_a_socket_is_no_record(papers: Path, tmp_path: Path) -> None:
    """None is followed, and none makes kb wait."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("title: Outside\n")
    (papers / "folder.yaml").mkdir()
    (papers / "link.yaml").symlink_to(outside)
    (papers / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(papers / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as server:
        # Addresses of sockets are short: bound by a relative path.
        here = Path.cwd()
        os.chdir(papers)
        try:
            server.bind("socket.yaml")
        finally:
            os.chdir(here)
        found = errors(papers)
    assert {error.file for error in found} == {
        f"papers/{name}.yaml" for name in ("folder", "link", "dangling", "pipe", "socket")
    }
    assert all("regular file" in error.message for error in found)


def test_all_errors_of_all_files_are_reported(papers: Path) -> None:
    """Wrong names, broken YAML, wrong fields, broken bytes: together, by file and line."""
    (papers / "WRONG.yaml").write_text("title: A\n")
    (papers / "broken.yaml").write_text("title: A\n<<<<<<< ours\n")
    (papers / "fields.yaml").write_text("title: 12\nnonsense: 1\n")
    (papers / "bytes.yaml").write_bytes(b"title: \xff\n")
    found = [(error.file, error.line) for error in errors(papers)]
    assert found == [
        ("papers/WRONG.yaml", None),
        ("papers/broken.yaml", 2),
        ("papers/bytes.yaml", None),
        ("papers/fields.yaml", 1),
        ("papers/fields.yaml", 2),
    ]


# The cache


def test_a_second_load_parses_nothing(papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was parsed once is not parsed again, and is the same."""
    cache = tmp_path / ".kb" / "records.jsonl"
    first = load_library(papers, cache)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(module, "parse_record", refuse)
    assert dict(load_library(papers, cache)) == dict(first)


def test_an_edited_file_is_read_again(papers: Path, tmp_path: Path) -> None:
    """By content: size and time of change may stay the same."""
    cache = tmp_path / "cache.jsonl"
    load_library(papers, cache)
    path = papers / "feng2025efficient.yaml"
    stat = path.stat()
    text = path.read_text()
    path.write_text(text.replace("Efficient", "Efficacious"[:9]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert load_library(papers, cache)["feng2025efficient"].title.startswith("Efficacio")
    path.write_text(text)
    assert load_library(papers, cache)["feng2025efficient"].title.startswith("Efficient")


def test_added_removed_and_renamed_files_are_seen(papers: Path, tmp_path: Path) -> None:
    """A cached record of a file that is gone does not come back, and a copy is a record of its own."""
    cache = tmp_path / "cache.jsonl"
    load_library(papers, cache)
    path = papers / "feng2025efficient.yaml"
    (papers / "copy2025.yaml").write_bytes(path.read_bytes())
    path.rename(papers / "renamed2025.yaml")
    for _ in range(2):
        library = load_library(papers, cache)
        assert "feng2025efficient" not in library
        assert library["renamed2025"].key == "renamed2025"
        assert library["copy2025"].key == "copy2025"
        assert dict(library) == dict(load_library(papers))


def test_a_cached_record_is_written_back_as_it_was(papers: Path, tmp_path: Path) -> None:
    """What a person wrote down although it is the default stays, whether the record was parsed or came from the cache."""
    path = papers / "feng2025efficient.yaml"
    claim = "claims:\n  - id: c1\n    statement: It is so.\n    strength: stated\n"
    path.write_text(path.read_text(encoding="utf-8") + claim, encoding="utf-8")
    cache = tmp_path / "cache.jsonl"
    parsed, cached = load_library(papers, cache), load_library(papers, cache)
    assert [paper.to_data() for paper in cached.values()] == [paper.to_data() for paper in parsed.values()]
    changed = cached["feng2025efficient"].model_copy(update={"venue": "ICML 2025"})
    assert claim in render_record(changed, path.read_text(encoding="utf-8"))


def test_an_error_is_not_hidden_by_the_cache(papers: Path, tmp_path: Path) -> None:
    """A record that was good before is refused when it is broken now."""
    cache = tmp_path / "cache.jsonl"
    load_library(papers, cache)
    (papers / "feng2025efficient.yaml").write_text("title: 12\n")
    assert errors(papers, cache)[0].file == "papers/feng2025efficient.yaml"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not json\n" + data,
        lambda data: b"[]\n" + data,
        lambda data: b"null\n",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"Efficient", b"Inefficie"),
        lambda data: data.replace(b"title", b"tilte"),
        lambda data: data + b"{}\n",
        lambda data: data.splitlines(keepends=True)[0],
        lambda data: b"".join([(lines := data.splitlines(keepends=True))[0], *reversed(lines[1:])]),
        lambda data: b"\xff\x00" + data,
    ],
)
def test_a_damaged_cache_is_of_no_consequence(papers: Path, tmp_path: Path, damage: object) -> None:
    """Cut, garbled, shuffled or tampered with: the records are read from their files."""
    cache = tmp_path / "cache.jsonl"
    good = dict(load_library(papers, cache))
    cache.write_bytes(damage(cache.read_bytes()))  # type: ignore[operator]
    assert dict(load_library(papers, cache)) == good
    assert dict(load_library(papers, cache)) == good


def test_the_cache_of_another_version_is_not_used(papers: Path, tmp_path: Path) -> None:
    """When the code that gives records their meaning changes, everything is read afresh."""
    cache = tmp_path / "cache.jsonl"
    good = dict(load_library(papers, cache))
    head, *rows = cache.read_text().split("\n")
    meta = json.loads(head)
    assert cache.read_text() == "\n".join([json.dumps(meta), *rows])
    cache.write_text("\n".join([json.dumps(meta | {"stamp": "other"}), *rows]))
    assert dict(load_library(papers, cache)) == good
    assert json.loads(cache.read_text().split("\n")[0]) == meta


def test_a_cache_that_cannot_be_written_costs_only_time(papers: Path, tmp_path: Path) -> None:
    """A file stands where its folder should be."""
    (tmp_path / ".kb").write_text("in the way")
    assert len(load_library(papers, tmp_path / ".kb" / "records.jsonl")) == 12


def test_a_cache_that_is_a_link_is_not_read(papers: Path, tmp_path: Path) -> None:
    """It is replaced; what it led to stays as it is."""
    cache, outside = tmp_path / "cache.jsonl", tmp_path / "outside"
    outside.write_text("precious")
    cache.symlink_to(outside)
    assert len(load_library(papers, cache)) == 12
    assert outside.read_text() == "precious"
    assert not cache.is_symlink()
