"""One SQLite file: one writer, readers that never wait for it, and no call of SQLite in the event loop."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pacs.archive import connections
from pacs.archive.connections import Connection
from pacs.archive.faults import ArchiveUnusable, reason

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_BUSY_SECONDS = 5
_READERS = 2


class DatabaseUnusable(ArchiveUnusable):
    """The file cannot be opened, or a newer version has written it; the message says which and what to do."""


class Database:
    """The connections to one file."""

    def __init__(self, path: Path, name: str, versions: Sequence[str]) -> None:
        """Opens or makes the file, readable by its owner only. Raises `DatabaseUnusable`.

        `name` is what messages call it. `versions` are the scripts that lead from nothing to the first version of its
        schema, from that to the second, and so on.
        """
        self._path = path
        self._name = name
        self._versions = versions
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._writing = self._connect()
            self._connections.append(self._writing)
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            self._disconnect()
            raise DatabaseUnusable(f"the {name} {path} cannot be opened: {reason(error, path.parent)}") from error
        except DatabaseUnusable:
            self._disconnect()
            raise
        self._writer = ThreadPoolExecutor(1, f"{name}-writer")
        self._readers = ThreadPoolExecutor(_READERS, f"{name}-reader")

    async def read(self, work: Work[T]) -> T:
        """What `work` reads, in one consistent view."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Work[T]) -> T:
        """What `work` returns, once what it wrote is on the disk. If it raises, nothing of it is kept.

        Writes happen one after the other, in the order of their calls.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    async def close(self) -> None:
        """Finishes what is being written and closes the file."""
        await asyncio.to_thread(self._shut_down)

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connections.reader(self._connect())
            self._connections.append(connection)
        return connections.read(connection, work)

    def _write(self, work: Work[T]) -> T:
        return connections.write(self._writing, work)

    def _migrate(self) -> None:
        self._writing.execute("PRAGMA journal_mode = WAL")
        (version,) = self._writing.execute("PRAGMA user_version").fetchone()
        newest = len(self._versions)
        if version > newest:
            raise DatabaseUnusable(f"the {self._name} {self._path} was written by a newer version of this program")
        for number, script in enumerate(self._versions[version:], start=version + 1):
            self._writing.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def _connect(self) -> Connection:
        return connections.connect(self._path, timeout_seconds=_BUSY_SECONDS)

    def _shut_down(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._disconnect()

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.close()
