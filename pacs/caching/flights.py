"""Identical reads at the same time are one: whoever comes while it is under way waits for its answer.

Nothing is kept behind the answer, an error no more than a result. Who stops waiting does not stop the others; a read
for which nobody waits any longer is stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from pacs.errors import PacsTimeout

T = TypeVar("T")


@dataclass(eq=False)
class _Flight:
    task: asyncio.Task[Any]
    waiting: int = 0


class Flights:
    """The reads of one PACS that are under way."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}
        self._era = 0

    def part(self) -> None:
        """From now on nobody joins what is under way: something was stored that it may not have seen."""
        self._era += 1

    async def join(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` returns or raises: this call's, or that of an equal one that is under way."""
        return await self._wait((self._era, key), read)

    async def join_next(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """`join` for who must not hear of a moment before this call: joins only reads that have not begun.

        Of one that began before it hears that it took too long: it need not wait so long once more.
        """
        now, later = (self._era, "now", key), (self._era, "later", key)

        async def in_turn() -> T:
            while (before := self._flights.get(now)) is not None:
                await asyncio.wait([before.task])
                if not before.task.cancelled() and isinstance(error := before.task.exception(), PacsTimeout):
                    raise error
            flight = self._flights.pop(later)
            self._flights[now] = flight
            flight.task.add_done_callback(lambda _: self._flights.pop(now, None))
            return await read()

        return await self._wait(later, in_turn)

    async def _wait(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(read()))
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # whoever waited has heard it; nobody may have waited
