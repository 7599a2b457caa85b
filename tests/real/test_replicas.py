"""Two servers on one database: what may happen once happens once, whichever of them is asked."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.graph.engine.serving import real_server
from tests.graph.viewer_links import created
from tests.graph.webhook_receiver import Receiver, listening
from tests.real.archive import ArchiveProcess
from tests.real.server import ServerProcess
from tests.samples import Exam

KEY = "the same secret of thirty-two characters on both"
EVENTS = "{ examEvents(first: 1000) { nodes { studyInstanceUID } } }"
CREATE = "mutation ($input: CreateWorkitemInput!) { createWorkitem(input: $input) { workitem { studyInstanceUID } } }"


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ArchiveProcess]:
    with ArchiveProcess(tmp_path) as archive:
        yield archive


def replicas(folder: Path, **settings: str) -> list[ServerProcess]:
    """Two servers, started."""
    both = []
    for name in ("one", "other"):
        (folder / name).mkdir()
        both.append(ServerProcess(folder / name, **settings))
        both[-1].launch()
    for replica in both:
        replica.wait_until_ready()
    return both


async def test_a_viewer_link_opens_once(tmp_path: Path, database: str, pacs: ArchiveProcess) -> None:
    settings = {"PACS_URL": pacs.url, "WORKLIST_URL": pacs.url, "VIEWER_SESSION_KEY": KEY, "DATABASE_URL": database}
    both = await asyncio.to_thread(replicas, tmp_path, **settings)
    try:
        async with httpx.AsyncClient(base_url=both[0].url, timeout=60) as client:
            exam = Exam()
            await Api(client).upload(exam.image().content)
            link = httpx.URL((await created(Api(client), exam.study))["url"])

            async def opened(number: int) -> httpx.Response:
                return await client.get(link.copy_with(port=both[number % 2].port))

            answers = await asyncio.gather(*map(opened, range(100)))
            assert Counter(answer.status_code for answer in answers) == {303: 1, 410: 99}
            (winner,) = [answer for answer in answers if answer.status_code == 303]
            session = winner.headers["set-cookie"].split(";")[0]
            for replica in both:
                page = await client.get(f"{replica.url}/viewer/studies/{exam.study}", headers={"Cookie": session})
                assert page.status_code == 200
    finally:
        for replica in both:
            await asyncio.to_thread(replica.stop)


async def test_an_event_that_is_posted_to_both_at_once_is_stored_and_posted_on_once(
    tmp_path: Path, database: str, pacs: ArchiveProcess
) -> None:
    async with listening(Receiver()) as receiver:
        settings = {"PACS_URL": pacs.url, "WORKLIST_URL": pacs.url, "CALLBACK_URLS": receiver.url}
        both = await asyncio.to_thread(replicas, tmp_path, DATABASE_URL=database, **settings)
        try:
            studies = [new_uid() for _ in range(20)]
            async with httpx.AsyncClient(timeout=60) as client:

                async def post(number: int) -> int:
                    body = {"StudyInstanceUID": studies[number // 8], "PatientID": "P"}
                    return (await client.post(f"{both[number % 2].url}/new-exam-callback", json=body)).status_code

                assert set(await asyncio.gather(*map(post, range(160)))) == {204}
                for replica in both:
                    answer = await client.post(f"{replica.url}/graphql", json={"query": EVENTS})
                    events = answer.json()["data"]["examEvents"]["nodes"]
                    assert sorted(event["studyInstanceUID"] for event in events) == sorted(studies)
            await receiver.wait_for(20)
            await asyncio.sleep(2)
        finally:
            for replica in both:
                await asyncio.to_thread(replica.stop)
    assert sorted(receiver.studies) == sorted(studies)


async def test_an_examination_is_scheduled_once_where_the_server_would_take_it_twice(
    tmp_path: Path, database: str, pacs: ArchiveProcess
) -> None:
    entries: list[dict[str, Any]] = []

    async def listed(_: Request) -> Response:
        return JSONResponse([{"ID": str(number), "Tags": tags} for number, tags in enumerate(entries)])

    async def create(request: Request) -> Response:
        tags = (await request.json())["Tags"]
        await asyncio.sleep(0.3)
        entries.append(tags)
        return JSONResponse({"ID": str(len(entries) - 1)})

    plugin = Starlette(routes=[Route("/worklists/", listed), Route("/worklists/create", create, methods=["POST"])])
    async with real_server(plugin) as address:
        settings = {"PACS_URL": pacs.url, "WORKLIST_URL": f"http://{address}", "WORKLIST_DIALECT": "orthanc"}
        both = await asyncio.to_thread(replicas, tmp_path, DATABASE_URL=database, **settings)
        try:
            studies = [new_uid() for _ in range(3)]
            async with httpx.AsyncClient(timeout=60) as client:

                async def schedule(number: int) -> str:
                    order = {
                        "studyInstanceUID": studies[number % 3],
                        "patientID": "P",
                        "patientName": "A^B",
                        "modality": "CT",
                        "accessionNumber": "A1",
                        "scheduledStationAETitle": "CT1",
                        "scheduledProcedureStepDescription": "Head",
                        "scheduledProcedureStepStartDate": "2026-01-01",
                        "scheduledProcedureStepStartTime": "12:00:00",
                    }
                    body = {"query": CREATE, "variables": {"input": order}}
                    answer = (await client.post(f"{both[number % 2].url}/graphql", json=body)).json()
                    return str(answer["errors"][0]["extensions"]["code"]) if "errors" in answer else "made"

                outcomes = await asyncio.gather(*map(schedule, range(24)))
        finally:
            for replica in both:
                await asyncio.to_thread(replica.stop)
    assert Counter(outcomes) == {"made": 3, "CONFLICT": 21}
    assert sorted(tags["StudyInstanceUID"] for tags in entries) == sorted(studies)
