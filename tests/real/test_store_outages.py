"""MongoDB's protocol under kill -9: what was acknowledged is there, and every process hears of it once and in order."""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.errors import StoreUnavailable
from persistence.feed import ExamFeed
from persistence.mongo.collections import ExamEventDocument
from persistence.mongo.events import FORGOTTEN
from persistence.store import Store, open_store
from tests.pace import slowness
from tests.persistence.events import append, new_event, sequences
from tests.real.mongo import MongoServer, fresh_database

NO_DIRECTORY = Path("/nonexistent")
_OTHER_REPLICA = """
import asyncio, pathlib, sys, time
from persistence.store import open_store
from tests.persistence.events import new_event

async def main():
    store = await open_store(sys.argv[1], pathlib.Path("/nonexistent"))
    for _ in range(int(sys.argv[2])):
        body = {"StudyInstanceUID": "1.2.3", "sent_at": time.time()}
        await store.append_event(new_event(body=body))
        await asyncio.sleep(float(sys.argv[3]))
    await store.close()

asyncio.run(main())
"""


@pytest.fixture
def url(mongo: MongoServer) -> str:
    return fresh_database(mongo.url)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await open_store(url, NO_DIRECTORY)
    yield store
    await store.close()


async def _replica(url: str, events: int, pause_seconds: float) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OTHER_REPLICA, url, str(events), str(pause_seconds)
    )


async def test_events_of_three_replicas_are_heard_in_order_once_and_soon(store: Store, url: str) -> None:
    feed = ExamFeed(store)
    await feed.start()
    replicas = [await _replica(url, 40, 0.1) for _ in range(3)]
    delays: list[float] = []
    async with feed.subscribe(0) as subscription, asyncio.timeout(60):
        for expected in range(1, 121):
            event = await anext(subscription)
            assert event.sequence == expected
            delays.append(time.time() - float(str(event.body["sent_at"])))
    assert [await replica.wait() for replica in replicas] == [0, 0, 0]
    assert sorted(delays)[int(len(delays) * 0.99)] <= 0.5 * slowness()  # 0.3 on an idle machine
    await feed.aclose()


async def test_two_replicas_store_the_same_notification_once(store: Store, url: str) -> None:
    script = _OTHER_REPLICA.replace('"sent_at": time.time()', '"same": 1').replace(
        "body))", "body), dedupe_seconds=60)"
    )
    others = [await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, "30", "0") for _ in range(3)]
    assert [await other.wait() for other in others] == [0, 0, 0]
    assert await store.last_sequence() == 1


@pytest.mark.parametrize("part", ["engine", "gateway"])
async def test_a_killed_server_loses_nothing_that_was_acknowledged(part: str, mongo: MongoServer, store: Store) -> None:
    feed = ExamFeed(store)
    await feed.start()
    acknowledged: dict[int, str] = {}
    refused = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal refused
        while not stop.is_set():
            try:
                event = await feed.append(new_event())
            except StoreUnavailable:
                refused += 1
                await asyncio.sleep(0.1)
            else:
                acknowledged[event.sequence] = event.study_instance_uid

    subscription = feed.subscribe(0)
    writers = [asyncio.create_task(write()) for _ in range(8)]
    for _ in range(2):
        await asyncio.sleep(1)
        await asyncio.to_thread(mongo.kill, part)
        await asyncio.sleep(1)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await asyncio.to_thread(mongo.restart)
    await asyncio.sleep(2)
    stop.set()
    await asyncio.gather(*writers)
    (last,) = await append(store, 1)

    heard: list[tuple[int, str]] = []
    async with asyncio.timeout(60):
        while not heard or heard[-1][0] < last.sequence:
            event = await anext(subscription)
            heard.append((event.sequence, event.study_instance_uid))
    assert refused > 0
    assert len(acknowledged) > 100
    assert [sequence for sequence, _ in heard] == list(range(1, last.sequence + 1))
    assert acknowledged.items() <= dict(heard).items()
    await feed.aclose()


async def test_a_batch_that_the_driver_sends_again_after_a_lost_answer_is_stored_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ExamEventDocument.insert_many

    async def insert_twice(documents: list[ExamEventDocument]) -> None:
        await honest(documents)
        await honest(documents)

    monkeypatch.setattr(ExamEventDocument, "insert_many", insert_twice)
    stored = await asyncio.gather(*(store.append_event(new_event()) for _ in range(5)))
    assert await store.events_after(None, limit=10) == stored


async def test_events_that_were_half_forgotten_are_not_read(store: Store) -> None:
    await append(store, 5)
    await store.save_cursor(FORGOTTEN, 3)  # then it was killed
    assert sequences(await store.events_after(None, limit=2)) == [4, 5]
    assert await store.first_sequence() == 4
    await store.forget_events(4)
    assert sequences(await store.events_after(None, limit=2)) == [5]


async def test_a_server_without_change_streams_gives_no_hints_and_the_feed_is_right_without(store: Store) -> None:
    hello = await store._client.admin.command("hello")  # type: ignore[attr-defined]  # what kind of server it is
    assert "setName" not in hello, "this server is a replica set: it has change streams"
    assert [hint async for hint in store.changes()] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pymongo leaves refused sockets open
async def test_a_url_that_is_none_and_a_server_that_is_gone_are_explained() -> None:
    with pytest.raises(ValueError, match="MongoDB URL"):
        await open_store("mongodb://", NO_DIRECTORY)
    with pytest.raises(StoreUnavailable):
        await open_store("mongodb://127.0.0.1:9/?timeoutMS=200", NO_DIRECTORY)
    gc.collect()


@pytest.mark.parametrize("options", ["mongodb://{}/?timeoutMS=200", "mongodb+srv://{}/?connectTimeoutMS=200"])
async def test_a_name_that_is_not_known_now_may_be_known_soon(options: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"no database answers at nobody\.invalid"):
        await open_store(options.format("nobody.invalid"), NO_DIRECTORY, wait_seconds=0.1)
