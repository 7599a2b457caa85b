"""One SQLite file: a single writer that commits bursts together, and readers that never wait for it.

A commit costs one flush to the disk, whether it holds one write or hundreds. While a commit is under way the next
writes gather, and go into the following one (`Batches`): the busier the server, the cheaper each write.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from persistence.batches import Batches
from persistence.errors import StoreUnavailable, StoreUnusable, StoreUnwritable
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
        self._batches: Batches[Work[Any], Any] = Batches(self._commit_in_thread, _MAX_COMMIT)
        self._closed = False
        self._is_doubted = False
        """Whether a write has failed since one was last known to be on the disk."""
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
        outcome: T = await self._batches.add(work)
        return outcome

    async def check_writable(self) -> None:
        """After a write that failed, until one works: tries one that changes nothing. `StoreUnwritable`."""
        if self._is_doubted:
            try:
                await self.write(_write_the_same)
            except StoreUnavailable as error:
                raise StoreUnwritable(str(error)) from error

    async def close(self) -> None:
        """Commits what is pending and closes the file; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        await self._batches.drain()
        await asyncio.to_thread(self._shut_down)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def _commit_in_thread(self, works: list[Work[Any]]) -> list[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, works)

    def _commit(self, works: list[Work[Any]]) -> list[Any]:
        connection = self._writing
        changes = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_attempt(connection, work) for work in works]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._is_doubted = True
            self._roll_back()
            raise _unavailable(error) from error
        if any(isinstance(outcome, StoreUnavailable) for outcome in outcomes):
            self._is_doubted = True
        elif connection.total_changes > changes or _write_the_same in works:
            self._is_doubted = False
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


def _attempt(connection: sqlite3.Connection, work: Work[Any]) -> Any:
    """One write among those of a commit: its failure is its own, unless SQLite has given up the transaction."""
    connection.execute("SAVEPOINT work")
    try:
        value = work(connection)
    except Exception as error:  # whatever the work raises is its caller's, and undone
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return _unavailable(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE work")
    return value


def _write_the_same(connection: sqlite3.Connection) -> None:
    """Writes a page of the file, as it is."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version}")


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the database did not answer: {error}")
