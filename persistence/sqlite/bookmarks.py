"""Bookmarks in other systems' logs, in SQLite."""

import sqlite3

from persistence.sqlite.table import Table

_SAVE = "INSERT INTO bookmarks (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"


class SqliteBookmarks(Table):
    """How far each reader of another system's log has come."""

    async def bookmark(self, name: str) -> str | None:
        """The text saved last under `name`."""

        def read(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT text FROM bookmarks WHERE name = ?", (name,)).fetchone()
            return row[0] if row else None

        return await self._database.read(read)

    async def save_bookmark(self, name: str, text: str) -> None:
        """Saves `text` under `name`, in place of what was there."""
        await self._database.write(lambda connection: connection.execute(_SAVE, (name, text)))
