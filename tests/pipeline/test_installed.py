"""The program that is running: its versions, and a wheel of it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile

import pytest

from kb import __version__
from kb.pipeline.installed import constraints, wheel
from kb.pipeline.packaged import SHARED, files_under, packaged

NOON = 1_769_860_800


def test_constraints_name_what_kb_stands_on_and_not_kb() -> None:
    """Direct and indirect needs at one version each, in order; nothing of the extras."""
    lines = constraints().splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert {"pydantic", "mkdocs-material", "markupsafe"} <= set(names)
    assert {"kb-survey", "torch", "pytest"} & set(names) == set()
    assert names == sorted(set(names))


@pytest.fixture(scope="module")
def made() -> zipfile.ZipFile:
    found = wheel(NOON)
    assert found is not None
    name, data = found
    assert name == f"kb_survey-{__version__}-py3-none-any.whl"
    return zipfile.ZipFile(io.BytesIO(data))


def test_a_wheel_holds_the_program_and_what_every_survey_shares(made: zipfile.ZipFile) -> None:
    """The package, its data, templates and the frame of the site; the console script; no compiled file."""
    names = set(made.namelist())
    assert {"kb/cli.py", "kb/classify/weights/classifier.json", "kb/starter/kb.toml.j2"} <= names
    for part in SHARED:
        for path in files_under(packaged() / part):
            assert f"kb/packaged/{path.relative_to(packaged()).as_posix()}" in names
    assert not [name for name in names if "__pycache__" in name]
    info = f"kb_survey-{__version__}.dist-info"
    assert b"kb = kb.cli:run" in made.read(f"{info}/entry_points.txt")
    assert b"Name: kb-survey" in made.read(f"{info}/METADATA")


def test_its_record_is_true(made: zipfile.ZipFile) -> None:
    """Every file with its hash and size, as installers check it."""
    record = f"kb_survey-{__version__}.dist-info/RECORD"
    rows = {
        name: (digest, size) for name, digest, size in csv.reader(made.read(record).decode().splitlines())
    }
    assert rows.keys() == set(made.namelist())
    for name in made.namelist():
        data = made.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert rows[name] == ((f"sha256={digest}", str(len(data))) if name != record else ("", ""))
