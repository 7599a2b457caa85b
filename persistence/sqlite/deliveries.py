"""Webhook deliveries in SQLite."""

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from persistence.records import (
    LONGEST_WAIT,
    MAX_SEQUENCE,
    DeliveryState,
    WebhookDelivery,
    delivery_prefix,
    to_milliseconds,
)
from persistence.sqlite.rows import Rows
from persistence.sqlite.table import Table

_ROWS = Rows("webhook_deliveries", WebhookDelivery, ("next_attempt_at", "delivered_at"))
_BY_ID = _ROWS.select + "WHERE id = ?"
_PENDING = _ROWS.select + "WHERE url = :url AND state = 'PENDING' AND next_attempt_at "
_DUE = tuple(_PENDING + when + " ORDER BY next_attempt_at LIMIT 1" for when in ("<= :now", "> :latest"))
"""Two, since of an OR SQLite would read all that waits."""
_OLDEST = _ROWS.select + "WHERE state = 'PENDING' ORDER BY id LIMIT 1"
_LEASE = "UPDATE webhook_deliveries SET claim = ?, next_attempt_at = ? WHERE id = ?"
_SETTLE = """
    UPDATE webhook_deliveries
    SET state = ?, attempts = ?, last_error = ?, next_attempt_at = ?, delivered_at = ?, claim = NULL
    WHERE id = ? AND claim = ?
"""
_REDELIVER = """
    UPDATE webhook_deliveries
    SET state = 'PENDING', attempts = 0, next_attempt_at = ?, delivered_at = NULL, claim = NULL
    WHERE id = ?
"""


class SqliteWebhookDeliveries(Table):
    """What was, is, and is to be posted to the receivers of events."""

    async def plan_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Adds those that are not there yet."""
        rows = [_ROWS.values(delivery) for delivery in deliveries]
        await self._database.write(lambda connection: connection.executemany(_ROWS.insert, rows))

    async def claim_delivery(self, url: str, now: datetime, *, lease_seconds: float) -> WebhookDelivery | None:
        """The longest due pending delivery to `url`, leased to the caller."""
        due = {"url": url, "now": to_milliseconds(now), "latest": to_milliseconds(now + LONGEST_WAIT)}

        def find(connection: sqlite3.Connection) -> WebhookDelivery | None:
            found = (connection.execute(select, due).fetchone() for select in _DUE)
            return _ROWS.record(next(filter(None, found), None))

        if await self._database.read(find) is None:  # the common case needs no turn of the writer
            return None
        lease_end, claim = to_milliseconds(now + timedelta(seconds=lease_seconds)), uuid.uuid4().hex

        def take(connection: sqlite3.Connection) -> WebhookDelivery | None:
            delivery = find(connection)
            if delivery is None:
                return None
            connection.execute(_LEASE, (claim, lease_end, delivery.id))
            return _ROWS.record(connection.execute(_BY_ID, (delivery.id,)).fetchone())

        return await self._database.write(take)

    async def settle_delivery(self, delivery: WebhookDelivery) -> bool:
        """Writes the outcome of a claimed delivery and ends the lease; false if the lease was lost."""
        row = dict(zip(WebhookDelivery.model_fields, _ROWS.values(delivery), strict=True))
        names = ("state", "attempts", "last_error", "next_attempt_at", "delivered_at", "id", "claim")
        values = [row[name] for name in names]
        return await self._database.write(lambda connection: connection.execute(_SETTLE, values).rowcount == 1)

    async def delivery(self, id: str) -> WebhookDelivery | None:
        """The delivery with this id."""
        return _ROWS.record(await self._database.read(lambda connection: connection.execute(_BY_ID, (id,)).fetchone()))

    async def deliveries(
        self, *, limit: int, state: DeliveryState | None = None, before: str | None = None
    ) -> list[WebhookDelivery]:
        """At most `limit` deliveries whose ids sort below `before`, newest event first."""
        wanted = {"state = ?": state, "id < ?": before}
        conditions = {condition: value for condition, value in wanted.items() if value is not None}
        where = "WHERE " + " AND ".join(conditions) if conditions else ""
        sql, values = f"{_ROWS.select}{where} ORDER BY id DESC LIMIT ?", (*conditions.values(), limit)
        return _ROWS.records(await self._database.read(lambda connection: connection.execute(sql, values).fetchall()))

    async def oldest_pending_delivery(self) -> WebhookDelivery | None:
        """The pending delivery of the oldest event."""
        return _ROWS.record(await self._database.read(lambda connection: connection.execute(_OLDEST).fetchone()))

    async def redeliver(self, id: str, now: datetime) -> WebhookDelivery | None:
        """Makes a delivery pending and due at `now`, with all its attempts before it."""

        def again(connection: sqlite3.Connection) -> WebhookDelivery | None:
            connection.execute(_REDELIVER, (to_milliseconds(now), id))
            return _ROWS.record(connection.execute(_BY_ID, (id,)).fetchone())

        return await self._database.write(again)

    async def forget_deliveries(self, through: int) -> None:
        """Removes the deliveries of all events up to and with number `through`."""
        end = (delivery_prefix(min(through, MAX_SEQUENCE - 1) + 1),)
        delete = "DELETE FROM webhook_deliveries WHERE id < ?"
        await self._database.write(lambda connection: connection.execute(delete, end))

    async def disable_webhook(self, url: str) -> None:
        """Remembers that the receiver does not want to be called any more."""
        insert = "INSERT OR IGNORE INTO disabled_webhooks (url) VALUES (?)"
        await self._database.write(lambda connection: connection.execute(insert, (url,)))

    async def enable_webhook(self, url: str) -> None:
        """Forgets `disable_webhook`."""
        delete = "DELETE FROM disabled_webhooks WHERE url = ?"
        await self._database.write(lambda connection: connection.execute(delete, (url,)))

    async def is_webhook_disabled(self, url: str) -> bool:
        """Whether the receiver was disabled."""
        select = "SELECT 1 FROM disabled_webhooks WHERE url = ?"
        row = await self._database.read(lambda connection: connection.execute(select, (url,)).fetchone())
        return row is not None
