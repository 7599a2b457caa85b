"""The SQLite index: one writer, and many readers beside it that never wait for it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pacs.archive import connections
from pacs.archive.connections import Connection
from pacs.archive.faults import ArchiveUnusable
from pacs.archive.writer import Writer

T = TypeVar("T")
INDEX = "index.sqlite"
"""The name of the file."""

_READERS = 4
_CACHE_KIB = 16 * 1024
_STATEMENTS_CACHED = 256
_WAIT_SECONDS = 30
_VERSIONS = ("schema.sql", "npi.sql")
"""Scripts that lead from nothing to the first version of the schema, and from each to the next."""

SCHEMA_VERSION = len(_VERSIONS)


class IndexTooNew(ArchiveUnusable):
    """The index was made by a later version of this program."""


def _nothing() -> None:
    pass


class Index:
    """The index in `folder`; see the module. Open it before use, close it after."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / INDEX
        self._writer = Writer(self._connect)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="archive-read")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def open(self) -> None:
        """Creates the schema where there is none and starts to work. `IndexTooNew`, `sqlite3.Error`."""
        connection = self._connect(create=True)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection)
            self._writer.start()  # before the connection closes: the last one would take the log away
        finally:
            connection.close()

    def close(self) -> None:
        """Finishes what was begun, then closes."""
        self._writer.close()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()

    def submit(self, run: Callable[[sqlite3.Connection], T], undo: Callable[[], None] = _nothing) -> "Future[T]":
        """Runs `run` in a transaction and commits it; `undo` is called when its work did not last."""
        return self._writer.submit(run, undo)

    async def write(self, run: Callable[[sqlite3.Connection], T], undo: Callable[[], None] = _nothing) -> T:
        """`submit`, awaited. A caller that is cancelled does not undo the write."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(run, undo)))

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `run` on a reader's connection, in a consistent view. `sqlite3.Error`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, run)

    def read_now(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """`read` for callers that are in a thread already."""
        return connections.read(self._reader(), run)

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connections.reader(self._connect())
            self._connections.append(connection)
        return connection

    def _connect(self, *, create: bool = False) -> Connection:
        return connections.connect(
            self._path,
            timeout_seconds=_WAIT_SECONDS,
            cache_kib=_CACHE_KIB,
            statements=_STATEMENTS_CACHED,
            create=create,
        )


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise IndexTooNew(f"the archive's index has version {version}, this program knows {SCHEMA_VERSION}")
    for number, name in enumerate(_VERSIONS[version:], start=version + 1):
        script = Path(__file__).with_name(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
