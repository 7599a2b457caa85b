"""Orthanc and this server are killed in turn while studies arrive: every study is announced, none twice as it is."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from persistence.records import ExamEvent
from persistence.store import open_store
from tests.pacs.archive.serving import stow_body
from tests.real.orthanc import Orthanc, orthanc
from tests.real.server import ServerProcess
from tests.samples import Exam, Sample

SCRIPT = Path(__file__).parents[2] / "deploy" / "orthanc" / "new-exam.lua"
TOKEN = "the-callbacks-token"
STABLE_AGE_SECONDS = 1
PATIENCE_SECONDS = 30.0
EVENTS = "{ examEvents(first: 500) { nodes { studyInstanceUID numberOfStudyRelatedInstances } } }"

pytestmark = pytest.mark.xdist_group("orthanc")


@dataclass
class Hospital:
    """An Orthanc with the script, and the server beside it that looks after what the script loses."""

    pacs: Orthanc
    server: ServerProcess
    sent: Counter[str] = field(default_factory=Counter)
    """Images by study."""

    def store(self, *images: Sample, over_http: bool) -> None:
        """By C-STORE or by STOW-RS, straight to Orthanc."""
        if over_http:
            content_type, body = stow_body(*(image.content for image in images))
            headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
            httpx.post(f"{self.pacs.pacs_url}/studies", content=body, headers=headers).raise_for_status()
        else:
            self.pacs.send(*images)
        self.sent.update(image.study for image in images)

    def announced(self) -> Counter[str]:
        """The greatest number of images that was announced of each study."""
        answer = httpx.post(f"{self.server.url}/graphql", json={"query": EVENTS}, timeout=10).json()
        found: Counter[str] = Counter()
        for event in answer["data"]["examEvents"]["nodes"]:
            study, images = event["studyInstanceUID"], event["numberOfStudyRelatedInstances"]
            found[study] = max(found[study], images)
        return found

    def wait_until_all_is_announced(self) -> None:
        """Returns when every study was announced with all its images."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.announced() != self.sent:
            assert time.monotonic() < deadline, f"never announced: {self.sent - self.announced()}"
            time.sleep(0.2)


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    pacs = Orthanc(tmp_path, {"LuaScripts": [str(SCRIPT)], "StableAge": STABLE_AGE_SECONDS})
    server = ServerProcess(
        tmp_path,
        PACS_URL=pacs.pacs_url,
        RECONCILE_URL=pacs.root,
        RECONCILE_SECONDS="0.3",
        CALLBACK_TOKEN=TOKEN,
    )
    monkeypatch.setenv("NEW_EXAM_URL", f"{server.url}/new-exam-callback")
    monkeypatch.setenv("CALLBACK_TOKEN", TOKEN)
    try:
        pacs.start()
        server.start()
        yield Hospital(pacs, server)
    finally:
        server.stop()
        pacs.stop()


async def stored_events(data_dir: Path) -> list[ExamEvent]:
    store = await open_store(None, data_dir)
    try:
        return await store.events_after(None, limit=1000)
    finally:
        await store.close()


def test_every_study_is_announced_and_none_twice_as_it_is_though_both_are_killed(hospital: Hospital) -> None:
    exams = [Exam() for _ in range(6)]
    for number, exam in enumerate(exams):
        series = exam.image().series
        hospital.store(exam.image(series), exam.image(), over_http=number % 2 == 0)
        if number % 3 == 0:  # the script posts into the void
            hospital.server.kill(server=True, archive=True)
            time.sleep(STABLE_AGE_SECONDS + 1.5)
            hospital.server.start()
        elif number % 3 == 1:  # forgets that the study was to become stable
            hospital.pacs.kill()
            hospital.pacs.start()
        else:  # and both, with a late image in a series that was announced already
            hospital.store(exams[number - 1].image(), over_http=True)
            hospital.pacs.kill()
            hospital.server.kill(server=True, archive=True)
            hospital.server.launch()
            hospital.pacs.start()
            hospital.server.wait_until_ready()

    hospital.wait_until_all_is_announced()
    time.sleep(STABLE_AGE_SECONDS + 2)  # whoever is late
    hospital.server.stop()

    events = asyncio.run(stored_events(hospital.server.data_dir))
    states = Counter(str(event.body["StudyStateID"]) for event in events)
    assert max(states.values()) == 1
    last = {event.study_instance_uid: event.body["NumberOfStudyRelatedInstances"] for event in events}
    assert last == {study: str(images) for study, images in hospital.sent.items()}
    log = hospital.server.log.read_text()
    assert "exams announced that nobody had announced" in log
    assert log.count("Orthanc's changes cannot be followed") <= 6  # once for each time that Orthanc was away
    assert not any(exam.patient_id in log for exam in exams)


async def test_replicas_announce_each_study_once_though_one_of_them_is_killed(tmp_path: Path, database: str) -> None:
    exams = [Exam() for _ in range(8)]
    with orthanc(tmp_path, StableAge=STABLE_AGE_SECONDS) as pacs:
        folders = [tmp_path / name for name in ("one", "other")]
        settings = {"PACS_URL": pacs.pacs_url, "RECONCILE_URL": pacs.root, "DATABASE_URL": database}
        replicas = [made(folder, settings) for folder in folders]
        try:
            await asyncio.gather(*(asyncio.to_thread(replica.start) for replica in replicas))
            hospital = Hospital(pacs, replicas[1])
            for number, exam in enumerate(exams):
                await asyncio.to_thread(hospital.store, exam.image(), over_http=number % 2 == 0)
                if number == 4:
                    replicas[0].kill(server=True, archive=True)
            await asyncio.to_thread(hospital.wait_until_all_is_announced)
            await asyncio.sleep(STABLE_AGE_SECONDS + 1)
        finally:
            for replica in replicas:
                replica.stop()

    store = await open_store(database, tmp_path)
    events = await store.events_after(None, limit=100)
    await store.close()
    assert sorted(event.study_instance_uid for event in events) == sorted(exam.study for exam in exams)


def made(folder: Path, settings: dict[str, str]) -> ServerProcess:
    folder.mkdir()
    return ServerProcess(folder, RECONCILE_SECONDS="0.3", **settings)
