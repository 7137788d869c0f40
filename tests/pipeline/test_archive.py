"""Archives: the same bytes again, whole or not at all, and every change is found."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.errors import DataError, KbError
from kb.pipeline.archive import MANIFEST, Content, verify_archive, write_archive

FILES: dict[str, Content] = {
    "README.md": b"# Read me\n",
    "site/index.html": b"<p>" + b"x" * 3_000_000,
    "base/papers/ü 王.yaml": 'title: "ü"\n'.encode(),
    "base/empty": b"",
}
NOON = 1_769_860_800


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    write_archive(path, FILES, top="survey-2026-01-31", seconds=NOON)
    return path


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other contents, as a careless hand or a bad copy would leave it."""
    with zipfile.ZipFile(path) as old:
        held = {name: old.read(name) for name in old.namelist()}
    change(held)
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in held.items():
            new.writestr(name, data)
    return other


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Whatever their order, dates, owners and the machine's time zone are; the digest is the file's."""
    on_disk = tmp_path / "index.html"
    content = FILES["site/index.html"]
    assert isinstance(content, bytes)
    on_disk.write_bytes(content)
    os.utime(on_disk, (NOON + 99, NOON + 99))
    backwards: dict[str, Content] = dict(reversed(FILES.items())) | {"site/index.html": on_disk}
    one = write_archive(tmp_path / "1.zip", FILES, top="t", seconds=NOON)
    two = write_archive(tmp_path / "2.zip", backwards, top="t", seconds=NOON)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert one == two == hashlib.sha256((tmp_path / "1.zip").read_bytes()).hexdigest()


def test_entries_have_one_date_and_one_mode(archive: Path) -> None:
    """Sorted, readable by anybody, dated as asked, in UTC."""
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
    assert [entry.filename for entry in entries[:-1]] == sorted(f"survey-2026-01-31/{name}" for name in FILES)
    assert {entry.date_time for entry in entries} == {(2026, 1, 31, 12, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_a_date_before_any_zip_is_the_first_one(tmp_path: Path) -> None:
    """SOURCE_DATE_EPOCH=0 is common, and ZIP begins in 1980."""
    write_archive(tmp_path / "a.zip", {"a": b""}, top="t", seconds=0)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def test_a_whole_archive_is_what_its_list_says(archive: Path) -> None:
    """Every file is counted, nothing is wrong."""
    found = verify_archive(archive)
    assert found.problems == ()
    assert (found.files, found.bytes) == (
        4,
        sum(len(data) for data in FILES.values() if isinstance(data, bytes)),
    )
    assert found.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
def test_nobody_needs_kb_to_check_an_unpacked_archive(archive: Path, tmp_path: Path) -> None:
    """The list is in the form of sha256sum."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    folder = tmp_path / "survey-2026-01-31"
    subprocess.run(["sha256sum", "--strict", "-c", MANIFEST], cwd=folder, check=True, capture_output=True)


TOP = "survey-2026-01-31"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda held: held.update({f"{TOP}/README.md": b"# Read you\n"}),
            "README.md: is not what the list says",
        ),
        (lambda held: held.pop(f"{TOP}/base/empty"), "base/empty: is missing"),
        (lambda held: held.update({f"{TOP}/site/evil.js": b"x"}), "site/evil.js: is not in the list"),
        (lambda held: held.update({"elsewhere": b"x"}), "elsewhere: lies outside of"),
        (lambda held: held.update({f"{TOP}/../../etc/passwd": b"x"}), "is not in the list"),
        (
            lambda held: held.update({f"{TOP}/{MANIFEST}": held[f"{TOP}/{MANIFEST}"] + b"nonsense\n"}),
            "MANIFEST.sha256:5: is no line of a list",
        ),
    ],
)
def test_every_change_is_found(archive: Path, change: Callable[[dict[str, bytes]], None], said: str) -> None:
    """A file that was changed, taken away or added, and a list that was."""
    problems = verify_archive(rewritten(archive, change)).problems
    assert len(problems) == 1
    assert said in problems[0]


def test_a_flipped_bit_is_found(archive: Path) -> None:
    """In the middle of the packed bytes of one file."""
    noise = random.Random(0).randbytes(5_000)
    write_archive(archive, {"site/index.html": noise, "b": b""}, top="t", seconds=NOON)
    data = bytearray(archive.read_bytes())
    at = data.index(b"site/index.html") + 900
    data[at] ^= 0x40
    archive.write_bytes(data)
    problems = verify_archive(archive).problems
    assert len(problems) == 1
    assert "site/index.html: is" in problems[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no ZIP"),
        (b"PK\x03\x04" + b"\0" * 40, "is no ZIP"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_archive_is_said_so(tmp_path: Path, content: bytes | None, said: str) -> None:
    """One line, with what to do."""
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        verify_archive(path)


def test_a_zip_of_somebody_else_has_no_list(tmp_path: Path) -> None:
    """A ZIP that kb did not make."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as other:
        other.writestr("a/b.txt", b"x")
    with pytest.raises(DataError, match="holds no list"):
        verify_archive(tmp_path / "x.zip")


def test_a_truncated_archive_is_no_archive(archive: Path) -> None:
    """A copy that ended early."""
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DataError, match="is no ZIP"):
        verify_archive(archive)


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "a\udcff"])
def test_a_name_that_no_list_can_hold_stops_it(tmp_path: Path, name: str) -> None:
    """sha256sum would read another name, or two lines."""
    with pytest.raises(DataError, match="rename it"):
        write_archive(tmp_path / "a.zip", {name: b""}, top="t", seconds=NOON)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_an_archive_that_failed(tmp_path: Path) -> None:
    """A file that cannot be read halfway: what was there before stays, and no temporary file does."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"before")
    with pytest.raises(DataError, match="regular file"):
        write_archive(path, {"a": b"x", "b": tmp_path / "gone"}, top="t", seconds=NOON)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line with the reason of the system."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KbError, match="cannot be written") as caught:
        write_archive(tmp_path / "file" / "a.zip", {"a": b""}, top="t", seconds=NOON)
    assert str(caught.value.file).endswith("a.zip")


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    """The system refuses to write more: one line, and what was there before stays."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.zip"
    path.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(KbError, match="cannot be written"):
            write_archive(path, {"a": os.urandom(300_000)}, top="t", seconds=NOON)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_progress_counts_files(tmp_path: Path) -> None:
    """One step a file, up to all of them."""
    steps: list[tuple[int, int]] = []
    write_archive(tmp_path / "a.zip", FILES, top="t", seconds=NOON, step=lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
