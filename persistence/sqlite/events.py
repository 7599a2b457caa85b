"""The event log in SQLite.

The single writer hands out sequence numbers in the order of its commits, so a reader that has seen number n
has seen all below it.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Any

from persistence.errors import CursorExpired
from persistence.filters import EventFilter
from persistence.records import (
    MAX_SEQUENCE,
    ExamEvent,
    NewExamEvent,
    canonical_json,
    from_milliseconds,
    to_milliseconds,
)
from persistence.repeats import Repeats
from persistence.sqlite.table import Table, marks

_COLUMNS = "sequence, received_at, study_instance_uid, patient_id, modalities, body"
_INSERT = """
    INSERT INTO exam_events (received_at, study_instance_uid, patient_id, modalities, body, digest)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_INSERT_MODALITY = "INSERT OR IGNORE INTO exam_event_modalities (modality, sequence) VALUES (?, ?)"
_ONE = f"SELECT {_COLUMNS} FROM exam_events WHERE sequence = ?"  # noqa: S608  a constant
_SAME = f"""
    SELECT {_COLUMNS} FROM exam_events
    WHERE digest = ? AND received_at > ? AND received_at < ? ORDER BY received_at LIMIT 1
"""  # noqa: S608  a constant
_OF_MODALITY = """
    SELECT * FROM (
        SELECT sequence FROM exam_event_modalities WHERE modality = ? AND sequence > ? ORDER BY sequence LIMIT ?
    )
"""
_ITS_MODALITIES = "SELECT 1 FROM exam_event_modalities AS m WHERE m.sequence = exam_events.sequence"
_FIRST = """
    SELECT coalesce((SELECT min(sequence) FROM exam_events),
                    (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'exam_events'), 1)
"""
_LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exam_events'), 0)"


class SqliteExamEvents(Table):
    """The log of exam events."""

    async def append_event(
        self, event: NewExamEvent, *, dedupe_seconds: float = 0, key: str | None = None
    ) -> ExamEvent:
        """Stores `event` under the next sequence number; on the disk when this returns."""
        modalities, body = json.dumps(event.modalities), canonical_json(event.body)
        repeats = Repeats.of(body, event.received_at, dedupe_seconds, key)

        def append(connection: sqlite3.Connection) -> ExamEvent:
            if repeats.since is not None:
                same = (repeats.digest, to_milliseconds(repeats.since), to_milliseconds(repeats.until))
                if row := connection.execute(_SAME, same).fetchone():
                    return _event(row)
            received_at = to_milliseconds(event.received_at)
            values = (received_at, event.study_instance_uid, event.patient_id, modalities, body, repeats.digest)
            sequence: int = connection.execute(_INSERT, values).lastrowid  # type: ignore[assignment]  # after an INSERT
            for modality in event.modalities:
                connection.execute(_INSERT_MODALITY, (modality, sequence))
            return event.stored(sequence)

        return await self._database.write(append)

    async def events_after(
        self,
        sequence: int | None,
        *,
        limit: int,
        patient_id: str | None = None,
        modalities: Sequence[str] | None = None,
    ) -> list[ExamEvent]:
        """At most `limit` events behind `sequence`, oldest first; `None` starts at the oldest that is kept."""
        wanted = EventFilter.of(patient_id, modalities)
        if wanted.is_empty:
            return []
        sql, values = page_query(wanted, min(sequence or 0, MAX_SEQUENCE), limit)

        def read(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            if sequence is not None and sequence + 1 < (first := _number(connection, _FIRST)):
                raise CursorExpired(f"events up to {first - 1} are no longer kept")
            return connection.execute(sql, values).fetchall()

        return [_event(row) for row in await self._database.read(read)]

    async def event(self, sequence: int) -> ExamEvent | None:
        """The event with this sequence number, if it is kept."""
        values = (min(sequence, MAX_SEQUENCE),)
        row = await self._database.read(lambda connection: connection.execute(_ONE, values).fetchone())
        return _event(row) if row else None

    async def last_sequence(self) -> int:
        """The newest sequence number ever given; 0 before the first event."""
        return await self._database.read(lambda connection: _number(connection, _LAST))

    async def first_sequence(self) -> int:
        """The oldest sequence number that is kept, or that the next event will get when none is."""
        return await self._database.read(lambda connection: _number(connection, _FIRST))

    async def forget_events(self, through: int) -> None:
        """Removes all events up to and with `through`; AUTOINCREMENT never gives their numbers again."""

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM exam_event_modalities WHERE sequence <= ?", (through,))
            connection.execute("DELETE FROM exam_events WHERE sequence <= ?", (through,))

        await self._database.write(forget)

    async def changes(self) -> AsyncIterator[None]:
        """Ends at once: SQLite does not tell."""
        for _ in ():
            yield


def page_query(wanted: EventFilter, after: int, limit: int) -> tuple[str, list[Any]]:
    """The statement that reads a page, and its values: each form walks an index in the order of the answer.

    By modality, each modality's own index range gives at most a page, and the ranges are merged.
    """
    conditions = ["sequence > ?"]
    values: list[Any] = [after]
    if wanted.patient_id is not None:
        conditions.append("patient_id = ?")
        values.append(wanted.patient_id)
        if wanted.modalities is not None:
            conditions.append(f"EXISTS ({_ITS_MODALITIES} AND m.modality IN ({marks(wanted.modalities)}))")
            values.extend(wanted.modalities)
    elif wanted.modalities is not None:
        conditions.append(f"sequence IN ({' UNION '.join([_OF_MODALITY] * len(wanted.modalities))})")
        values.extend(value for modality in wanted.modalities for value in (modality, after, limit))
    where = " AND ".join(conditions)
    sql = f"SELECT {_COLUMNS} FROM exam_events WHERE {where} ORDER BY sequence LIMIT ?"  # noqa: S608  values are bound
    return sql, [*values, limit]


def _event(row: tuple[Any, ...]) -> ExamEvent:
    sequence, received_at, study_instance_uid, patient_id, modalities, body = row
    return ExamEvent(
        sequence=sequence,
        received_at=from_milliseconds(received_at),
        study_instance_uid=study_instance_uid,
        patient_id=patient_id,
        modalities=json.loads(modalities),
        body=json.loads(body),
    )


def _number(connection: sqlite3.Connection, sql: str) -> int:
    value: int = connection.execute(sql).fetchone()[0]
    return value
