"""The embedded store: one SQLite file, for one machine."""

import asyncio
from pathlib import Path
from typing import Self

from persistence.sqlite.access import SqliteAccessRecords
from persistence.sqlite.bookmarks import SqliteBookmarks
from persistence.sqlite.cursors import SqliteCursors
from persistence.sqlite.database import Database
from persistence.sqlite.deliveries import SqliteWebhookDeliveries
from persistence.sqlite.events import SqliteExamEvents
from persistence.sqlite.leases import SqliteLeases
from persistence.sqlite.lock import DirectoryLock
from persistence.sqlite.tokens import SqliteViewerTokens
from persistence.sqlite.uids import SqliteIssuedUids


class SqliteStore(
    SqliteExamEvents,
    SqliteIssuedUids,
    SqliteCursors,
    SqliteBookmarks,
    SqliteLeases,
    SqliteWebhookDeliveries,
    SqliteViewerTokens,
    SqliteAccessRecords,
):
    """The `Store` protocol on one SQLite file."""

    def __init__(self, database: Database, lock: DirectoryLock) -> None:
        super().__init__(database)
        self._lock = lock

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens or makes the database at `path` (with its folder), and keeps other servers off that folder."""
        return await asyncio.to_thread(cls._open, path)

    @classmethod
    def _open(cls, path: Path) -> Self:
        lock = DirectoryLock(path.parent)
        try:
            return cls(Database(path), lock)
        except BaseException:
            lock.release()
            raise

    async def ping(self) -> None:
        """Returns when the database answers; after a write that failed, tries another. `StoreUnwritable`."""
        await self._database.read(lambda connection: connection.execute("SELECT 1 FROM exam_events LIMIT 1").fetchone())
        await self._database.check_writable()

    async def close(self) -> None:
        """Finishes the writes under way, closes the file and frees the folder."""
        await self._database.close()
        await asyncio.to_thread(self._lock.release)
