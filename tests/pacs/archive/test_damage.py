import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from pacs.archive.faults import FILE, INDEX
from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import Archive, parts_of, running
from tests.pacs.archive.ups_server import JSON, ups

STUDY, SERIES = "/studies/1.2.3.1", "/studies/1.2.3.1/series/1.2.3.1.1"
LARGE_BYTES = 1_500_000


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0\0")


def without_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes(200) + content[200:])


def anothers(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1.2.3.1.1.2", b"1.2.3.1.1.7"))


def changed(path: Path) -> None:
    """Of the same size, and a readable header: only its digest tells."""
    content = bytearray(path.read_bytes())
    content[-40] ^= 0xFF
    path.write_bytes(content)


TOLD_BEFORE = [missing, truncated, longer, without_header, anothers]


def numbered(number: int, **attributes: Any) -> bytes:
    return instance(SOPInstanceUID=f"1.2.3.1.1.{number}", InstanceNumber=number, TextValue="x" * 100, **attributes)


def stored_file(data_dir: Path, uid: str) -> Path:
    (path,) = (data_dir / "files").rglob(f"{uid}.dcm")
    return path


@pytest.fixture
async def archive(archive: Archive) -> Archive:
    """It holds a study of three small objects."""
    assert (await archive.store(*map(numbered, (1, 2, 3)))).status_code == 200
    return archive


@pytest.mark.parametrize("damage", TOLD_BEFORE)
async def test_a_damaged_object_is_refused_and_a_study_comes_without_it(
    archive: Archive, data_dir: Path, damage: Callable[[Path], None]
) -> None:
    damage(stored_file(data_dir, "1.2.3.1.1.2"))
    with capture_logs() as lines:
        answer = await archive.get(STUDY)
    assert answer.status_code == 206
    assert answer.headers["warning"] == "299 dicom-graph: 1 of 3 objects are missing or damaged, and left out"
    assert await parts_of(answer) == [numbered(1), numbered(3)]
    assert lines == [{"event": "archive_damaged_file", "log_level": "error", "sop_instance_uid": "1.2.3.1.1.2"}]
    alone = await archive.get(f"{SERIES}/instances/1.2.3.1.1.2")
    assert (alone.status_code, alone.text) == (500, FILE.sentence)
    assert (await archive.get(f"{SERIES}/instances/1.2.3.1.1.1")).status_code == 200
    for uid in ("1.2.3.1.1.1", "1.2.3.1.1.3"):
        missing(stored_file(data_dir, uid))
    assert (await archive.get(STUDY)).status_code == 500


async def test_bytes_that_changed_on_the_disk_never_arrive_as_a_whole_object(archive: Archive, data_dir: Path) -> None:
    changed(stored_file(data_dir, "1.2.3.1.1.2"))
    alone = await archive.get(f"{SERIES}/instances/1.2.3.1.1.2")
    assert (alone.status_code, alone.text) == (500, FILE.sentence)
    with capture_logs() as lines, pytest.raises(httpx.RemoteProtocolError):
        await archive.get(STUDY)
    assert [line["event"] for line in lines] == ["archive_answer_broke_off"]
    await archive.store(instance(StudyInstanceUID="1.2.9", SOPInstanceUID="1.2.9.1", TextValue="x" * LARGE_BYTES))
    assert len((await archive.get("/studies/1.2.9")).content) > LARGE_BYTES
    changed(stored_file(data_dir, "1.2.9.1"))
    for accept in (None, "application/dicom"):
        with pytest.raises(httpx.RemoteProtocolError):
            await archive.get("/studies/1.2.9", accept)


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm"])
async def test_everything_that_is_made_of_a_damaged_file_is_a_clear_error(
    archive: Archive, data_dir: Path, name: str
) -> None:
    content = wheel_file(name).read_bytes()
    url = (await archive.store(content)).json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    study, series, uid = url.split("/")[-5::2]
    path = stored_file(data_dir, uid)
    uri = f"{archive.url.removesuffix('/dicom-web')}/wado"
    query = {"requestType": "WADO", "studyUID": study, "seriesUID": series, "objectUID": uid}

    async def answers() -> list[tuple[int, str]]:
        resources = ("rendered", "thumbnail", "frames/1", "bulkdata/7FE00010")
        found = [await archive.client.get(f"{url}/{resource}") for resource in resources]
        found += [
            await archive.client.get(uri, params=query | kind) for kind in ({}, {"contentType": "application/dicom"})
        ]
        return [(answer.status_code, answer.text if answer.is_error else "") for answer in found]

    assert await answers() == [(200, "")] * 6
    for damage in (truncated, without_header, missing):
        path.write_bytes(content)
        damage(path)
        assert await answers() == [(500, FILE.sentence)] * 6, damage
    path.write_bytes(content[:-20_000] + bytes(20_000))
    assert (await archive.client.get(f"{url}/rendered")).status_code == (200 if name == "CT_small.dcm" else 500)
    assert (await archive.client.get(f"{url}/metadata")).status_code == 200


def spoil(data_dir: Path, statement: str) -> None:
    with sqlite3.connect(data_dir / "index.sqlite") as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "resource"),
    [
        ("UPDATE studies SET attributes = x'7b22'", "/studies"),
        ("UPDATE studies SET attributes = CAST(x'ff' AS TEXT)", "/studies"),
        ("UPDATE instances SET attributes = x'00'", "/instances"),
        ("UPDATE metadata SET json = x'0102'", f"{STUDY}/metadata"),
        ("UPDATE metadata SET json = x'0102'", "/instances?ImageComments=x"),
        ("DELETE FROM metadata WHERE instance = 2", f"{STUDY}/metadata"),
    ],
)
async def test_a_damaged_value_of_the_index_is_told_and_stays_out_of_the_log(
    archive: Archive, data_dir: Path, statement: str, resource: str
) -> None:
    spoil(data_dir, statement)
    with capture_logs() as lines:
        answer = await archive.client.get(archive.url + resource)
    assert (answer.status_code, answer.text) == (500, INDEX.sentence)
    assert [(line["event"], line["fault"]) for line in lines] == [("archive_failed", "index_damaged")]
    assert not any("Rossi" in str(line) or "P1" in str(line) for line in lines)


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive that was started on an index whose pages of studies are overwritten."""
    options = ArchiveOptions(data_dir=tmp_path, allow_delete=True)
    async with running(options) as archive:
        await archive.store(numbered(1))
    path = tmp_path / "index.sqlite"
    connection = sqlite3.connect(path)
    pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'studies'").fetchall()
    connection.close()
    content = bytearray(path.read_bytes())
    for (page,) in pages:
        content[4096 * (page - 1) : 4096 * page] = b"\xa5" * 4096
    path.write_bytes(content)
    async with running(options) as archive:
        yield archive


async def test_a_broken_index_is_told_by_every_service_and_hurts_no_other(broken: Archive, tmp_path: Path) -> None:
    answers = [
        await broken.get("/studies"),
        await broken.get(STUDY),
        await broken.get(f"{STUDY}/metadata"),
        await broken.get(f"{STUDY}/thumbnail"),
        await broken.client.delete(broken.url + STUDY),
        await broken.store(numbered(2, StudyInstanceUID="1.2.8")),
    ]
    assert {answer.status_code for answer in answers} == {500}
    assert {answer.text for answer in answers[:-1]} == {INDEX.sentence}
    assert INDEX.sentence in answers[-1].headers["warning"]
    assert (await broken.get("/workitems")).status_code == 204
    assert list((tmp_path / "incoming").iterdir()) == []
    assert len(list((tmp_path / "files").rglob("*.dcm"))) == 1


async def test_what_would_be_lost_with_a_removed_index_or_worklist_is_not_acknowledged(
    archive: Archive, data_dir: Path
) -> None:
    for name in ("index.sqlite", "worklist.sqlite"):
        (data_dir / name).rename(data_dir / f"{name}.away")
    stored = await archive.store(numbered(9))
    scheduled = await archive.client.post(f"{archive.url}/workitems?2.25.1", json=ups(), headers=JSON)
    assert [stored.status_code, scheduled.status_code] == [500, 500]
    assert (await archive.get("/studies")).status_code in {200, 500}
    assert not (data_dir / "index.sqlite").exists()
    for name in ("index.sqlite", "worklist.sqlite"):
        (data_dir / f"{name}.away").rename(data_dir / name)
    stored = await archive.store(numbered(9))
    scheduled = await archive.client.post(f"{archive.url}/workitems?2.25.1", json=ups(), headers=JSON)
    assert [stored.status_code, scheduled.status_code] == [200, 201]
