"""Flat records as rows, and back: a column a field, moments as milliseconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from persistence.records import Record, from_milliseconds, to_milliseconds

R = TypeVar("R", bound=Record)


class Rows(Generic[R]):
    """How records of one kind lie in their table."""

    def __init__(self, table: str, record: type[R], moments: Sequence[str]) -> None:
        """`moments` are the fields that hold one."""
        self._record = record
        self._moments = frozenset(moments)
        names = list(record.model_fields)
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        self.select = f"SELECT {columns} FROM {table} "  # noqa: S608  names of fields, not values
        self.insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  as above
        self._names = names

    def values(self, record: R) -> list[Any]:
        """What `insert` binds."""
        return [to_value(getattr(record, name)) for name in self._names]

    def record(self, row: Sequence[Any] | None) -> R | None:
        """The record in a row that `select` gave; `None` for no row."""
        if row is None:
            return None
        return self._record.model_validate(
            {
                name: from_milliseconds(value) if name in self._moments and value is not None else value
                for name, value in zip(self._names, row, strict=True)
            }
        )

    def records(self, rows: Sequence[Sequence[Any]]) -> list[R]:
        """The records in the rows that `select` gave."""
        return [record for row in rows if (record := self.record(row)) is not None]


def to_value(value: Any) -> Any:
    """A field's value as SQLite keeps it."""
    return to_milliseconds(value) if isinstance(value, datetime) else value
