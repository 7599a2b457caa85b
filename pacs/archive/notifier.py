"""Announces studies: once a study was unchanged for a while, its event is posted until it is taken with 204.

What is due is state of the index, not a timer: a study is due while `notified_version < version`. So nothing is lost
with the process, and instances that come later make a new event. An event that is refused holds up no other. A study
without a PatientID has nobody to be announced for: the callback requires one.
"""

import asyncio
import sqlite3
import time
from contextlib import suppress
from functools import partial

import httpx
import structlog

from pacs.archive.due_events import Event, due, mark_taken, oldest_change
from pacs.archive.faults import report
from pacs.archive.index import Index
from pacs.archive.options import ArchiveOptions

log = structlog.get_logger(__name__)

_TIMEOUT_SECONDS = 10.0
_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0
_POLL_SECONDS = 60.0


class Notifier:
    """Posts the events of one archive while it runs."""

    def __init__(self, index: Index, options: ArchiveOptions) -> None:
        self._index = index
        self._options = options
        self._changed = asyncio.Event()
        self._taken: dict[int, int] = {}  # versions by study, of events that were taken and could not be remembered
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to announce; does nothing without a URL to announce to."""
        if self._options.notify_url:
            self._task = asyncio.create_task(self._run(self._options.notify_url), name="archive-notifier")

    async def stop(self) -> None:
        """Stops; what was not taken is announced after the next start."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Tells that studies have changed."""
        self._changed.set()

    async def _run(self, url: str) -> None:
        token = self._options.notify_token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        retry_seconds = _FIRST_RETRY_SECONDS
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, headers=headers, trust_env=False) as client:
            while True:
                try:
                    if await self._announce_due(client, url):
                        retry_seconds = _FIRST_RETRY_SECONDS
                        await self._wait()
                        continue
                except Exception as error:  # whatever it is, what comes later is announced
                    report("archive_notifier_failed", error)
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(retry_seconds * 2, _LAST_RETRY_SECONDS)

    async def _announce_due(self, client: httpx.AsyncClient, url: str) -> bool:
        """Posts everything that is due, the oldest first; whether all of it was taken."""
        self._changed.clear()
        are_taken, behind = True, (0.0, 0)
        while events := await self._index.read(partial(due, self._options, behind)):
            for event in events:
                are_taken &= await self._post(client, url, event)
            behind = events[-1].changed_at, events[-1].study
        return are_taken

    async def _post(self, client: httpx.AsyncClient, url: str, event: Event) -> bool:
        """Whether the event was taken and that is remembered; while it cannot be, it is at least not posted again."""
        if self._taken.get(event.study) != event.version:
            if not await self._is_taken(client, url, event):
                return False
            self._taken[event.study] = event.version
        try:
            await self._index.write(partial(mark_taken, event))
        except sqlite3.Error as error:
            report("archive_event_not_remembered", error)
            return False
        del self._taken[event.study]
        return True

    @staticmethod
    async def _is_taken(client: httpx.AsyncClient, url: str, event: Event) -> bool:
        try:
            status = (await client.post(url, json=event.body)).status_code
        except httpx.HTTPError as error:
            log.warning("archive_event_not_delivered", reason=type(error).__name__)
            return False
        if status != 204:
            log.warning("archive_event_refused", status=status)
        return status == 204

    async def _wait(self) -> None:
        """Until something may be due."""
        changed_at = await self._index.read(oldest_change)
        seconds = _POLL_SECONDS
        if changed_at is not None:
            seconds = min(max(changed_at + self._options.stable_age_seconds - time.time(), 0.01), seconds)
        with suppress(TimeoutError):  # not wait_for: it can lose a cancellation (Python 3.11)
            async with asyncio.timeout(seconds):
                await self._changed.wait()
