"""Files that a process gives another: only a nameless one, and only the very one that was meant, gets a name."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pacs.given_files import GivenFile, NotGiven
from pacs.multipart import MediaType

CONTENT = b"of a patient"


@pytest.fixture
def nameless(tmp_path: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR), "w+b", buffering=0) as file:
        file.write(CONTENT)
        yield file


def received(given: GivenFile) -> GivenFile:
    """As it arrives in the Content-Type of a part."""
    return GivenFile.parse(MediaType.parse(given.content_type))


def test_a_given_file_gets_a_name_and_is_not_copied(nameless: BinaryIO, tmp_path: Path) -> None:
    received(GivenFile.of(nameless.fileno())).link(tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == CONTENT
    assert (tmp_path / "taken").stat().st_ino == os.fstat(nameless.fileno()).st_ino


@pytest.mark.parametrize(
    "changed",
    [{"inode": 1}, {"device": 1}, {"modified": 1}, {"size": 1}, {"descriptor": 10_000}, {"pid": 2**22}],
)
def test_another_file_than_was_meant_is_not_taken(nameless: BinaryIO, tmp_path: Path, changed: dict[str, int]) -> None:
    given = replace(GivenFile.of(nameless.fileno()), **changed)
    with pytest.raises(NotGiven):
        given.link(tmp_path / "taken")
    assert os.listdir(tmp_path) == []


def test_a_file_with_a_name_is_not_taken(tmp_path: Path) -> None:
    with (tmp_path / "named").open("w+b") as file, pytest.raises(NotGiven):
        GivenFile.of(file.fileno()).link(tmp_path / "taken")


def test_a_file_that_had_a_name_is_not_taken(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file, pytest.raises(NotGiven):
        GivenFile.of(file.fileno()).link(tmp_path / "taken")


def test_what_is_no_file_is_not_taken(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), pytest.raises(NotGiven):
        GivenFile.of(reading).link(tmp_path / "taken")


def test_a_file_is_taken_once_and_not_over_another(nameless: BinaryIO, tmp_path: Path) -> None:
    given = GivenFile.of(nameless.fileno())
    (tmp_path / "there").touch()
    with pytest.raises(NotGiven):
        given.link(tmp_path / "there")
    given.link(tmp_path / "taken")
    with pytest.raises(NotGiven):
        given.link(tmp_path / "again")


def test_a_file_of_another_file_system_is_not_taken(tmp_path: Path) -> None:
    with os.fdopen(os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR), "w+b") as file, pytest.raises(NotGiven):
        GivenFile.of(file.fileno()).link(tmp_path / "taken")


@pytest.mark.parametrize(
    "told",
    [
        "application/dicom",
        "message/external-body",
        "message/external-body; access-type=local-file; name=/etc/passwd",
        "message/external-body; access-type=URL; pid=1; descriptor=1; device=1; inode=1; modified=1; size=1",
        "message/external-body; access-type=local-file; pid=1; descriptor=../1; device=1; inode=1; modified=1; size=1",
    ],
)
def test_what_does_not_say_so_is_no_given_file(told: Any) -> None:
    with pytest.raises(NotGiven):
        GivenFile.parse(MediaType.parse(told))
