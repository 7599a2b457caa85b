import errno
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from pacs.archive import app, files
from pacs.archive.database import Database
from pacs.archive.faults import BUSY, DISK, FULL, INDEX, NOT_WRITABLE, NOT_WRITTEN, DamagedIndex, Fault, fault_of
from pacs.archive.files import FileStore
from pacs.archive.incoming import Incoming
from pacs.archive.index import Index
from pacs.archive.options import ArchiveOptions
from pacs.archive.verify import verify
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import Archive, running
from tests.pacs.archive.ups_server import ups

DICOM_JSON = {"content-type": "application/dicom+json"}
FIRST, SECOND = instance(), instance(SOPInstanceUID="1.2.3.1.1.2", TextValue="x" * 50_000)


@pytest.fixture
def indexes(monkeypatch: pytest.MonkeyPatch) -> list[Index]:
    """The indexes of the archives that are made."""
    made: list[Index] = []

    def make(folder: Path) -> Index:
        made.append(Index(folder))
        return made[-1]

    monkeypatch.setattr(app, "Index", make)
    return made


@pytest.fixture
async def archive(data_dir: Path, indexes: list[Index]) -> AsyncIterator[Archive]:
    """An archive that holds one object, whose files and index must agree in the end."""
    async with running(ArchiveOptions(data_dir=data_dir, allow_delete=True)) as found:
        assert (await found.store(FIRST)).status_code == 200
        yield found
    assert verify(data_dir).is_clean


def leftovers(data_dir: Path) -> list[Path]:
    return [*(data_dir / "incoming").iterdir(), *(data_dir / "intents").iterdir()]


async def stored(archive: Archive) -> list[str]:
    return [one["00080018"]["Value"][0] for one in await archive.search("/instances")]


def full(connection: sqlite3.Connection) -> None:
    """From now on the database may not grow: SQLite then says `database or disk is full`, and means it."""
    connection.execute("PRAGMA max_page_count = 1")


