"""The one writer of the index: it commits bursts together.

Writes run in one thread, in the order they come. All that wait at a moment go into one transaction, each behind
a savepoint of its own, and are answered after the commit: safe on disk (synchronous=FULL), at the price of one fsync.
Whatever fails, who waits is told, and the thread goes on with the next.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog

from pacs.archive.connections import Connection, roll_back
from pacs.archive.faults import decoding

log = structlog.get_logger(__name__)

T = TypeVar("T")
_MOST_TOGETHER = 64


@dataclass(frozen=True)
class _Job(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    undo: Callable[[], None]
    future: "Future[T]" = field(default_factory=Future)


class Writer:
    """Writes over a connection of its own, which `connect` makes."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="archive-index")

    def start(self) -> None:
        """Begins to work. `sqlite3.Error`."""
        self._connection = self._connect()
        self._thread.start()

    def close(self) -> None:
        """Finishes what was begun, then closes."""
        if self._thread.ident is not None:
            self._jobs.put(None)
            self._thread.join()

    def submit(self, run: Callable[[sqlite3.Connection], T], undo: Callable[[], None]) -> "Future[T]":
        """Runs `run` in a transaction and commits it; `undo` is called when its work did not last."""
        job = _Job(run, undo)
        self._jobs.put(job)
        return job.future

    def _write_all(self) -> None:
        while jobs := self._next_jobs():
            try:
                self._commit(jobs)
            except Exception as error:  # whatever it is, who waits is told, and later writes go on
                for job in jobs:
                    _fail(job, error)
        if self._connection is not None:
            self._connection.close()

    def _next_jobs(self) -> list[_Job[Any]]:
        """All that wait, at least one; none when the index closes."""
        first = self._jobs.get()
        if first is None:
            return []
        jobs = [first]
        while len(jobs) < _MOST_TOGETHER and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, jobs: list[_Job[Any]]) -> None:
        connection = self._connection = self._connection or self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            done = [(job, result) for job in jobs if (result := _run(connection, job)) is not _FAILED]
            connection.check_place()
            connection.execute("COMMIT")
        except Exception:  # raised on: whatever it is, nothing of the transaction may stay
            roll_back(connection)
            if connection.in_transaction:  # it is good for nothing any more
                self._connection = None
                connection.close()
            raise
        for job, result in done:
            with suppress(InvalidStateError):  # nobody waits any more
                job.future.set_result(result)


_FAILED = object()


def _run(connection: sqlite3.Connection, job: _Job[Any]) -> Any:
    """The job's result; when it fails, its changes are taken back and the others go on.

    Where SQLite has taken back the whole transaction, as it may when the disk is full, this raises what it raised.
    """
    connection.execute("SAVEPOINT job")
    try:
        with decoding():
            result = job.run(connection)
    except Exception as error:  # whatever one job raises is for who waits for it, not for the others
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        _fail(job, error)
        return _FAILED
    connection.execute("RELEASE job")
    return result


def _fail(job: _Job[Any], error: Exception) -> None:
    if job.future.done():
        return
    try:
        job.undo()
    except Exception as failure:  # what is left over is cleared up at the next start
        log.error("archive_undo_failed", reason=type(failure).__name__, errno=getattr(failure, "errno", None))
    with suppress(InvalidStateError):
        job.future.set_exception(error)
