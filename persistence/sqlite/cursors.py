"""Readers' positions in SQLite."""

import sqlite3

from persistence.sqlite.table import Table

_SAVE = """
    INSERT INTO cursors (name, sequence) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET sequence = max(sequence, excluded.sequence)
"""


class SqliteCursors(Table):
    """How far each reader of the event log has come."""

    async def cursor(self, name: str) -> int | None:
        """The sequence number saved under `name`."""

        def read(connection: sqlite3.Connection) -> int | None:
            row = connection.execute("SELECT sequence FROM cursors WHERE name = ?", (name,)).fetchone()
            return row[0] if row else None

        return await self._database.read(read)

    async def save_cursor(self, name: str, sequence: int) -> None:
        """Saves `sequence` under `name`; a cursor never moves back."""
        await self._database.write(lambda connection: connection.execute(_SAVE, (name, sequence)))
