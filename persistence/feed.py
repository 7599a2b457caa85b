"""The exam events as they come: from any position in the log, then live, without gap or repeat.

One reader a process follows the log and keeps the newest events in a ring. A subscription is no more than a
position: it takes what it lacks from the ring, or, when it has fallen behind, from the store, page by page.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from weakref import WeakSet

import structlog

from persistence.errors import CursorExpired, StoreError, StoreUnavailable
from persistence.filters import EventFilter
from persistence.protocol import ExamEvents
from persistence.records import ExamEvent, NewExamEvent
from persistence.ring import EventRing
from persistence.subscription import Subscription

log = structlog.get_logger(__name__)

_PAGE = 500
_AT_ONCE = 50
"""Subscribers that are woken before others get their turn in the event loop: about 5 ms of work."""


class ExamFeed:
    """Follows the event log of `store` and wakes subscribers.

    Events that this process appends are announced at once; those of other processes are found by looking into the
    store every `poll_seconds[0]`, or `poll_seconds[1]` while nobody listens, and sooner where the store gives hints
    (`Store.changes`). Through an outage of the store
    subscriptions stay, and go on afterwards where they were.
    """

    def __init__(
        self, store: ExamEvents, *, poll_seconds: tuple[float, float] = (0.2, 1.0), ring_size: int = 1024
    ) -> None:
        self._store = store
        self._busy_seconds, self._idle_seconds = poll_seconds
        self._ring = EventRing(ring_size)
        self._appended = 0
        self._own: dict[int, ExamEvent] = {}
        """What was appended here and is not in the ring yet, by sequence; at most a page of it."""
        self._is_told = False
        """By the store, that there is something new in it, perhaps of others."""
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._closed = False
        self._listeners: list[Callable[[ExamEvent], None]] = []

    async def start(self) -> None:
        """Begins to follow the log from its end, or, during an outage, from where it ends afterwards."""
        if not self._tasks:
            with contextlib.suppress(StoreError):
                await self._find_tail()
            self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._heed_changes())]

    async def aclose(self) -> None:
        """Stops following and ends all subscriptions: their iterators are exhausted. The store stays open."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for subscription in tuple(self._subscriptions):
            await subscription.aclose()

    async def append(self, event: NewExamEvent, *, dedupe_seconds: float = 0, key: str | None = None) -> ExamEvent:
        """Stores `event` (see `Store.append_event`), then wakes the subscribers."""
        stored = await self._store.append_event(event, dedupe_seconds=dedupe_seconds, key=key)
        if self._ring.tail is None and stored.received_at == event.received_at:  # not one of old that it repeats
            self._ring.begin(stored.sequence - 1)
        self._appended = max(self._appended, stored.sequence)
        if len(self._own) < _PAGE:  # the others are found in the store
            self._own[stored.sequence] = stored
        self._wake.set()
        return stored

    def listen(self, heard: Callable[[ExamEvent], None]) -> None:
        """Calls `heard` with every event that this process finds in the log from now on, its own and others'.

        No promise as a subscription makes: events from before an outage or a long sleep may be left out.
        """
        self._listeners.append(heard)

    def subscribe(
        self, after: int | None, *, patient_id: str | None = None, modalities: Sequence[str] | None = None
    ) -> Subscription:
        """The events behind `after` and then those to come; with `None`, those that come from this call on.

        The position is taken here, not at the first iteration. Iterating raises `CursorExpired` when `after` is
        older than what is kept or newer than the log; this call raises `ValueError` for too many modalities.
        """
        wanted = EventFilter.of(patient_id, modalities)
        start = after if after is not None else self._position()
        if self._closed:
            raise StoreUnavailable("the exam feed is closed")
        subscription = Subscription(
            self._store, self._ring, wanted, start, given=after is not None, on_close=self._subscriptions.discard
        )
        if not self._subscriptions:
            self._wake.set()  # from the idle to the busy interval
        self._subscriptions.add(subscription)
        return subscription

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open in this process."""
        return len(self._subscriptions)

    def _position(self) -> int | None:
        return None if self._ring.tail is None else max(self._ring.tail, self._appended)

    async def _find_tail(self) -> None:
        last = await self._store.last_sequence()
        if self._ring.tail is None:
            self._ring.begin(last)

    async def _follow(self) -> None:
        failing = False
        while True:
            self._wake.clear()
            try:
                more = await self._advance()
            except Exception as error:  # whatever it is, subscribers must not wait for a follower that is gone
                if not failing:
                    log.warning("exam feed waits for the store", exc_info=not isinstance(error, StoreError))
                failing, more = True, False
            else:
                if failing:
                    log.info("exam feed goes on")
                failing = False
            if not more:
                await self._pause(failing=failing)

    async def _advance(self) -> bool:
        """Takes over what is new in the log; returns whether there may be more right now."""
        if self._ring.tail is None:
            await self._find_tail()
        events = [] if self._is_told else self._own_events()
        if not events:
            self._is_told = False
            events = await self._stored_events()
        self._ring.extend(events)
        self._own = {sequence: event for sequence, event in self._own.items() if sequence > (self._ring.tail or 0)}
        if events:
            for heard in self._listeners:
                for event in events:
                    heard(event)
            for woken, subscription in enumerate(tuple(self._subscriptions)):
                if woken and not woken % _AT_ONCE:
                    await asyncio.sleep(0)
                subscription.offer(events)
        return len(events) == _PAGE

    def _own_events(self) -> list[ExamEvent]:
        """Those that this process itself appended right behind the tail: what the store would answer, unasked."""
        events: list[ExamEvent] = []
        sequence = (self._ring.tail or 0) + 1
        while event := self._own.get(sequence + len(events)):
            events.append(event)
        return events

    async def _stored_events(self) -> list[ExamEvent]:
        try:
            return await self._store.events_after(self._ring.tail, limit=_PAGE)
        except CursorExpired:  # the machine slept while others kept the log short
            self._ring.begin(await self._store.first_sequence() - 1)
            return []

    async def _heed_changes(self) -> None:
        async for _ in self._store.changes():
            self._is_told = True
            self._wake.set()

    async def _pause(self, *, failing: bool) -> None:
        seconds = self._busy_seconds if self._subscriptions or failing else self._idle_seconds
        if failing:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):  # not wait_for: on Python 3.11 it may swallow a cancellation
            async with asyncio.timeout(seconds):
                await self._wake.wait()
