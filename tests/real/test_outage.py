"""MongoDB's engine or gateway is gone for a while: nobody is told a lie, nobody is cut off, nothing is lost."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.graph.api import Api
from tests.graph.webhook_receiver import Receiver, listening
from tests.real.load import Announcer, Follower, first_cursor, under_load
from tests.real.mongo import MongoServer, fresh_database
from tests.real.server import ServerProcess

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "7"))
LONGEST_ANSWER_SECONDS = 11.0
"""Of a callback: ten seconds for the store, and a loaded machine."""
RECOVERY_SECONDS = 20.0
EVENTS = "{ examEvents { nodes { studyInstanceUID } } }"


@asynccontextmanager
async def gone(part: str, mongo: MongoServer) -> AsyncIterator[None]:
    """Meanwhile a part is dead (kill -9), or the gateway takes connections and says nothing."""
    if part == "silence":
        mongo.signal_gateway(mongo.url, signal.SIGSTOP)
    else:
        await asyncio.to_thread(mongo.kill, part)
    try:
        yield
    finally:
        if part == "silence":
            mongo.signal_gateway(mongo.url, signal.SIGCONT)
        else:
            await asyncio.to_thread(mongo.restart)


async def check_outage(server: ServerProcess) -> None:
    """What is told of an outage while it lasts."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["pacs"]) == (503, "ok")
        assert ready.json()["store"] in ("does not answer", "did not answer in time")
        assert (await client.get("/health/live")).status_code == 200
        assert (await Api(client).error(EVENTS))["code"] == "STORE_UNAVAILABLE"
        assert "errors" not in await Api(client).answer('{ studies(patientID: "P") { totalCount } }')


async def all_acknowledged(announcers: list[Announcer], since: float) -> float:
    """Seconds from `since` until every announcer's events are taken again."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while not all(any(moment > since for moment in one.acknowledged_at) for one in announcers):
            await asyncio.sleep(0.05)
    recovered = time.perf_counter() - since
    await asyncio.sleep(1)
    return recovered


@pytest.mark.parametrize("part", ["engine", "gateway", "silence"])
async def test_an_outage_of_the_database_is_told_and_outlived(part: str, mongo: MongoServer, tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver:
        server = ServerProcess(tmp_path, DATABASE_URL=fresh_database(mongo.url), CALLBACK_URLS=receiver.url)
        await asyncio.to_thread(server.start)
        try:
            start = await first_cursor(server.url)
            announcers = [Announcer(server.url, 0.01) for _ in range(4)]
            before, meanwhile = Follower(server.url, start), Follower(server.url, start)
            async with under_load(announcers, [before, meanwhile]):
                await asyncio.sleep(1)
                async with gone(part, mongo):
                    began = time.perf_counter()
                    await check_outage(server)
                    late = Follower(server.url, start)
                    following = asyncio.create_task(late.run())
                    await asyncio.sleep(max(0.0, OUTAGE_SECONDS - (time.perf_counter() - began)))
                    ended = time.perf_counter()
                recovered = await all_acknowledged(announcers, ended)
            acknowledged = {study for announcer in announcers for study in announcer.acknowledged}
            await late.wait_for(acknowledged)
            following.cancel()
            async with asyncio.timeout(60):
                while acknowledged - set(receiver.studies):
                    await asyncio.sleep(0.1)
        finally:
            await asyncio.to_thread(server.stop)

    refusals = [refusal for announcer in announcers for refusal in announcer.refusals]
    answered = [moment for announcer in announcers for moment in announcer.acknowledged_at]
    sys.stdout.write(
        f"{part} away for {ended - began:.0f} s: {len(refusals)} callbacks refused, the slowest after "
        f"{max(refusal.seconds for refusal in refusals):.1f} s; acknowledged again {recovered:.1f} s after its end; "
        f"{len(acknowledged)} acknowledged, all heard\n"
    )
    assert {(refusal.status, refusal.retry_after) for refusal in refusals} == {(503, "2")}
    assert max(refusal.seconds for refusal in refusals) < LONGEST_ANSWER_SECONDS
    assert not [moment for moment in answered if began + 0.5 < moment < ended]
    heard = [list(follower.heard) for follower in (before, meanwhile, late)]
    assert heard[0] == heard[1] == heard[2]
    assert [(follower.sockets, follower.repeats) for follower in (before, meanwhile, late)] == [(1, 0)] * 3


@pytest.mark.parametrize("part", ["engine", "gateway", "silence"])
async def test_a_server_stops_during_an_outage(part: str, mongo: MongoServer, tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver:
        server = ServerProcess(tmp_path, DATABASE_URL=fresh_database(mongo.url), CALLBACK_URLS=receiver.url)
        await asyncio.to_thread(server.start)
        start = await first_cursor(server.url)
        following = asyncio.create_task(Follower(server.url, start).run())
        await asyncio.sleep(1)
        async with gone(part, mongo):
            await asyncio.sleep(1)
            began = time.perf_counter()
            assert await asyncio.to_thread(server.stop) == 0
            sys.stdout.write(f"{part} away: stopped in {time.perf_counter() - began:.1f} s\n")
        following.cancel()


async def test_a_server_that_starts_during_an_outage_serves_when_it_is_over(mongo: MongoServer, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, DATABASE_URL=fresh_database(mongo.url))
    async with gone("gateway", mongo):
        await asyncio.to_thread(server.launch)
        async with asyncio.timeout(20):
            while not server.log.exists() or "waiting for the database" not in server.log.read_text():
                await asyncio.sleep(0.1)
    await asyncio.to_thread(server.wait_until_ready)
    try:
        await first_cursor(server.url)
    finally:
        assert await asyncio.to_thread(server.stop) == 0