def roomy(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000")


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def half_written(code: int) -> Callable[..., Any]:
    write = Incoming._write

    def fail(self: Incoming, block: bytes | bytearray) -> None:
        write(self, block[: len(block) // 2])
        raise OSError(code, os.strerror(code))

    return fail


STEPS: list[tuple[object, str, Callable[..., Any], Fault]] = [
    (Incoming, "_write", half_written(errno.ENOSPC), FULL),
    (Incoming, "_write", half_written(errno.EDQUOT), FULL),
    (os, "fsync", failing(errno.ENOSPC), FULL),
    (files, "sync_folder", failing(errno.EROFS), NOT_WRITABLE),
    (FileStore, "_made", failing(errno.ENOSPC), FULL),
    (Path, "rename", failing(errno.EIO), DISK),
]
"""Everything that storing an object asks of the disk, and how that may fail."""


async def test_a_disk_that_fails_at_any_step_of_storing_is_told_and_leaves_nothing(
    archive: Archive, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name, fail, fault in STEPS:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, fail)
            answer = await archive.store(SECOND)
            assert answer.status_code == fault.status, name
            assert fault.sentence in answer.text + answer.headers.get("warning", "")
            assert leftovers(data_dir) == []
            assert await stored(archive) == ["1.2.3.1.1.1"]
            assert (await archive.get("/studies/1.2.3.1")).status_code == 200
    assert (await archive.store(SECOND)).status_code == 200
    assert len(await stored(archive)) == 2


async def test_a_full_index_refuses_with_the_objects_that_are_not_stored(
    archive: Archive, data_dir: Path, indexes: list[Index]
) -> None:
    many = [instance(SOPInstanceUID=f"1.2.3.1.1.{n}", TextValue=secrets.token_hex(3_000)) for n in range(2, 40)]
    indexes[0].submit(full).result()
    answer = await archive.store(*many)
    assert answer.status_code == 507
    assert answer.headers["warning"] == f"299 dicom-graph: {FULL.sentence}"
    refused = [(one["00081155"]["Value"][0], one["00081197"]["Value"]) for one in answer.json()["00081198"]["Value"]]
    assert refused == [(f"1.2.3.1.1.{n}", [0xA700]) for n in range(2, 40)]
    assert leftovers(data_dir) == []
    assert await stored(archive) == ["1.2.3.1.1.1"]
    indexes[0].submit(roomy).result()
    assert (await archive.store(*many)).status_code == 200


async def test_an_undo_that_fails_as_well_is_made_up_for_at_the_next_start(
    data_dir: Path, indexes: list[Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ArchiveOptions(data_dir=data_dir)
    async with running(options) as archive:
        with monkeypatch.context() as patched:
            patched.setattr(FileStore, "settle", failing(errno.EIO))
            patched.setattr(FileStore, "place", placed_then_failing)
            assert (await archive.store(FIRST)).status_code == 507
            assert (await archive.get("/studies")).status_code == 200
        assert (await archive.store(SECOND)).status_code == 200  # the writer lives
    async with running(options) as archive:
        assert await stored(archive) == ["1.2.3.1.1.2"]
        assert leftovers(data_dir) == []
    assert verify(data_dir).is_clean


def placed_then_failing(self: FileStore, moves: Any) -> None:
    for source, relative in moves:
        (self.folder / relative).parent.mkdir(parents=True, exist_ok=True)
        source.rename(self.folder / relative)
    raise OSError(errno.ENOSPC, "full")


async def test_an_intent_that_was_cut_short_does_not_keep_the_archive_from_starting(data_dir: Path) -> None:
    options = ArchiveOptions(data_dir=data_dir)
    async with running(options) as archive:
        await archive.store(FIRST)
    (name,) = [str(path.relative_to(data_dir)) for path in (data_dir / "files").rglob("*.dcm")]
    for length in (0, 3, 6, 9, len(name) - 4, len(name) - 1, len(name)):
        (data_dir / "intents" / f"{length}").write_text("files/../../outside.dcm\n" + name[:length])
    (data_dir.parent / "outside.dcm").write_text("not ours")
    async with running(options) as archive:
        assert len(await stored(archive)) == 1
    assert (data_dir.parent / "outside.dcm").exists()
    assert verify(data_dir).is_clean


async def test_a_delete_that_fails_deletes_nothing_and_one_that_cannot_remove_files_is_finished_later(
    archive: Archive, data_dir: Path, indexes: list[Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = f"{archive.url}/studies/1.2.3.1"
    with monkeypatch.context() as patched:
        patched.setattr(files, "sync_folder", failing(errno.ENOSPC))
        assert (await archive.client.delete(study)).status_code == 507
        assert (await archive.get("/studies/1.2.3.1")).status_code == 200
        assert leftovers(data_dir) == []
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing(errno.EROFS))
        assert (await archive.client.delete(study)).status_code == 204
    assert await archive.search("/studies") == []
    files_of_the_next_start = FileStore(data_dir)
    files_of_the_next_start.open(lambda _: False)
    files_of_the_next_start.close()


async def test_what_cannot_be_kept_of_worklist_and_commitments_is_refused(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases: list[Database] = []
    write = Database.write

    async def watched(self: Database, work: Any) -> Any:
        databases.append(self)
        return await write(self, work)

    monkeypatch.setattr(Database, "write", watched)
    workitem = ups() | {"00104000": {"vr": "LT", "Value": ["x" * 10_000]}}
    asked = {
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                    "00081155": {"vr": "UI", "Value": [f"1.2.3.{n}"]},
                }
                for n in range(500)
            ],
        }
    }

    async def create(uid: str) -> httpx.Response:
        return await archive.client.post(f"{archive.url}/workitems?{uid}", json=workitem, headers=DICOM_JSON)

    async def commit(uid: str) -> httpx.Response:
        return await archive.client.post(f"{archive.url}/commitment-requests/{uid}", json=asked, headers=DICOM_JSON)

    assert [(await create("2.25.1")).status_code, (await commit("2.25.1")).status_code] == [201, 200]
    for database in set(databases):
        await write(database, full)
    answers = [await create("2.25.2"), await commit("2.25.2")]
    assert [(answer.status_code, answer.text) for answer in answers] == [(507, FULL.sentence), (503, FULL.sentence)]
    assert [(await archive.get(f"/workitems/2.25.{n}")).status_code for n in (1, 2)] == [200, 404]
    assert [(await archive.get(f"/commitment-requests/2.25.{n}")).status_code for n in (1, 2)] == [200, 404]
    for database in set(databases):
        await write(database, roomy)
    assert [(await create("2.25.2")).status_code, (await commit("2.25.2")).status_code] == [201, 200]


def with_code(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("something with a patient's name in it")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.EFBIG, ""), FULL),
        (OSError(errno.EACCES, ""), NOT_WRITABLE),
        (OSError(errno.EMFILE, ""), BUSY),
        (OSError(errno.EIO, ""), DISK),
        (TimeoutError(), BUSY),
        (with_code("SQLITE_FULL"), FULL),
        (with_code("SQLITE_IOERR_WRITE"), NOT_WRITTEN),
        (with_code("SQLITE_IOERR_READ"), DISK),
        (with_code("SQLITE_READONLY_DBMOVED"), NOT_WRITABLE),
        (with_code("SQLITE_BUSY_SNAPSHOT"), BUSY),
        (with_code("SQLITE_CORRUPT_VTAB"), INDEX),
        (with_code("SQLITE_NOTADB"), INDEX),
        (with_code("SQLITE_ERROR"), INDEX),
        (sqlite3.OperationalError("Could not decode to UTF-8 column"), INDEX),
        (DamagedIndex(), INDEX),
    ],
)
def test_every_error_is_one_fault(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault


async def test_an_archive_that_cannot_start_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "worklist.sqlite").write_bytes(b"no database" * 1000)
    async with AsyncExitStack() as stack:
        archive = app.create_archive(ArchiveOptions(data_dir=tmp_path))
        with pytest.raises(RuntimeError, match=r"worklist\.sqlite cannot be opened"):
            await stack.enter_async_context(archive.router.lifespan_context(archive))
    (tmp_path / "worklist.sqlite").unlink()
    async with running(ArchiveOptions(data_dir=tmp_path)) as again:
        assert (await again.store(FIRST)).status_code == 200
