"""Access records in SQLite."""

from collections.abc import Sequence
from datetime import datetime

from persistence.records import AccessRecord, access_prefix
from persistence.sqlite.rows import Rows
from persistence.sqlite.table import Table

_ROWS = Rows("access_records", AccessRecord, ("occurred_at",))


class SqliteAccessRecords(Table):
    """Who saw or changed which patient's data."""

    async def append_access(self, records: Sequence[AccessRecord]) -> None:
        """Keeps `records`; the same id again changes nothing."""
        rows = [_ROWS.values(record) for record in records]
        await self._database.write(lambda connection: connection.executemany(_ROWS.insert, rows))

    async def access_records(
        self,
        *,
        limit: int,
        patient_id: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
    ) -> list[AccessRecord]:
        """At most `limit` records whose ids sort below `before`, newest first; `since` ≤ time < `until`."""
        conditions = [
            ("patient_id = ?", patient_id),
            ("subject = ?", subject),
            ("id >= ?", since and access_prefix(since)),
            ("id < ?", until and access_prefix(until)),
            ("id < ?", before),
        ]
        wanted = [(condition, value) for condition, value in conditions if value is not None]
        where = "WHERE " + " AND ".join(condition for condition, _ in wanted) if wanted else ""
        sql, values = f"{_ROWS.select}{where} ORDER BY id DESC LIMIT ?", [*(value for _, value in wanted), limit]
        return _ROWS.records(await self._database.read(lambda connection: connection.execute(sql, values).fetchall()))
