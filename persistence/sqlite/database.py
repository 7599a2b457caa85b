"""One SQLite file: a single writer that commits bursts together, and readers that never wait for it.

A commit costs one flush to the disk, whether it holds one write or hundreds. While a commit is under way the next
writes gather, and go into the following one: the busier the server, the cheaper each write.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from persistence.errors import StoreUnavailable, StoreUnusable
from persistence.sqlite.migrations import migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_BUSY_SECONDS = 5
_READERS = 2
_MAX_COMMIT = 512


class Database:
    """The connections to one file; SQLite's calls run in threads, never in the event loop."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file (readable by its owner only) and brings its schema up to date."""
        self._path = path
        self._pending: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._closed = False
        self._connections: list[sqlite3.Connection] = []
        self._local = threading.local()
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._writing = self._connect()
            migrate(self._writing)
        except (OSError, sqlite3.Error) as error:
            self._disconnect()
            raise StoreUnusable(f"the database {path} cannot be opened: {error}") from error
        except StoreUnusable:
            self._disconnect()
            raise
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")

    async def read(self, work: Work[T]) -> T:
        """What `work` reads, in one consistent view of the database."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Work[T]) -> T:
        """What `work` returns, once what it wrote is on the disk. If `work` raises, nothing of it is kept.

        `work` runs to its end even when the caller is cancelled.
        """
        self._check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append((work, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await future

    async def close(self) -> None:
        """Commits what is pending and closes the file; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._committing is not None:
            await self._committing
        await asyncio.to_thread(self._shut_down)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending[:_MAX_COMMIT], self._pending[_MAX_COMMIT:]
            outcomes = await loop.run_in_executor(self._writer, self._commit, [work for work, _ in batch])
            for (_, future), (value, error) in zip(batch, outcomes, strict=True):
                if future.done():
                    continue
                if error is None:
                    future.set_result(value)
                else:
                    future.set_exception(error)
        self._committing = None

    def _commit(self, works: Sequence[Work[Any]]) -> list[tuple[Any, Exception | None]]:
        connection = self._writing
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_attempt(connection, work) for work in works]
            connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            return [(None, _unavailable(error))] * len(works)
        return outcomes

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # on a failing disk this fails too; the next BEGIN tells
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")

    def _read(self, work: Work[T]) -> T:
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
                connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connections.append(connection)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _shut_down(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._disconnect()

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.close()


def _attempt(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any, Exception | None]:
    """One write among those of a commit: its failure is its own, unless SQLite has given up the transaction."""
    connection.execute("SAVEPOINT work")
    try:
        value = work(connection)
    except Exception as error:
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return None, _unavailable(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE work")
    return value, None


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the database did not answer: {error}")
