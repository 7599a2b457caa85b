"""What is remembered of kept objects is what would be made of them anew."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from graph.app import create_app
from graph.engine.remembered import remembering
from graph.links import Links
from graph.schema import contract_schema
from graph.schema.exams import Instance, Scope
from graph.settings import Settings
from pacs.attributes import KeptDataset
from tests.graph.api import Api
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
    "uid: studyInstanceUID again: studyInstanceUID patientName { family } aeTitles",
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


async def test_events_are_told_the_same_in_any_order_of_queries(
    app: Starlette, settings: Settings, tmp_path: Path
) -> None:
    slow = create_app(settings.model_copy(update={"compiled_selections": False, "data_dir": tmp_path / "slow"}))
    async with slow.router.lifespan_context(slow):
        for number in range(3):
            told = []
            for each in (app, slow):
                async with httpx.AsyncClient(transport=httpx.ASGITransport(each), base_url=HOSTS[0]) as client:
                    announced = ANNOUNCED | {"StudyInstanceUID": f"1.2.{number}"}
                    (await client.post("/new-exam-callback", json=announced)).raise_for_status()
                    queries = [f"{{ examEvents {{ nodes {{ {selection} }} }} }}" for selection in EVENT_SELECTIONS * 2]
                    answers = [await client.post("/graphql", json={"query": query}) for query in queries]
                    told.append([answer.content for answer in answers])
            assert told[0] == told[1]
            assert told[0][0].count(b"studyInstanceUID") == number + 1


@pytest.mark.parametrize(("aliases", "made"), [(1, 1), (20, 2)])
def test_an_answer_that_would_take_much_memory_is_not_remembered(aliases: int, made: int) -> None:
    kept = KeptDataset({})
    instance = Instance(dataset=kept, scope=Scope("P1", Links("http://127.0.0.1:8000")))
    answers: list[dict[str, str]] = []

    def plan(_: object) -> dict[str, str]:
        answers.append({f"url{number}": "x" * 300 for number in range(aliases)})
        return answers[-1]

    complete = remembering(contract_schema()._schema.type_map["Instance"], plan)  # type: ignore[arg-type]  # an object
    assert complete(instance) == complete(instance)
    assert len(answers) == made
    assert (kept.completed is None) == (made > 1)
