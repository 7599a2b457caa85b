"""What is remembered of kept objects is what would be made of them anew."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graph.app import create_app
from graph.engine.remembered import remembering
from graph.schema import contract_schema
from graph.schema.exam_events import ExamEvent
from graph.settings import Settings
from pacs.announcement import Announcement
from persistence import records
from tests.graph.api import Api, subscribe
from tests.graph.conftest import serving
from tests.persistence.events import new_event
from tests.samples import Exam

ROWS = 10
QUERY = """query ($p: String!) {{ studies(patientID: $p) {{ nodes {{ series {{ instances {{ {} }} }} }} }} }}"""
SELECTIONS = [
    "sopInstanceUID instanceNumber rows fileURL",
    "rows sopInstanceUID fileURL instanceNumber",
    "uid: sopInstanceUID again: sopInstanceUID url: fileURL sopClassName",
    "sopInstanceUID thumbnail(size: 8) { contentType url }",
    "__typename instanceNumber dicom",
]
HOSTS = ["http://127.0.0.1:8000", "http://localhost:8000"]


@pytest.fixture
async def patient_id(api: Api) -> str:
    """A patient with one series."""
    exam = Exam()
    first = exam.image(InstanceNumber=1)
    images = [first, *(exam.image(first.series, InstanceNumber=number) for number in range(2, ROWS + 1))]
    await api.upload(*(image.content for image in images))
    return exam.patient_id


EVENT_SELECTIONS = [
    "studyInstanceUID patientID studyDate modalitiesInStudy cursor",
    "cursor modalitiesInStudy patientID studyDate studyInstanceUID",
    "uid: studyInstanceUID again: studyInstanceUID patientName { familyName } aeTitles sourceID",
    "studyInstanceUID study { studyInstanceUID }",
]
ANNOUNCED = {
    "StudyInstanceUID": "1.2.3",
    "PatientID": "P",
    "PatientName": "Doe^John",
    "StudyDate": "20260102",
    "ModalitiesInStudy": ["CT", "SR"],
    "AeTitles": ["A"],
}


async def answer(app: Starlette, host: str, selection: str, patient_id: str) -> bytes:
    body = {"query": QUERY.format(selection), "variables": {"p": patient_id}}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=host, timeout=30) as client:
        return (await client.post("/graphql", json=body)).content


async def test_answers_are_the_same_in_any_order_of_queries_and_under_any_name(
    app: Starlette, settings: Settings, tmp_path: Path, patient_id: str
) -> None:
    slow = create_app(
        settings.model_copy(update={"compiled_selections": False, "cache_bytes": 0, "data_dir": tmp_path / "slow"})
    )
    async with slow.router.lifespan_context(slow):
        for _ in range(3):
            for selection in SELECTIONS:
                for host in HOSTS:
                    found = await answer(app, host, selection, patient_id)
                    assert found == await answer(slow, host, selection, patient_id)
                    assert found.count(b"sopInstanceUID") in (0, ROWS)


async def heard(url: str, selections: list[str]) -> list[list[dict[str, Any]]]:
    """What a subscriber of each selection hears, of three events."""
    async with AsyncExitStack() as stack:
        queries = [f"subscription {{ newExam {{ {selection} }} }}" for selection in selections]
        subscribers = [await stack.enter_async_context(subscribe(url, query)) for query in queries]
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
        await asyncio.sleep(0.2)
        told: list[list[dict[str, Any]]] = []
        for number in range(3):
            announced = ANNOUNCED | {"StudyInstanceUID": f"1.2.{number}"}
            (await client.post("/new-exam-callback", json=announced)).raise_for_status()
            told.append([(await subscriber.next())["newExam"] for subscriber in subscribers])
        return told


async def test_events_are_told_to_all_as_they_would_be_without_memory(
    base_url: str, settings: Settings, tmp_path: Path
) -> None:
    fast = await heard(base_url, EVENT_SELECTIONS * 3)
    slow = settings.model_copy(update={"compiled_selections": False, "data_dir": tmp_path / "slow"})
    async with serving(slow) as url:
        assert await heard(url, EVENT_SELECTIONS * 3) == fast
    assert [event[0]["studyInstanceUID"] for event in fast] == ["1.2.0", "1.2.1", "1.2.2"]


async def test_an_event_is_read_once_for_all_who_ask_for_the_same(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    text = Announcement.text

    def watching(announcement: Announcement, name: str) -> str | None:
        read.append(name)
        return text(announcement, name)

    monkeypatch.setattr(Announcement, "text", watching)
    told = await heard(base_url, ["studyInstanceUID sourceID"] * 5)
    assert told[2] == 5 * [{"studyInstanceUID": "1.2.2", "sourceID": None}]
    assert read.count("SourceID") == 3


@pytest.mark.parametrize(
    ("value", "aliases", "made"),
    [
        ("x" * 300, 1, 1),
        ("x" * 300, 20, 2),
        (["x" * 300] * 2, 1, 1),
        (["x" * 300] * 2, 2, 2),
        ([""] * 1_000, 1, 2),
        ({"familyName": "x" * 300}, 20, 2),
        (1, 20, 1),
    ],
)
def test_an_answer_that_would_take_much_memory_is_not_remembered(value: object, aliases: int, made: int) -> None:
    record = records.ExamEvent(sequence=1, **dict(new_event()))
    event = ExamEvent(record=record, announcement=Announcement(record.body))
    answers: list[dict[str, object]] = []

    def plan(_: object) -> dict[str, object]:
        answers.append({f"url{number}": value for number in range(aliases)})
        return answers[-1]

    complete = remembering(contract_schema()._schema.type_map["ExamEvent"], plan)  # type: ignore[arg-type]  # an object
    assert complete(event) == complete(event)
    assert len(answers) == made
    assert (event.completed is None) == (made > 1)
