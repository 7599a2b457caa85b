"""Change streams, as hints only. The server's side is played here: no server that has them was to be had."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from persistence.errors import StoreUnavailable
from persistence.feed import ExamFeed
from persistence.mongo import changes
from persistence.mongo.changes import MongoChanges
from persistence.mongo.collections import ExamEventDocument
from persistence.mongo.confirmation import confirmed
from persistence.sqlite import SqliteStore
from tests.persistence.events import append, sequences

STANDALONE = OperationFailure("The $changeStream stage is only supported on replica sets", 40573)


class Stream:
    """Tells of as many changes as it was given, then breaks."""

    def __init__(self, hints: int, end: PyMongoError) -> None:
        self._hints, self._end = hints, end

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _: Any, __: TracebackType | None) -> None: ...

    async def __aiter__(self) -> AsyncIterator[dict[str, str]]:
        for _ in range(self._hints):
            yield {"operationType": "insert"}
        raise self._end


Play = Callable[..., list[Any]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """A collection whose `watch` answers with these, one after the other; gives what it was asked."""

    def answer_with(*answers: Stream | PyMongoError) -> list[Any]:
        asked: list[Any] = []

        class Collection:
            async def watch(self, pipeline: list[dict[str, Any]]) -> Stream:
                answer = answers[len(asked)]
                asked.append(pipeline)
                if isinstance(answer, PyMongoError):
                    raise answer
                return answer

        monkeypatch.setattr(ExamEventDocument, "get_pymongo_collection", Collection)
        monkeypatch.setattr(changes, "_RETRY_SECONDS", 0.01)
        return asked

    return answer_with


async def test_a_server_that_refuses_is_asked_once(play: Play) -> None:
    asked = play(STANDALONE)
    assert [hint async for hint in MongoChanges().changes()] == []
    assert asked == [[{"$match": {"operationType": "insert"}}]]


async def test_a_stream_that_breaks_is_opened_again_whatever_broke_it(play: Play) -> None:
    asked = play(
        AutoReconnect("no primary yet"),
        Stream(2, AutoReconnect("gone")),
        Stream(1, OperationFailure("stepped down", 189)),
        OperationFailure("interrupted at shutdown", 11600),
        Stream(3, AutoReconnect("gone")),
        *[AutoReconnect("gone")] * 100,
    )
    hints = MongoChanges().changes()
    async with asyncio.timeout(5):
        for _ in range(6):
            await anext(hints)
    assert len(asked) == 5
    await hints.aclose()  # type: ignore[attr-defined]  # the protocol promises an iterator only


class HintingStore(SqliteStore):
    """A store that gives hints when the test says so."""

    hints: "asyncio.Queue[str]"

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self.hints.get()
            yield


async def test_a_hint_wakes_the_feed_which_reads_the_log_itself(tmp_path: Path) -> None:
    store = await HintingStore.open(tmp_path / "x.sqlite")
    store.hints = asyncio.Queue()
    feed = ExamFeed(store, poll_seconds=(60, 60))
    await feed.start()
    subscription = feed.subscribe(0)
    await asyncio.sleep(0.1)
    events = await append(store, 3)  # as another replica does: nobody tells this feed
    store.hints.put_nowait("appended")
    async with asyncio.timeout(5):
        assert [(await anext(subscription)).sequence for _ in events] == sequences(events)
    for _ in range(5):
        store.hints.put_nowait("appended")  # of nothing new
    (late,) = await append(store, 1)
    store.hints.put_nowait("appended")
    async with asyncio.timeout(5):
        assert await anext(subscription) == late
    await feed.aclose()
    await store.close()


async def test_a_cancellation_that_the_driver_swallows_still_ends_the_loop() -> None:
    asked = asyncio.Event()

    async def ask() -> None:
        with confirmed():
            try:
                asked.set()
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise AutoReconnect("no server found") from None

    async def insist() -> None:
        while True:
            try:
                await ask()
            except StoreUnavailable:
                await asyncio.sleep(0)

    loop = asyncio.create_task(insist())
    await asked.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(loop, 2)
    assert loop.cancelled()
