import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pacs.announcement import Announcement
from pacs.archive import app
from pacs.archive.index import Index
from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import dataset, encode, instance
from tests.pacs.archive.serving import Archive, running, serving

STABLE_SECONDS = 0.1


class Callback:
    """A server that takes events, with the statuses that it is told to answer first."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.tokens: list[str | None] = []
        self.failures: list[int] = []
        self.refused_study: str | None = None

    async def post(self, request: Request) -> Response:
        if (await request.json())["StudyInstanceUID"] == self.refused_study:
            return Response(status_code=400)
        if self.failures:
            return Response(status_code=self.failures.pop())
        self.bodies.append(await request.json())
        self.tokens.append(request.headers.get("authorization"))
        return Response(status_code=204)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def announcing(folder: Path, callback: Callback) -> AsyncIterator[Archive]:
    app = Starlette(routes=[Route("/new-exam-callback", callback.post, methods=["POST"])])
    async with serving(app) as url:
        options = ArchiveOptions(
            data_dir=folder,
            notify_url=f"{url}/new-exam-callback",
            notify_token="secret",
            stable_age_seconds=STABLE_SECONDS,
            source_id="ARCHIVE",
        )
        async with running(options) as archive:
            yield archive


async def test_a_stable_study_is_announced_once_with_all_its_fields(tmp_path: Path) -> None:
    callback = Callback()
    made = dataset(
        StationName="CT-1",
        StudyDescription="Head",
        PatientBirthDate="19700102",
        PatientSex="F",
        ReferringPhysicianName="House^Gregory",
    )
    made.file_meta.SendingApplicationEntityTitle = "MODALITY"
    async with announcing(tmp_path, callback) as archive:
        await archive.store(encode(made), instance(SOPInstanceUID="1.2.3.1.1.2"))
        await callback.until(lambda: len(callback.bodies) == 1)
        await asyncio.sleep(3 * STABLE_SECONDS)
    assert callback.bodies == [
        {
            "SourceID": "ARCHIVE",
            "StudyInstanceUID": "1.2.3.1",
            "AccessionNumber": "A1",
            "PatientID": "P1",
            "NumberOfStudyRelatedSeries": 1,
            "NumberOfStudyRelatedInstances": 2,
            "ModalitiesInStudy": ["CT"],
            "AeTitles": ["MODALITY"],
            "StationNames": ["CT-1"],
            "EventType": "COMPLETED",
            "StudyDate": "20260131",
            "StudyTime": "101500",
            "StudyID": "S1",
            "ReferringPhysicianName": "House^Gregory",
            "StudyDescription": "Head",
            "PatientName": "Rossi^Maria",
            "PatientBirthDate": "19700102",
            "PatientSex": "F",
        }
    ]
    assert callback.tokens == ["Bearer secret"]
    assert Announcement.parse(callback.bodies[0]).study_instance_uid == "1.2.3.1"


async def test_new_instances_make_a_new_event_and_known_ones_none(tmp_path: Path) -> None:
    callback = Callback()
    async with announcing(tmp_path, callback) as archive:
        await archive.store(instance())
        await callback.until(lambda: len(callback.bodies) == 1)
        await archive.store(instance())
        await archive.store(instance(SOPInstanceUID="1.2.3.1.1.2"))
        await callback.until(lambda: len(callback.bodies) == 2)
        await asyncio.sleep(3 * STABLE_SECONDS)
    assert [body["NumberOfStudyRelatedInstances"] for body in callback.bodies] == [1, 2]


async def test_an_event_is_posted_until_it_is_taken(tmp_path: Path) -> None:
    callback = Callback()
    callback.failures = [500, 200]
    async with announcing(tmp_path, callback) as archive:
        await archive.store(instance())
        await callback.until(lambda: len(callback.bodies) == 1)
    assert callback.failures == []


async def test_a_restart_loses_no_event_and_repeats_none(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path)) as archive:
        await archive.store(instance())
    callback = Callback()
    async with announcing(tmp_path, callback):
        with closing(sqlite3.connect(tmp_path / "index.sqlite")) as index:
            await callback.until(lambda: not unannounced(index))  # what is taken and not remembered is posted again
    async with announcing(tmp_path, callback):
        await asyncio.sleep(3 * STABLE_SECONDS)
    assert len(callback.bodies) == 1


async def test_a_refused_event_holds_up_no_other(tmp_path: Path) -> None:
    callback = Callback()
    callback.refused_study = "1.2.3.100"
    studies = [f"1.2.3.{number}" for number in range(100, 130)]
    async with announcing(tmp_path, callback) as archive:
        await archive.store(
            *(
                instance(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.1")
                for study in studies
            )
        )
        await callback.until(lambda: len(callback.bodies) == len(studies) - 1)
    assert {body["StudyInstanceUID"] for body in callback.bodies} == set(studies[1:])


async def test_a_study_of_nobody_is_not_announced(tmp_path: Path) -> None:
    callback = Callback()
    async with announcing(tmp_path, callback) as archive:
        await archive.store(instance(PatientID="", StudyInstanceUID="1.2.4", SOPInstanceUID="1.2.4.1"))
        await archive.store(instance())
        await callback.until(lambda: len(callback.bodies) == 1)
        await asyncio.sleep(2 * STABLE_SECONDS)
    assert [body["StudyInstanceUID"] for body in callback.bodies] == ["1.2.3.1"]


async def test_faults_of_the_index_end_no_announcing_and_repeat_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, index = Callback(), Index(tmp_path)
    monkeypatch.setattr(app, "Index", lambda _: index)
    async with announcing(tmp_path, callback) as archive:
        await archive.store(instance())
        await callback.until(lambda: len(callback.bodies) == 1)
        with monkeypatch.context() as patched:
            patched.setattr(Index, "read", failing)
            await archive.store(instance(StudyInstanceUID="1.2.3.2", SOPInstanceUID="1.2.3.2.1.1"))
            await asyncio.sleep(0.1)
        await callback.until(lambda: len(callback.bodies) == 2)
        await archive.store(
            instance(StudyInstanceUID="1.2.3.3", SOPInstanceUID="1.2.3.3.1.1"),
            instance(StudyInstanceUID="1.2.3.4", SOPInstanceUID="1.2.3.4.1.1"),
        )
        with monkeypatch.context() as patched:
            patched.setattr(Index, "write", failing)
            await callback.until(lambda: len(callback.bodies) == 4)
            await asyncio.sleep(0.6)  # it is tried again meanwhile
        await callback.until(lambda: not index.read_now(unannounced))
    assert [body["StudyInstanceUID"] for body in callback.bodies[:2]] == ["1.2.3.1", "1.2.3.2"]
    assert {body["StudyInstanceUID"] for body in callback.bodies[2:]} == {"1.2.3.3", "1.2.3.4"}


async def failing(*_: Any) -> None:
    raise sqlite3.DatabaseError("database disk image is malformed")


def unannounced(connection: sqlite3.Connection) -> bool:
    (number,) = connection.execute("SELECT count(*) FROM studies WHERE notified_version < version").fetchone()
    return bool(number)


async def test_a_study_whose_attributes_are_damaged_is_announced_all_the_same(tmp_path: Path) -> None:
    callback = Callback()
    async with announcing(tmp_path, callback) as archive:
        await archive.store(instance(), instance(StudyInstanceUID="1.2.3.2", SOPInstanceUID="1.2.3.2.1.1"))
        with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection, connection:
            connection.execute("UPDATE studies SET attributes = x'7b22' WHERE study_instance_uid = '1.2.3.1'")
        await callback.until(lambda: len(callback.bodies) == 2)
    told = {body["StudyInstanceUID"]: (body["PatientID"], body["AccessionNumber"]) for body in callback.bodies}
    assert told == {"1.2.3.1": ("P1", None), "1.2.3.2": ("P1", "A1")}
