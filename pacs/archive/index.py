"""The SQLite index: one writer that commits bursts together, many readers beside it.

Writes run in one thread, in the order they come. All that wait at a moment go into one transaction, each behind
a savepoint of its own, and are answered after the commit: safe on disk (synchronous=FULL), at the price of one fsync.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")
_MOST_TOGETHER = 64
_READERS = 4
_CACHE_KIB = 16 * 1024
_STATEMENTS_CACHED = 256
_VERSIONS = ("schema.sql", "npi.sql")
"""Scripts that lead from nothing to the first version of the schema, and from each to the next."""

SCHEMA_VERSION = len(_VERSIONS)


class IndexTooNew(RuntimeError):
    """The index was made by a later version of this program."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class _Job(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    undo: Callable[[], None]
    future: "Future[T]" = field(default_factory=Future)


class Index:
    """The index in `folder`; see the module. Open it before use, close it after."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "index.sqlite"
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="archive-index")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="archive-read")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def open(self) -> None:
        """Creates the schema where there is none and starts to work. `IndexTooNew`, `sqlite3.Error`."""
        connection = _connect(self._path)
        try:
            _migrate(connection)
        finally:
            connection.close()
        self._writer.start()

    def close(self) -> None:
        """Finishes what was begun, then closes."""
        if self._writer.ident is not None:
            self._jobs.put(None)
            self._writer.join()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()

    def submit(self, run: Callable[[sqlite3.Connection], T], undo: Callable[[], None] = _nothing) -> "Future[T]":
        """Runs `run` in a transaction and commits it; `undo` is called when its work did not last."""
        job = _Job(run, undo)
        self._jobs.put(job)
        return job.future

    async def write(self, run: Callable[[sqlite3.Connection], T], undo: Callable[[], None] = _nothing) -> T:
        """`submit`, awaited. A caller that is cancelled does not undo the write."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(run, undo)))

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `run` on a reader's connection, in a consistent view."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, run)

    def read_now(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """`read` for callers that are in a thread already."""
        connection = self._reader()
        connection.execute("BEGIN")
        try:
            return run(connection)
        finally:
            connection.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._connections.append(connection)
        return connection

    def _write_all(self) -> None:
        connection = _connect(self._path)
        try:
            while jobs := self._next_jobs():
                _commit_together(connection, jobs)
        finally:
            connection.close()

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


def _commit_together(connection: sqlite3.Connection, jobs: list[_Job[Any]]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        done = [(job, result) for job in jobs if (result := _run(connection, job)) is not _FAILED]
        connection.execute("COMMIT")
    except Exception as error:
        _roll_back(connection)
        for job in jobs:
            _fail(job, error)
        return
    for job, result in done:
        job.future.set_result(result)


_FAILED = object()


def _run(connection: sqlite3.Connection, job: _Job[Any]) -> Any:
    """The job's result; when it fails, its changes are taken back and the others go on."""
    connection.execute("SAVEPOINT job")
    try:
        result = job.run(connection)
    except Exception as error:
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
    except OSError as failure:
        log.error("archive_undo_failed", reason=type(failure).__name__)
    job.future.set_exception(error)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS_CACHED, timeout=30
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise IndexTooNew(f"the archive's index has version {version}, this program knows {SCHEMA_VERSION}")
    for number, name in enumerate(_VERSIONS[version:], start=version + 1):
        script = Path(__file__).with_name(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
