"""Issued UIDs in SQLite."""

import sqlite3
from collections.abc import Sequence

from persistence.sqlite.table import Table


class SqliteIssuedUids(Table):
    """The UIDs that were issued; the primary key keeps them apart."""

    async def reserve_uids(self, uids: Sequence[str]) -> list[str]:
        """Records `uids` as issued; returns those that had not been, in order."""

        def reserve(connection: sqlite3.Connection) -> list[str]:
            insert = "INSERT OR IGNORE INTO issued_uids (uid) VALUES (?)"
            return [uid for uid in uids if connection.execute(insert, (uid,)).rowcount == 1]

        return await self._database.write(reserve)
