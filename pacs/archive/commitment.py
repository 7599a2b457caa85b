"""Storage commitment (PS3.4 Annex J): who asks is told of each object whether it is safe here.

An object is committed when the index has it under the class that was named, and its file on the disk has the very
bytes that were stored: the file is read, for whoever is told so may delete the original. A request is on the disk
before it is answered; what is still to be looked at or to be reported is state, not a timer, and outlives the process.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from pacs.archive import commitment_store
from pacs.archive.commitment_check import look_at
from pacs.archive.commitment_reports import Patience, Report, Reports
from pacs.archive.commitment_store import Commitment, Reference
from pacs.archive.database import Database
from pacs.archive.files import FileStore
from pacs.archive.index import Index

log = structlog.get_logger(__name__)

_LOOKED_AT_ONCE = 20
_IDLE_SECONDS = 60.0
_AFTER_A_FAULT_SECONDS = 5.0


class TransactionTaken(Exception):
    """The Transaction UID stands for another request."""


class Commitments:
    """The requests of one archive, in a file of their own."""

    def __init__(self, path: Path, index: Index, files: FileStore, patience: Patience | None = None) -> None:
        self._path = path
        self._index = index
        self._files = files
        self._patience = patience or Patience()
        self._reports: Reports | None = None
        self._opened: Database | None = None
        self._asked = asyncio.Event()
        self._decided = asyncio.Event()
        self._seen = asyncio.Condition()
        self._workers: tuple[asyncio.Task[None], ...] = ()

    async def open(self) -> None:
        """Opens the file and goes on with what is not done. `DatabaseUnusable`."""
        self._opened = Database(self._path, "commitments", commitment_store.VERSIONS)
        self._workers = (
            asyncio.create_task(self._for_ever(self._look_at_all, self._asked), name="archive-commitments"),
            asyncio.create_task(self._for_ever(self._report_due, self._decided), name="archive-reports"),
        )

    async def close(self) -> None:
        """Stops; what is not done is gone on with after the next start."""
        await self.report_by(None)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def report_by(self, report: Report | None) -> None:
        """Says how requesters are reached; without, reports wait."""
        reports, self._reports = self._reports, None
        if reports is not None:
            await reports.stop()
        if report is not None:
            self._reports = Reports(self._database, self._patience, report, self._decided.set)
        self._decided.set()

    async def ask(self, uid: str, references: Sequence[Reference], requester: str | None = None) -> None:
        """Takes a request; it is on the disk when this returns. `TransactionTaken`.

        A requester that asks for the same again, for it did not hear the answer, is answered again.
        """

        def work(connection: sqlite3.Connection) -> None:
            if commitment_store.insert(connection, uid, requester, time.time(), references):
                return
            known = commitment_store.fetch(connection, uid)
            if requester is None or known is None or not known.is_same_request(requester, references):
                raise TransactionTaken("the Transaction UID is in use")
            commitment_store.restart(connection, uid, time.time())

        await self._database.write(work)
        log.info("commitment_asked", transaction_uid=uid, requester=requester, objects=len(references))
        self._asked.set()

    async def find(self, uid: str) -> Commitment | None:
        """The request with this Transaction UID."""
        return await self._database.read(partial(commitment_store.fetch, uid=uid))

    async def seen(self, uid: str, timeout_seconds: float) -> Commitment | None:
        """The request once its objects were looked at, or as it is after the time."""
        deadline = time.monotonic() + timeout_seconds
        async with self._seen:
            while True:
                found = await self.find(uid)
                left = deadline - time.monotonic()
                if found is None or found.reasons is not None or left <= 0:
                    return found
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._seen.wait()

    @property
    def _database(self) -> Database:
        if self._opened is None:
            raise RuntimeError("the commitments are not open")
        return self._opened

    async def _for_ever(self, turn: Callable[[], Awaitable[float | None]], wake: asyncio.Event) -> None:
        """Takes turns: when there may be something to do, and when the turn before said, in seconds since 1970."""
        while True:
            try:
                wake.clear()
                due = await turn()
                seconds = _IDLE_SECONDS if due is None else min(max(due - time.time(), 0.01), _IDLE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):  # not wait_for: Python 3.11's may lose a cancellation
                        await wake.wait()
            except (OSError, sqlite3.Error) as error:
                log.error("commitments_failed", reason=type(error).__name__)
                await asyncio.sleep(_AFTER_A_FAULT_SECONDS)

    async def _look_at_all(self) -> None:
        while found := await self._database.read(partial(commitment_store.unseen, limit=_LOOKED_AT_ONCE)):
            for commitment in found:
                await self._look_at(commitment)

    async def _look_at(self, commitment: Commitment) -> None:
        uid = commitment.transaction_uid
        reasons = [await asyncio.to_thread(look_at, self._index, self._files, one) for one in commitment.references]
        await self._database.write(partial(commitment_store.set_reasons, uid=uid, reasons=reasons, now=time.time()))
        log.info("commitment_decided", transaction_uid=uid, refused=sum(map(bool, reasons)))
        async with self._seen:
            self._seen.notify_all()
        self._decided.set()

    async def _report_due(self) -> float | None:
        return await self._reports.start_due() if self._reports else None
