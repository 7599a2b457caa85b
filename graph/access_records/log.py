"""Access records on their way to the store: in batches, behind the requests' backs, none left behind at a stop.

While the store does not answer they wait here, up to a bound. Then no more patient data is given out (`is_full`) until
the store answers: what cannot be recorded is not shown. Strangers who were denied cannot bring that about: their
records are dropped, and counted, from half the bound on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice

import structlog

from persistence.errors import StoreError
from persistence.protocol import AccessRecords
from persistence.records import AccessRecord

log = structlog.get_logger(__name__)

_BATCH = 500
_GATHER_SECONDS = 0.2
"""What arrives within it goes to the store together."""
_RETRY_SECONDS = (0.5, 10.0)
_STOP_SECONDS = 5.0

Complete = Callable[[AccessRecord], Awaitable[AccessRecord]]
"""Adds to a record what its request did not know."""


async def _as_it_is(record: AccessRecord) -> AccessRecord:
    return record


class AccessLog:
    """The records that the store does not have yet."""

    def __init__(self, store: AccessRecords, most_waiting: int, complete: Complete = _as_it_is) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._complete = complete
        self._waiting: deque[AccessRecord] = deque()
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._dropped = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing may be shown at present."""
        return len(self._waiting) >= self._most_waiting

    async def start(self) -> None:
        """Begins to write."""
        self._writer = asyncio.create_task(self._run())

    def add(self, record: AccessRecord) -> None:
        """Takes a record of an access that happens; never waits."""
        self._waiting.append(record)
        self._arrived.set()

    def add_refusal(self, record: AccessRecord) -> None:
        """Takes a record of a stranger's attempt, unless there are too many of them."""
        if len(self._waiting) < self._most_waiting // 2:
            self.add(record)
        else:
            self._dropped += 1

    async def aclose(self) -> None:
        """Writes what is left, for some seconds; says how many records are lost if the store does not take them."""
        if self._writer is None:
            return
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        await self.flush(_STOP_SECONDS)
        if self._waiting:
            log.error("access records are lost: the store does not answer", records=len(self._waiting))

    async def flush(self, patience_seconds: float) -> None:
        """Returns when the store has what was added until now, or does not take it in that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await self._write_all()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            await self._write_all()

    async def _write_all(self) -> None:
        """Writes until nothing waits; trying again is harmless, for a record that is there already stays as it is."""
        pause_seconds, longest_seconds = _RETRY_SECONDS
        async with self._writing:
            while self._waiting:
                if await self._write_batch():
                    pause_seconds = _RETRY_SECONDS[0]
                    continue
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, longest_seconds)
            self._arrived.clear()

    async def _write_batch(self, size: int = _BATCH) -> bool:
        """Whether the store took the batch; a record that no store can take is dropped, and holds up no other."""
        batch = [await self._completed(record) for record in list(islice(self._waiting, size))]
        try:
            await self._store.append_access(batch)
        except StoreError:
            log.warning("access records wait: the store does not answer", records=len(self._waiting))
            return False
        except Exception as error:  # one bad record must not hold up all that come after it
            if len(batch) > 1:
                return await self._write_batch(size=1)
            log.error("an access record is dropped: it cannot be stored", error=type(error).__name__)
        for _ in batch:
            self._waiting.popleft()
        self._report_dropped()
        return True

    async def _completed(self, record: AccessRecord) -> AccessRecord:
        try:
            return await self._complete(record)
        except Exception as error:  # a record without the patient is better than none
            log.error("an access record stays as it is", error=type(error).__name__)
            return record

    def _report_dropped(self) -> None:
        if self._dropped:
            log.error("records of denied attempts were dropped while the store did not answer", records=self._dropped)
            self._dropped = 0
