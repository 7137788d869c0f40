"""Files: written whole or not at all, read only if they are files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kb.errors import DataError, KbError
from kb.records.files import read_if_there, read_utf8, remove, remove_leftovers, write_all, write_atomic


def test_a_file_is_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Folders are made; no temporary file stays."""
    path = tmp_path / "a" / "b.yaml"
    assert write_atomic(path, "é\n") is True
    assert path.read_bytes() == "é\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["b.yaml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_same_text_touches_nothing(tmp_path: Path) -> None:
    """Neither content nor time nor inode changes."""
    path = tmp_path / "a"
    write_atomic(path, "x")
    os.utime(path, (1, 1))
    before = path.stat()
    assert write_atomic(path, "x") is False
    assert (path.stat().st_ino, path.stat().st_mtime) == (before.st_ino, 1)
    assert write_atomic(path, "y") is True


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Who has the old file open reads all of the old one: it is replaced, not overwritten."""
    path = tmp_path / "a"
    write_atomic(path, "old" * 1000)
    with path.open() as stream:
        start = stream.read(3)
        write_atomic(path, "new" * 1000)
        assert start + stream.read() == "old" * 1000
    assert path.read_text() == "new" * 1000


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The error is clear, the old bytes stand, no temporary file is left."""
    path = tmp_path / "a"
    write_atomic(path, "old")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(KbError, match="No space left on device") as caught:
        write_atomic(path, "new")
    assert caught.value.file == str(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_stands_in_the_way_is_an_error_of_one_line(tmp_path: Path) -> None:
    """A folder where the file goes, a file where its folder goes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("x")
    for path in (tmp_path / "a", tmp_path / "b" / "c"):
        with pytest.raises(KbError, match="cannot be written"):
            write_atomic(path, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_link_is_replaced_and_what_it_led_to_stays(tmp_path: Path) -> None:
    """Nothing outside is written through a link."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (tmp_path / "a").symlink_to(outside)
    write_atomic(tmp_path / "a", "x")
    assert outside.read_text() == "precious"
    assert not (tmp_path / "a").is_symlink()


def test_many_files_are_counted(tmp_path: Path) -> None:
    """Only those that changed; a check that raises stops before its file."""
    write_atomic(tmp_path / "a", "1")
    files = [(tmp_path / "a", "1"), (tmp_path / "b", "2"), (tmp_path / "c" / "d", "3")]
    assert write_all(files) == 2

    def check(path: Path) -> None:
        if path.name == "f":
            raise DataError("changed meanwhile")

    with pytest.raises(DataError):
        write_all([(tmp_path / "e", "1"), (tmp_path / "f", "1"), (tmp_path / "g", "1")], check)
    assert (tmp_path / "e").exists()
    assert not (tmp_path / "f").exists()
    assert not (tmp_path / "g").exists()


def test_removing_twice_is_fine(tmp_path: Path) -> None:
    """What is gone is gone; what cannot go is an error."""
    path = tmp_path / "a"
    path.write_text("x")
    remove(path)
    remove(path)
    assert not path.exists()
    path.mkdir()
    with pytest.raises(KbError, match="cannot be removed"):
        remove(path)


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    """Only kb's own temporary files."""
    for name in (".a.yaml.x1.tmp", "a.yaml", ".hidden", "b.tmp"):
        (tmp_path / name).write_text("x")
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "a.yaml", "b.tmp"]
    remove_leftovers(tmp_path / "nowhere")


def test_only_plain_utf8_files_are_read(tmp_path: Path) -> None:
    """Links, pipes, folders, absent files and other encodings are errors that name the file."""
    good = tmp_path / "good"
    good.write_bytes("é\r\n".encode())
    assert read_utf8(good) == "é\r\n"
    (tmp_path / "link").symlink_to(good)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"\xe9")
    for name in ("link", "dangling", "folder", "pipe", "latin", "absent"):
        with pytest.raises(DataError) as caught:
            read_utf8(tmp_path / name)
        assert caught.value.file == str(tmp_path / name)
    assert read_if_there(tmp_path / "absent") == ""
    with pytest.raises(DataError):
        read_if_there(tmp_path / "dangling")
