"""What every table of the SQLite store has."""

from collections.abc import Sized

from persistence.sqlite.database import Database


class Table:
    """A part of the store: one noun on the shared database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def marks(values: Sized) -> str:
    """`?, ?, …`: a placeholder for each of `values`."""
    return ", ".join("?" * len(values))
