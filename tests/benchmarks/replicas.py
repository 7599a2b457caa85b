"""An event that one replica takes, until a subscriber of another has it: found by polling, as on any MongoDB."""

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pacs.uids import new_uid
from tests.benchmarks.figure import Figure, percentile
from tests.graph.api import Subscriber, subscribe
from tests.real.archive import ArchiveProcess
from tests.real.mongo import fresh_database, some_server
from tests.real.server import ServerProcess

_EVENTS = 300
_MOST_PAUSE_SECONDS = 0.1
_MOST_MILLISECONDS = 300.0
_SUBSCRIBE = "subscription { newExam { studyInstanceUID } }"


def replicas(folder: Path) -> Iterator[Figure]:
    """From the post until it is heard, by a subscriber of the same replica and by one of the other."""
    try:
        with some_server() as url:
            yield from _measured(folder, url)
    except (pytest.skip.Exception, Exception) as error:  # no database, or whatever fails: other figures are shown
        sys.stderr.write(f"replicas are left out: {error}\n")


def _measured(folder: Path, url: str) -> Iterator[Figure]:
    database = fresh_database(url)
    with ArchiveProcess(folder) as pacs:
        both = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            settings = {"DATABASE_URL": database, "PACS_URL": pacs.url, "WORKLIST_URL": pacs.url, "LOG_LEVEL": "error"}
            both.append(ServerProcess(folder / name, **settings))
        try:
            for server in both:
                server.start()
            delays = asyncio.run(_delays(*both))
        finally:
            for server in both:
                server.stop()
    for name, found, most in zip(("the same", "another"), delays, (None, _MOST_MILLISECONDS), strict=True):
        p99 = percentile(found, 99)
        yield Figure(f"an event to a subscriber of {name} replica, p50", percentile(found, 50), "ms")
        target, met = (f"≤ {most:.0f} ms", p99 <= most) if most else ("", None)
        yield Figure(f"an event to a subscriber of {name} replica, p99", p99, "ms", target=target, met=met)


async def _delays(one: ServerProcess, other: ServerProcess) -> tuple[list[float], list[float]]:
    async with subscribe(one.url, _SUBSCRIBE) as near, subscribe(other.url, _SUBSCRIBE) as far:
        await asyncio.sleep(1)
        listening = [asyncio.create_task(_heard(subscriber)) for subscriber in (near, far)]
        posted = {}
        async with httpx.AsyncClient(base_url=one.url, timeout=60) as client:
            for study in (new_uid() for _ in range(_EVENTS)):
                await asyncio.sleep(random.uniform(0, _MOST_PAUSE_SECONDS))
                posted[study] = time.perf_counter()
                answer = await client.post("/new-exam-callback", json={"StudyInstanceUID": study, "PatientID": "P"})
                answer.raise_for_status()
        near_at, far_at = await asyncio.wait_for(asyncio.gather(*listening), 20)
    return _milliseconds(posted, near_at), _milliseconds(posted, far_at)


async def _heard(subscriber: Subscriber) -> dict[str, float]:
    events = [((await subscriber.next())["newExam"], time.perf_counter()) for _ in range(_EVENTS)]
    return {event["studyInstanceUID"]: at for event, at in events}


def _milliseconds(posted: dict[str, float], heard: dict[str, float]) -> list[float]:
    return [(heard[study] - at) * 1000 for study, at in posted.items()]
