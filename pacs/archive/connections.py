"""Connections to SQLite files, as the index and the other databases of the archive open and use them."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pacs.archive.faults import DamagedIndex, decoding

T = TypeVar("T")


class Connection(sqlite3.Connection):
    """One that knows its file: who deletes or replaces that under SQLite would not be noticed by it (WAL)."""

    path: Path
    identity: tuple[int, int] | None = None

    def check_place(self) -> None:
        """That the file is where it was opened, or what is committed would be lost. `DamagedIndex`."""
        if _identity(self.path) != self.identity:
            raise DamagedIndex("the file of the database was removed or replaced")


def connect(
    path: Path, *, timeout_seconds: float, cache_kib: int | None = None, statements: int = 128, create: bool = False
) -> Connection:
    """A connection that any thread may use, but one at a time; what it commits is on disk. `sqlite3.Error`.

    A file that is not there is made only with `create`.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={'rwc' if create else 'rw'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=statements,
        timeout=timeout_seconds,
        factory=Connection,
    )
    connection.path, connection.identity = path, _identity(path)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if cache_kib is not None:
            connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def reader(connection: Connection) -> Connection:
    """The connection, from now on for reading only. `sqlite3.Error` closes it."""
    try:
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def read(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` reads, in one consistent view. `sqlite3.Error`, also for values that do not read back."""
    connection.execute("BEGIN")
    try:
        with decoding():
            return work(connection)
    finally:
        roll_back(connection)


def write(connection: Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` returns, once what it wrote is on the disk. If it or the disk fails, nothing of it is kept."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        with decoding():
            value = work(connection)
        connection.check_place()
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise
    return value


def roll_back(connection: sqlite3.Connection) -> None:
    """Ends the transaction, unless SQLite has: after some failures (SQLITE_FULL, SQLITE_IOERR) it does so itself."""
    with suppress(sqlite3.Error):  # what failed before is what matters
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
