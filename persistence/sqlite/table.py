"""What every table of the SQLite store has."""

from collections.abc import Sized
from datetime import UTC, datetime, timedelta

from persistence.sqlite.database import Database

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Table:
    """A part of the store: one noun on the shared database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def marks(values: Sized) -> str:
    """`?, ?, …`: a placeholder for each of `values`."""
    return ", ".join("?" * len(values))
