"""Leases in SQLite."""

import sqlite3
from datetime import datetime, timedelta

from persistence.records import to_milliseconds
from persistence.sqlite.table import Table


class SqliteLeases(Table):
    """What one worker at a time may do."""

    async def take_lease(self, name: str, holder: str, now: datetime, *, lease_seconds: float) -> bool:
        """Whether `holder` has the lease from now on."""
        ends_at = to_milliseconds(now + timedelta(seconds=lease_seconds))

        def take(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM leases WHERE ends_at <= ?", (to_milliseconds(now),))
            insert = "INSERT OR IGNORE INTO leases (name, holder, ends_at) VALUES (?, ?, ?)"
            return connection.execute(insert, (name, holder, ends_at)).rowcount == 1

        return await self._database.write(take)

    async def end_lease(self, name: str, holder: str) -> None:
        """Ends it, if `holder` still has it."""
        delete, values = "DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder)
        await self._database.write(lambda connection: connection.execute(delete, values))
