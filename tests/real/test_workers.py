"""`serve --workers 2` on MongoDB's protocol: whichever worker takes a callback, every subscriber hears of it."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

from pacs.uids import new_uid
from tests.graph.api import subscribe
from tests.graph.webhook_receiver import Receiver, listening
from tests.real.load import Announcer, Follower, first_cursor, under_load
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


async def test_killed_workers_are_replaced_and_lose_nothing(tmp_path: Path, database: str) -> None:
    async with listening(Receiver()) as receiver:
        settings = {"DATABASE_URL": database, "CALLBACK_URLS": receiver.url, "LOG_LEVEL": "warning"}
        server = ServerProcess(tmp_path, "--workers", "2", **settings)
        await asyncio.to_thread(server.start)
        try:
            start = await first_cursor(server.url)
            announcers = [Announcer(server.url, 0.05) for _ in range(4)]
            followers = [Follower(server.url, start) for _ in range(8)]
            killed: set[int] = set()
            async with under_load(announcers, followers):
                for number in range(4):
                    await asyncio.sleep(1)
                    async with asyncio.timeout(20):
                        while len(alive := workers(server) - killed) < 2:
                            await asyncio.sleep(0.1)
                    killed.add(sorted(alive)[number % 2])
                    os.kill(sorted(alive)[number % 2], signal.SIGKILL)
            acknowledged = {study for announcer in announcers for study in announcer.acknowledged}
            async with asyncio.timeout(90):  # a worker's lease on what it was posting runs out
                while acknowledged - set(receiver.studies):
                    await asyncio.sleep(0.2)
        finally:
            assert await asyncio.to_thread(server.stop) == 0
    assert len(acknowledged) > 50
    assert len({tuple(follower.heard) for follower in followers}) == 1
    assert [follower.repeats for follower in followers] == [0] * len(followers)
    assert sum(follower.sockets for follower in followers) > len(followers)


def workers(server: ServerProcess) -> set[int]:
    """The processes that serve; their supervisor's other children keep the PACS and Python's semaphores."""
    threads = Path(f"/proc/{server.pid}/task").iterdir()
    children = {child for thread in threads for child in (thread / "children").read_text().split()}
    return {int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}
