"""Removes what need not be kept any longer."""

import asyncio
import contextlib
from datetime import datetime, timedelta

import structlog

from persistence.errors import StoreError
from persistence.protocol import Store
from persistence.records import WEBHOOK_CURSOR, now

log = structlog.get_logger(__name__)

_PAGE = 500
_TOKEN_DAYS = 1


class Retention:
    """Sweeps every `interval_seconds`; any number of replicas may."""

    def __init__(
        self, store: Store, event_days: float | None, *, for_webhooks: bool, interval_seconds: float = 3600
    ) -> None:
        """Events are kept for `event_days`, or for ever; `for_webhooks`, also until every delivery is settled."""
        self._store = store
        self._event_days = event_days
        self._for_webhooks = for_webhooks
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins with a sweep."""
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stops."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self, at: datetime) -> None:
        """Removes expired viewer tokens, and the oldest events with their deliveries: always a beginning of the log."""
        await self._store.forget_tokens(at - timedelta(days=_TOKEN_DAYS))
        if self._event_days is None:
            return
        before, limit = at - timedelta(days=self._event_days), await self._settled_through()
        while page := await self._store.events_after(None, limit=_PAGE):
            old = [event.sequence for event in page if event.received_at < before and event.sequence <= limit]
            prefix = [sequence for number, sequence in enumerate(old) if sequence == page[number].sequence]
            if prefix:
                await self._store.forget_deliveries(prefix[-1])
                await self._store.forget_events(prefix[-1])
                log.info("removed old exam events", through=prefix[-1])
            if len(prefix) < len(page):
                return

    async def _settled_through(self) -> float:
        """The newest event that no delivery, planned or to be planned, still needs."""
        if not self._for_webhooks:
            return float("inf")
        dispatched = await self._store.cursor(WEBHOOK_CURSOR) or 0
        pending = await self._store.oldest_pending_delivery()
        return dispatched if pending is None else min(dispatched, pending.event_sequence - 1)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep(now())
            except Exception as error:  # whatever it is, old records must not stay for ever
                log.warning("old records stay until the next try", exc_info=not isinstance(error, StoreError))
            await asyncio.sleep(self._interval_seconds)
