"""What Orthanc's log of changes tells is announced: once, when it is stable, whatever becomes of the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from starlette.responses import JSONResponse, Response

from graph.reconciler.reconciler import Reconciler
from pacs.address import PacsAddress
from pacs.announcement import Announcement
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsFault, PacsUnavailable
from pacs.orthanc.api import Orthanc
from persistence.errors import StoreUnavailable
from persistence.feed import ExamFeed
from persistence.records import NewExamEvent, now
from persistence.store import Store, open_store
from tests.graph.reconciler.fake_orthanc import FakeOrthanc, FakeStudy
from tests.pacs.archive.serving import serving
from tests.real.server import free_port


class Desk:
    """A store, and the reconcilers that write into it."""

    def __init__(self, store: Store, url: str) -> None:
        self.store = store
        self.feed = ExamFeed(store)
        self.told: list[Announcement] = []
        self.url = url
        self.web = DicomWeb(PacsAddress(url, timeout_seconds=2))

    def reconciler(self, poll_seconds: float = 10) -> Reconciler:
        """As a server has it after each start."""
        return Reconciler(
            Orthanc(self.web),
            self.url,
            self.store,
            self.feed,
            source="ORTHANC",
            poll_seconds=poll_seconds,
            told=self.told.append,
        )

    async def announced(self) -> list[tuple[str, str]]:
        """Study and number of its images, of every event."""
        events = await self.store.events_after(None, limit=1000)
        return [(event.study_instance_uid, str(event.body["NumberOfStudyRelatedInstances"])) for event in events]


@pytest.fixture
def orthanc() -> FakeOrthanc:
    return FakeOrthanc()


@pytest.fixture
async def desk(orthanc: FakeOrthanc, tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(orthanc.app) as url, desk_at(url, tmp_path) as desk:
        yield desk


@asynccontextmanager
async def desk_at(url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_store(None, tmp_path)
    desk = Desk(store, url)
    try:
        yield desk
    finally:
        await desk.web.aclose()
        await store.close()


async def looks(reconciler: Reconciler, times: int = 2) -> None:
    for _ in range(times):
        await reconciler.look()


async def begun(desk: Desk) -> Reconciler:
    """A reconciler whose first look is over."""
    reconciler = desk.reconciler()
    await reconciler.look()
    return reconciler


async def test_what_was_there_before_the_first_look_is_not_announced(orthanc: FakeOrthanc, desk: Desk) -> None:
    orthanc.arrive(FakeStudy(1))
    reconciler = await begun(desk)
    orthanc.arrive(FakeStudy(2), images=2)
    await looks(reconciler)

    assert await desk.announced() == [("1.2.2", "2")]
    assert [announcement.patient_id for announcement in desk.told] == ["P1"]


async def test_a_study_waits_until_it_is_stable_and_late_images_are_another_event(
    orthanc: FakeOrthanc, desk: Desk
) -> None:
    reconciler = await begun(desk)
    study = FakeStudy(1, is_stable=False)
    orthanc.arrive(study, images=3)
    await looks(reconciler, 3)
    assert await desk.announced() == []

    study.is_stable = True
    await looks(reconciler, 3)
    orthanc.log("StableStudy", study.id)
    await looks(reconciler, 3)
    assert await desk.announced() == [("1.2.1", "3")]

    orthanc.arrive(study)
    await looks(reconciler, 3)
    assert await desk.announced() == [("1.2.1", "3"), ("1.2.1", "4")]


async def test_a_series_of_many_images_costs_few_requests(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = await begun(desk)
    orthanc.asked.clear()
    orthanc.arrive(FakeStudy(1), images=800)
    await looks(reconciler)

    assert await desk.announced() == [("1.2.1", "800")]
    assert orthanc.asked.total() < 15


async def test_what_the_script_announced_is_not_announced_again(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = await begun(desk)
    study = FakeStudy(1)
    orthanc.arrive(study)
    body = {
        "StudyInstanceUID": study.uid,
        "PatientID": "P1",
        "StudyStateID": f"{study.id}:{study.last_update}:1",
        "NumberOfStudyRelatedInstances": "by the script",
    }
    event = NewExamEvent(
        received_at=now(), study_instance_uid=study.uid, patient_id="P1", modalities=[], body=dict(body)
    )
    await desk.feed.append(event, key=Announcement.parse(body).state_key)
    await looks(reconciler, 3)

    assert await desk.announced() == [("1.2.1", "by the script")]
    assert desk.told == []


async def test_replicas_announce_together_once(orthanc: FakeOrthanc, desk: Desk) -> None:
    replicas = [await begun(desk) for _ in range(4)]
    for number in range(1, 6):
        orthanc.arrive(FakeStudy(number))
    for _ in range(3):
        await asyncio.gather(*(replica.look() for replica in replicas))

    assert sorted(await desk.announced()) == [(f"1.2.{number}", "1") for number in range(1, 6)]
    assert len({announcement.study_instance_uid for announcement in desk.told}) == 5


async def test_what_waits_is_found_again_after_a_restart(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = await begun(desk)
    early, late = FakeStudy(1, is_stable=False), FakeStudy(2)
    orthanc.arrive(early)
    orthanc.arrive(late)
    await looks(reconciler)
    assert await desk.announced() == [("1.2.2", "1")]

    early.is_stable = True
    await looks(desk.reconciler(), 3)
    assert await desk.announced() == [("1.2.2", "1"), ("1.2.1", "1")]


async def test_a_log_that_was_cleared_is_read_on(orthanc: FakeOrthanc, desk: Desk) -> None:
    orthanc.arrive(FakeStudy(1), images=5)
    reconciler = await begun(desk)
    last = orthanc.changes[-1]["Seq"]
    orthanc.changes.clear()
    await looks(reconciler)
    orthanc.arrive(FakeStudy(2))
    orthanc.changes[-1]["Seq"] = last + 1
    await looks(reconciler, 3)

    assert await desk.announced() == [("1.2.2", "1")]


@pytest.mark.parametrize("images", [1, 50], ids=["behind the bookmark", "beyond the bookmark"])
async def test_the_log_of_a_new_database_is_read_from_its_beginning(
    orthanc: FakeOrthanc, desk: Desk, images: int
) -> None:
    orthanc.arrive(FakeStudy(1), images=10)
    reconciler = await begun(desk)
    orthanc.changes.clear()
    orthanc.studies.clear()
    orthanc.arrive(FakeStudy(2), images)
    await looks(reconciler, 3)
    orthanc.arrive(FakeStudy(3))
    await looks(reconciler, 3)

    assert await desk.announced() == [("1.2.2", str(images)), ("1.2.3", "1")]


async def test_a_restored_backup_does_not_announce_what_is_old(orthanc: FakeOrthanc, desk: Desk) -> None:
    orthanc.arrive(FakeStudy(1))
    backup = list(orthanc.changes)
    orthanc.arrive(FakeStudy(2))
    reconciler = await begun(desk)
    orthanc.changes = backup
    await looks(reconciler, 3)
    assert await desk.announced() == []

    orthanc.arrive(FakeStudy(3))
    await looks(reconciler, 3)
    await looks(desk.reconciler(), 3)
    assert await desk.announced() == [("1.2.3", "1")]


async def test_what_is_gone_or_belongs_to_nobody_holds_nothing_up(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = await begun(desk)
    gone, nobodys = FakeStudy(1), FakeStudy(2, patient_id="")
    for study in (gone, nobodys, FakeStudy(3)):
        orthanc.arrive(study)
    del orthanc.studies[gone.id]
    with structlog.testing.capture_logs() as logs:
        await looks(reconciler, 3)
        orthanc.arrive(FakeStudy(4))
        await looks(reconciler, 3)

    assert await desk.announced() == [("1.2.3", "1"), ("1.2.4", "1")]
    assert [entry["event"] for entry in logs].count("an exam cannot be announced") == 1


async def test_a_study_that_cannot_be_read_holds_up_nobody_else_and_is_not_forgotten(
    orthanc: FakeOrthanc, desk: Desk
) -> None:
    reconciler = await begun(desk)
    broken, unreadable = FakeStudy(1), FakeStudy(2)
    for study in (broken, unreadable, FakeStudy(3)):
        orthanc.arrive(study)
    orthanc.answers[f"/studies/{broken.id}/series"] = Response("<html>", 200)
    orthanc.answers[f"/instances/{unreadable.instances[0]}"] = Response("boom", 500)
    with structlog.testing.capture_logs() as logs:
        await looks(reconciler, 5)
    assert await desk.announced() == [("1.2.3", "1")]
    assert [entry["event"] for entry in logs].count("Orthanc does not tell what it has") == 2

    orthanc.answers.clear()
    await looks(desk.reconciler(), 3)
    assert sorted(await desk.announced()) == [("1.2.1", "1"), ("1.2.2", "1"), ("1.2.3", "1")]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response("<html>login</html>"), id="HTML"),
        pytest.param(JSONResponse([]), id="a list"),
        pytest.param(JSONResponse({"Changes": {}}), id="no list of changes"),
        pytest.param(JSONResponse({"Changes": [1]}), id="no objects"),
        pytest.param(JSONResponse({"Changes": [{"Seq": "1"}]}), id="no number"),
        pytest.param(JSONResponse({"Changes": [{"Seq": 0}], "Done": False}), id="goes in circles"),
        pytest.param(
            JSONResponse({"Changes": [{"Seq": 9, "ChangeType": "NewStudy", "ID": "../tools/shutdown"}]}), id="no id"
        ),
        pytest.param(Response("boom", 500), id="500"),
    ],
)
async def test_an_orthanc_that_lies_is_a_fault_and_loses_nothing(
    orthanc: FakeOrthanc, desk: Desk, answer: Response
) -> None:
    reconciler = await begun(desk)
    orthanc.arrive(FakeStudy(1))
    orthanc.answers["/changes"] = answer
    with pytest.raises(PacsFault):
        await reconciler.look()

    orthanc.answers.clear()
    await looks(reconciler)
    assert await desk.announced() == [("1.2.1", "1")]


async def test_an_endless_log_is_read_in_portions(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = await begun(desk)
    for _ in range(25_000):
        orthanc.log("DeletedInstance", "")
    orthanc.arrive(FakeStudy(1))
    assert [await reconciler.look() for _ in range(4)] == [True, True, False, False]
    assert await desk.announced() == [("1.2.1", "1")]


async def test_an_orthanc_that_is_away_is_asked_less_and_less_and_complained_of_once(tmp_path: Path) -> None:
    orthanc, port = FakeOrthanc(), free_port()
    async with desk_at(f"http://127.0.0.1:{port}", tmp_path) as desk:
        reconciler = desk.reconciler(poll_seconds=0.02)
        with pytest.raises(PacsUnavailable):
            await reconciler.look()
        with structlog.testing.capture_logs() as logs:
            await reconciler.start()
            await asyncio.sleep(0.5)
        await reconciler.aclose()

    assert orthanc.asked.total() == 0
    assert [entry["event"] for entry in logs] == ["Orthanc's changes cannot be followed"]
    assert reconciler._pause_seconds(1) < reconciler._pause_seconds(5) < reconciler._pause_seconds(40) == 60


async def test_a_store_that_is_away_loses_nothing(
    orthanc: FakeOrthanc, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler = await begun(desk)
    orthanc.arrive(FakeStudy(1))
    await reconciler.look()

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "append_event", away)
        with pytest.raises(StoreUnavailable):
            await reconciler.look()
    await looks(desk.reconciler(), 2)
    assert await desk.announced() == [("1.2.1", "1")]


async def test_it_runs_by_itself_until_it_is_closed(orthanc: FakeOrthanc, desk: Desk) -> None:
    reconciler = desk.reconciler(poll_seconds=0.02)
    await reconciler.start()
    while not orthanc.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    orthanc.arrive(FakeStudy(1))
    async with asyncio.timeout(5):
        while not desk.told:
            await asyncio.sleep(0.01)
    await reconciler.aclose()
    asked = orthanc.asked.total()
    await asyncio.sleep(0.1)
    assert orthanc.asked.total() == asked
