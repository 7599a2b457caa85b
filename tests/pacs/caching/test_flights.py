"""Identical reads under way are one, for all who wait, and for nobody behind them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from pacs.caching.flights import Flights
from pacs.errors import PacsFault, PacsTimeout


@dataclass
class Source:
    """A read that takes until it is told to end."""

    begun: int = 0
    ended: int = 0
    stopped: int = 0
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        self.ended += 1
        if self.error:
            raise self.error
        return number


@pytest.fixture
async def flights() -> AsyncIterator[Flights]:
    """With nothing left behind."""
    flights = Flights()
    yield flights
    await settle()
    assert not flights._flights


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def waiting(flights: Flights, source: Source, count: int, key: str = "key") -> list[asyncio.Task[int]]:
    return [asyncio.create_task(flights.join(key, source.read)) for _ in range(count)]


async def test_equal_reads_are_one_and_others_are_their_own(flights: Flights) -> None:
    source, other = Source(), Source()
    tasks = [*waiting(flights, source, 5), *waiting(flights, other, 1, "another key")]
    await settle()
    assert (source.begun, other.begun) == (1, 1)
    source.may_end.set()
    other.may_end.set()
    assert await asyncio.gather(*tasks) == [1] * 6


async def test_the_next_read_is_a_new_one(flights: Flights) -> None:
    source = Source()
    source.may_end.set()
    assert [await flights.join("key", source.read) for _ in range(3)] == [1, 2, 3]


async def test_an_error_is_everybodys_and_not_kept(flights: Flights) -> None:
    source = Source(error=ValueError("broken"))
    tasks = waiting(flights, source, 3)
    source.may_end.set()
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["broken"] * 3
    source.error = None
    assert await flights.join("key", source.read) == 2


@pytest.mark.parametrize("quitters", [(0,), (2,), (0, 1)])
async def test_who_stops_waiting_stops_nobody_else(flights: Flights, quitters: tuple[int, ...]) -> None:
    source = Source()
    tasks = waiting(flights, source, 3)
    await settle()
    for number in quitters:
        tasks[number].cancel()
    await settle()
    source.may_end.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for number, one in enumerate(found) if number not in quitters] == [1] * (3 - len(quitters))
    assert source.stopped == 0


async def test_a_read_that_nobody_waits_for_is_stopped_and_joined_by_nobody(flights: Flights) -> None:
    source = Source()
    tasks = waiting(flights, source, 2)
    await settle()
    for task in tasks:
        task.cancel()
    later = waiting(flights, source, 1)
    await settle()
    source.may_end.set()
    assert await later[0] == 2
    assert (source.begun, source.stopped) == (2, 1)


async def test_after_a_parting_nobody_joins_what_began_before(flights: Flights) -> None:
    source = Source()
    before = waiting(flights, source, 1)
    await settle()
    flights.part()
    after = waiting(flights, source, 2)
    await settle()
    source.may_end.set()
    assert await asyncio.gather(*before, *after) == [1, 2, 2]


async def test_who_must_hear_of_now_waits_for_a_read_that_begins_now(flights: Flights) -> None:
    source = Source()
    first = asyncio.create_task(flights.join_next("key", source.read))
    await settle()
    later = [asyncio.create_task(flights.join_next("key", source.read)) for _ in range(3)]
    await settle()
    assert source.begun == 1
    source.may_end.set()
    assert await asyncio.gather(first, *later) == [1, 2, 2, 2]


@pytest.mark.parametrize("error", [PacsTimeout("silent"), PacsFault("odd")])
async def test_who_waits_for_a_read_that_took_too_long_does_not_wait_so_long_once_more(
    flights: Flights, error: Exception
) -> None:
    source = Source()

    async def fail() -> int:
        await source.may_end.wait()
        raise error

    first = asyncio.create_task(flights.join_next("key", fail))
    await settle()
    later = asyncio.create_task(flights.join_next("key", source.read))
    await settle()
    source.may_end.set()
    found = list(await asyncio.gather(first, later, return_exceptions=True))
    assert found == [error, error if isinstance(error, PacsTimeout) else 1]
    assert await flights.join_next("key", source.read) == source.begun


async def test_a_cancelled_first_does_not_hold_up_the_next(flights: Flights) -> None:
    source = Source()
    first = asyncio.create_task(flights.join_next("key", source.read))
    await settle()
    second = asyncio.create_task(flights.join_next("key", source.read))
    third = asyncio.create_task(flights.join_next("key", source.read))
    await settle()
    first.cancel()
    second.cancel()
    await settle()
    source.may_end.set()
    assert await third == 2
