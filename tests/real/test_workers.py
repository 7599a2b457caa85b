"""`serve --workers 2` on MongoDB's protocol: whichever worker takes a callback, every subscriber hears of it."""

import asyncio
from pathlib import Path

import httpx

from pacs.uids import new_uid
from tests.graph.api import subscribe
from tests.real.server import ServerProcess

EVENTS, SUBSCRIBERS = 60, 8


async def test_events_reach_the_subscribers_of_all_workers_in_order_and_once(tmp_path: Path, database: str) -> None:
    server = ServerProcess(tmp_path, "--workers", "2", DATABASE_URL=database, LOG_LEVEL="warning")
    await asyncio.to_thread(server.start)
    ready = [asyncio.Event() for _ in range(SUBSCRIBERS)]

    async def follow(number: int) -> list[str]:
        async with subscribe(server.url, "subscription { newExam { studyInstanceUID } }") as subscriber:
            ready[number].set()
            return [(await subscriber.next())["newExam"]["studyInstanceUID"] for _ in range(EVENTS)]

    async def post(study: str) -> None:
        async with httpx.AsyncClient(base_url=server.url) as client:  # a connection each: any worker may take it
            body = {"StudyInstanceUID": study, "PatientID": "P"}
            assert (await client.post("/new-exam-callback", json=body)).status_code == 204

    try:
        followers = [asyncio.create_task(follow(number)) for number in range(SUBSCRIBERS)]
        await asyncio.gather(*(event.wait() for event in ready))
        await asyncio.sleep(1.5)  # until the subscriptions stand in both workers
        studies = [new_uid() for _ in range(EVENTS)]
        for first in range(0, EVENTS, 6):
            await asyncio.gather(*map(post, studies[first : first + 6]))
        heard = await asyncio.wait_for(asyncio.gather(*followers), 30)
    finally:
        await asyncio.to_thread(server.stop)

    assert sorted(heard[0]) == sorted(studies)
    assert all(one == heard[0] for one in heard)
