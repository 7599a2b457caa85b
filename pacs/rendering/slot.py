"""A place for one worker, refilled when the worker dies or has served long enough."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from pacs.rendering.process import Worker

log = structlog.get_logger(__name__)


class Slot:
    """Holds one living worker; belongs to one task. After `recycle_after` pictures the next is started beside it."""

    def __init__(self, start: Callable[[], Awaitable[Worker]], recycle_after: int) -> None:
        self._start = start
        self._recycle_after = recycle_after
        self._worker: Worker | None = None
        self._successor: asyncio.Future[Worker] | None = None

    async def worker(self) -> Worker | None:
        """The worker to ask now; None, and a line in the log, where none can be started."""
        if self._worker is not None and not self._worker.alive:
            await self._worker.stop()  # whatever it died of: what is held for it here goes as well
            self._worker = None
        if self._worker is None:
            self._worker = await self._started(self._start())
        elif self._worker.pictures >= self._recycle_after:
            await self._recycle(self._worker)
        return self._worker

    async def close(self) -> None:
        """Ends the worker, and the one that is being started."""
        if self._successor is not None:
            self._successor.cancel()
            await asyncio.gather(self._successor, return_exceptions=True)
            if not self._successor.cancelled() and self._successor.exception() is None:
                await self._successor.result().stop()
        if self._worker is not None:
            await self._worker.stop()
        self._worker = self._successor = None

    async def _recycle(self, spent: Worker) -> None:
        if self._successor is None:
            self._successor = asyncio.ensure_future(self._start())
        elif self._successor.done():
            fresh = await self._started(self._successor)
            self._successor = None
            if fresh is not None:
                self._worker = fresh
                await spent.stop()

    async def _started(self, starting: Awaitable[Worker]) -> Worker | None:
        try:
            return await starting
        except (OSError, RuntimeError) as error:
            log.error("pictures.worker_not_started", error=type(error).__name__)
            return None
