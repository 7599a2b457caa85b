"""One reader of the exam events: a position in the log."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from persistence.errors import CursorExpired, StoreUnavailable
from persistence.filters import EventFilter
from persistence.protocol import ExamEvents
from persistence.records import ExamEvent
from persistence.ring import EventRing

_PAGE = 100
_RETRY_SECONDS = 0.2


class Subscription:
    """An asynchronous iterator over events, and a context manager that ends it; for one consumer.

    It holds at most a page of events, however slow the consumer is.
    """

    def __init__(
        self,
        store: ExamEvents,
        ring: EventRing,
        wanted: EventFilter,
        position: int | None,
        *,
        given: bool,
        on_close: Callable[["Subscription"], None],
    ) -> None:
        self._store = store
        self._ring = ring
        self._wanted = wanted
        self._position = position
        self._unchecked = given
        self._on_close = on_close
        self._page: list[ExamEvent] = []  # a deque takes ten times the memory, and thousands of them are empty
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExamEvent:
        while not self._closed:
            if self._page:
                return self._page.pop(0)
            try:
                await self._fill()
            except StoreUnavailable:
                await self._wait(_RETRY_SECONDS)
            except CursorExpired:
                await self.aclose()
                raise
        raise StopAsyncIteration

    async def page(self) -> list[ExamEvent]:
        """The next event, and those behind it that are at hand; `StopAsyncIteration` when the feed is closed."""
        events = [await anext(self), *self._page]
        self._page.clear()
        return events

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the iteration; whoever waits in it is released."""
        if not self._closed:
            self._closed = True
            self._page.clear()
            self._release()
            self._on_close(self)

    def offer(self, events: Sequence[ExamEvent]) -> None:
        """Tells of `events`, now in the ring: wakes the consumer, or passes over them when none is wanted."""
        if self._position is None:  # opened before the log was first read: these are the first to come
            self._position = events[0].sequence - 1
        if any(self._wanted.admits(event) for event in events):
            self._release()
        elif self._position == events[0].sequence - 1:
            self._position = events[-1].sequence

    async def _fill(self) -> None:
        """Gets the next page, or waits until there may be one."""
        if self._unchecked:
            await self._check_position()
        if self._position is None:
            self._position = self._ring.tail
        if self._position is None:
            await self._wait(_RETRY_SECONDS)
        elif not self._ring.covers(self._position):
            await self._fill_from_store(self._position)
        elif events := self._ring.after(self._position, _PAGE):
            self._position = events[-1].sequence
            self._page.extend(event for event in events if self._wanted.admits(event))
        else:
            await self._wait()

    async def _fill_from_store(self, position: int) -> None:
        tail = self._ring.tail or 0
        events = await self._store.events_after(
            position, limit=_PAGE, patient_id=self._wanted.patient_id, modalities=self._wanted.modalities
        )
        self._page.extend(events)
        reached = [position, *(event.sequence for event in events[-1:])]
        if len(events) < _PAGE:  # nothing else that is wanted was in the log when the tail was there
            reached.append(tail)
        self._position = max(reached)

    async def _check_position(self) -> None:
        if self._position is not None and self._position > (last := await self._store.last_sequence()):
            raise CursorExpired(f"the newest event is {last}: this cursor is of another log")
        self._unchecked = False

    async def _wait(self, seconds: float | None = None) -> None:
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        try:
            if seconds is None:  # nearly always, by thousands: with a third of what asyncio.wait keeps
                await waiter
            else:
                await asyncio.wait((waiter,), timeout=seconds)
        finally:
            self._waiter = None

    def _release(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
