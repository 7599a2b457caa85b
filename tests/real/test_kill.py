"""Twenty rounds of kill -9 under load: what was acknowledged is there, and every study is announced."""

import asyncio
import contextlib
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pacs.uids import new_uid
from tests.graph.api import UPLOAD, Api
from tests.real.server import ServerProcess
from tests.samples import Exam, Sample

ROUNDS = 20
_LOST = (httpx.HTTPError, AssertionError, KeyError, ValueError)  # a request that got no whole answer


@dataclass
class Acknowledged:
    """What the server has said it has."""

    samples: list[Sample] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    """Of callbacks that were answered with 204."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path, STABLE_AGE_SECONDS="0.3", LOG_LEVEL="warning")
    process.start()
    yield process
    process.stop()


async def upload_for_ever(url: str, acknowledged: Acknowledged) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while True:
            image = Exam().image()
            with contextlib.suppress(*_LOST):
                (result,) = await Api(client).upload(image.content, query=UPLOAD)
                if result["instance"]:
                    acknowledged.samples.append(image)
            await asyncio.sleep(0.005)


async def announce_for_ever(url: str, acknowledged: Acknowledged) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while True:
            study = new_uid()
            with contextlib.suppress(httpx.HTTPError):
                body = {"StudyInstanceUID": study, "PatientID": "ANNOUNCED"}
                if (await client.post("/new-exam-callback", json=body)).status_code == 204:
                    acknowledged.studies.append(study)
            await asyncio.sleep(0.005)


async def load(url: str, acknowledged: Acknowledged, seconds: float) -> list[asyncio.Task[None]]:
    """Starts the load and lets it run for a while."""
    workers = [upload_for_ever(url, acknowledged) for _ in range(3)]
    workers += [announce_for_ever(url, acknowledged) for _ in range(3)]
    tasks = [asyncio.create_task(worker) for worker in workers]
    await asyncio.sleep(seconds)
    return tasks


async def check_stored(api: Api, samples: list[Sample]) -> None:
    """Every acknowledged object is found by query and comes back as it was sent."""
    for sample in samples:
        data = await api.ask(
            """query ($p: String!, $st: UID!, $se: UID!, $so: UID!) {
                instance(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se, sopInstanceUID: $so) { fileURL }
            }""",
            p=sample.patient_id,
            st=sample.study,
            se=sample.series,
            so=sample.instance,
        )
        assert data["instance"] is not None, f"{sample.instance} is lost"
        assert (await api.http.get(data["instance"]["fileURL"])).content == sample.content


async def announced(api: Api) -> list[str]:
    """The studies of all events, in their order."""
    studies: list[str] = []
    after, more = None, True
    while more:
        query = """query ($after: String) { examEvents(first: 1000, after: $after) {
            nodes { studyInstanceUID } pageInfo { hasNextPage endCursor } } }"""
        page = (await api.ask(query, after=after))["examEvents"]
        studies += [node["studyInstanceUID"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"] or after, page["pageInfo"]["hasNextPage"]
    return studies


@pytest.mark.timeout(600)
async def test_twenty_kills_lose_nothing_that_was_acknowledged(server: ServerProcess) -> None:
    acknowledged, dice = Acknowledged(), random.Random(20)
    for number in range(ROUNDS):
        victims = {"server": number % 3 != 1, "archive": number % 3 != 0}
        known = len(acknowledged.samples)
        tasks = await load(server.url, acknowledged, 0.4 + dice.random())
        await asyncio.to_thread(server.kill, **victims)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(server.start if victims["server"] else server.wait_until_ready)

        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            await check_stored(Api(client), acknowledged.samples[known:])
            missing = set(acknowledged.studies) - set(await announced(Api(client)))
        assert missing == set()
        killed = " and ".join(name for name, is_victim in victims.items() if is_victim)
        sys.stdout.write(
            f"round {number + 1}: killed {killed}; {len(acknowledged.samples)} objects, "
            f"{len(acknowledged.studies)} callbacks acknowledged, all there\n"
        )

    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        await check_stored(Api(client), acknowledged.samples)
        uploaded = {sample.study for sample in acknowledged.samples}
        async with asyncio.timeout(60):
            while uploaded - set(await announced(Api(client))):
                await asyncio.sleep(0.2)
