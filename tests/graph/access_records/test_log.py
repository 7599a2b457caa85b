"""Access records on their way to the store: batched, kept while it is away, bounded, flushed at a stop."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import structlog

from graph.access_records import log as module
from graph.access_records.log import AccessLog
from persistence.errors import StoreUnavailable
from persistence.records import AccessRecord
from persistence.store import open_store
from tests.persistence.conformance.access import access


class Store:
    """A store that can be switched off; it remembers what each call brought."""

    def __init__(self) -> None:
        self.is_up = True
        self.batches: list[list[AccessRecord]] = []

    async def append_access(self, records: Sequence[AccessRecord]) -> None:
        if not self.is_up:
            raise StoreUnavailable("away")
        self.batches.append(list(records))

    async def access_records(self, **_: object) -> list[AccessRecord]:
        return [record for batch in self.batches for record in batch]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER_SECONDS", 0.01)
    monkeypatch.setattr(module, "_RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.2)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_records_of_a_moment_go_to_the_store_together() -> None:
    store, given = Store(), [access(n) for n in range(1200)]
    log = AccessLog(store, most_waiting=10_000)
    await log.start()

    for record in given:
        log.add(record)
    await until(lambda: len(store.batches) == 3)
    await log.aclose()

    assert [len(batch) for batch in store.batches] == [500, 500, 200]
    assert await store.access_records() == given


async def test_adding_never_waits_for_the_store() -> None:
    store = Store()
    store.is_up = False
    log = AccessLog(store, most_waiting=10)
    await log.start()

    log.add(access(1))  # no await: were the store on this path, this test could not be written

    assert not store.batches
    await log.aclose()


async def test_records_wait_while_the_store_is_away_and_none_is_lost() -> None:
    store, given = Store(), [access(n) for n in range(20)]
    store.is_up = False
    log = AccessLog(store, most_waiting=100)
    await log.start()
    for record in given:
        log.add(record)
    await asyncio.sleep(0.05)

    store.is_up = True

    await until(lambda: store.batches)
    assert await store.access_records() == given
    await log.aclose()


async def test_a_record_that_cannot_be_stored_holds_up_no_other() -> None:
    class Choosy(Store):
        async def append_access(self, records: Sequence[AccessRecord]) -> None:
            if any(record.subject == "\ud800" for record in records):
                raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
            await super().append_access(records)

    store, given = Choosy(), [access(n, subject="\ud800" if n == 3 else "s") for n in range(6)]
    log = AccessLog(store, most_waiting=100)
    await log.start()
    with structlog.testing.capture_logs() as lines:
        for record in given:
            log.add(record)
        await log.aclose()

    assert await store.access_records() == given[:3] + given[4:]
    assert [line["error"] for line in lines if "dropped" in line["event"]] == ["UnicodeEncodeError"]


async def test_it_is_full_at_its_bound_and_not_once_the_store_is_back() -> None:
    store = Store()
    store.is_up = False
    log = AccessLog(store, most_waiting=3)
    await log.start()

    fullness = []
    for n in range(3):
        fullness.append(log.is_full)
        log.add(access(n))

    assert (fullness, log.is_full) == ([False] * 3, True)
    store.is_up = True
    await until(lambda: not log.is_full)
    await log.aclose()


async def test_strangers_fill_at_most_half_of_it() -> None:
    store = Store()
    store.is_up = False
    log = AccessLog(store, most_waiting=10)
    await log.start()

    for n in range(100):
        log.add_refusal(access(n, outcome="DENIED"))

    assert not log.is_full
    with structlog.testing.capture_logs() as lines:
        store.is_up = True
        await until(lambda: store.batches)
    assert len(await store.access_records()) == 5
    assert [line["records"] for line in lines if "dropped" in line["event"]] == [95]
    await log.aclose()


async def test_a_stop_writes_what_waits() -> None:
    store, given = Store(), [access(n) for n in range(700)]
    log = AccessLog(store, most_waiting=1000)
    await log.start()
    for record in given:
        log.add(record)

    await log.aclose()

    assert await store.access_records() == given


async def test_a_stop_without_a_store_says_how_many_are_lost() -> None:
    store = Store()
    store.is_up = False
    log = AccessLog(store, most_waiting=10)
    await log.start()
    log.add(access(1))

    with structlog.testing.capture_logs() as lines:
        await log.aclose()

    assert [line["records"] for line in lines if "lost" in line["event"]] == [1]


async def test_they_survive_a_restart_in_the_embedded_store(tmp_path: Path) -> None:
    store, given = await open_store(None, tmp_path), [access(n) for n in range(50)]
    log = AccessLog(store, most_waiting=100)
    await log.start()
    for record in given:
        log.add(record)
    await log.aclose()
    await store.close()

    store = await open_store(None, tmp_path)

    assert await store.access_records(limit=100) == given[::-1]
    await store.close()
