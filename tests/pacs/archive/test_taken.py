"""Objects that are given to the archive as files: stored as those that were sent, and without a copy."""

import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pacs import multipart
from pacs.archive import taken
from pacs.archive.options import ArchiveOptions
from pacs.archive.verify import verify
from pacs.given_files import GivenFile
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import Archive, parts_of, running
from tests.pacs.archive.test_stow import UNIDENTIFIED, leftovers, reasons, stored_uids

_TYPE = 'multipart/related; type="application/dicom"; boundary=b'
_PLACE = "/studies/1.2.3.1/series/1.2.3.1.1"


@pytest.fixture
async def archive(data_dir: Path) -> AsyncIterator[Archive]:
    """An archive that takes what it is given."""
    async with running(ArchiveOptions(data_dir=data_dir, takes_given=True)) as found:
        yield found
    assert leftovers(data_dir) == []
    assert verify(data_dir).is_clean


@contextmanager
def given(folder: Path, content: bytes) -> Iterator[GivenFile]:
    """A file of these bytes, without a name."""
    with os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR), "w+b", buffering=0) as file:
        file.write(content)
        yield GivenFile.of(file.fileno())


async def store(archive: Archive, *parts: str) -> httpx.Response:
    """A request of parts of these Content-Types, with nothing in them."""
    openings = [multipart.opening("b", part, first=not number) for number, part in enumerate(parts)]
    body = b"".join(openings) + multipart.closing("b")
    return await archive.client.post(archive.url + "/studies", content=body, headers={"content-type": _TYPE})


async def test_a_given_file_is_stored_as_it_is(archive: Archive, data_dir: Path) -> None:
    content = instance()
    with given(data_dir, content) as file:
        answer = await store(archive, file.content_type)
        (path,) = (data_dir / "files").rglob("*.dcm")
        assert (path.stat().st_ino, path.stat().st_nlink) == (file.inode, 1)
    assert answer.status_code == 200
    assert await parts_of(await archive.get(_PLACE)) == [content]


async def test_the_same_object_is_the_same_by_whichever_way_it_comes(archive: Archive, data_dir: Path) -> None:
    content, other = instance(), instance(PatientComments="other")
    assert (await archive.store(content)).status_code == 200
    with given(data_dir, b"\1" * 128 + content[128:]) as same, given(data_dir, other) as changed:
        assert stored_uids(await store(archive, same.content_type)) == ["1.2.3.1.1.1"]
        assert reasons(await store(archive, changed.content_type)) == [0x0111]
    assert await parts_of(await archive.get(_PLACE)) == [content]


async def test_of_several_that_are_given_each_stands_for_itself(archive: Archive, data_dir: Path) -> None:
    second = instance(SOPInstanceUID="1.2.3.1.1.2")
    with given(data_dir, instance()) as one, given(data_dir, b"no DICOM") as none, given(data_dir, second) as two:
        answer = await store(archive, one.content_type, none.content_type, two.content_type)
    assert answer.status_code == 202
    assert stored_uids(answer) == ["1.2.3.1.1.1", "1.2.3.1.1.2"]
    assert reasons(answer, UNIDENTIFIED) == [0xC000]


async def test_a_file_with_a_name_is_not_taken(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "named"
    path.write_bytes(instance())
    with path.open("rb") as file:
        answer = await store(archive, GivenFile.of(file.fileno()).content_type)
    assert (answer.status_code, reasons(answer, UNIDENTIFIED)) == (400, [0xC000])


async def test_an_archive_that_others_can_talk_to_takes_no_files(tmp_path: Path) -> None:
    folder = tmp_path / "public"
    async with running(ArchiveOptions(data_dir=folder)) as archive:
        with given(folder, instance()) as file:
            answer = await store(archive, file.content_type)
        assert (answer.status_code, reasons(answer, UNIDENTIFIED)) == (400, [0xC000])
        assert leftovers(folder) == []


async def test_nothing_is_stored_that_the_disk_did_not_write(
    archive: Archive, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.ENOSPC, "")

    with given(data_dir, instance()) as file:
        monkeypatch.setattr(taken, "_sync", fail)
        assert (await store(archive, file.content_type)).status_code == 507
        assert leftovers(data_dir) == []
    assert await archive.search("/instances") == []
