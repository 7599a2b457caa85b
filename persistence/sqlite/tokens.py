"""Viewer tokens in SQLite."""

import sqlite3
from datetime import datetime

from persistence.records import ViewerToken, to_milliseconds
from persistence.sqlite.rows import Rows
from persistence.sqlite.table import Table

_ROWS = Rows("viewer_tokens", ViewerToken, ("expires_at", "redeemed_at"))
_REDEEM = "UPDATE viewer_tokens SET redeemed_at = ? WHERE digest = ? AND redeemed_at IS NULL AND expires_at > ?"


class SqliteViewerTokens(Table):
    """Links into the viewer that work once."""

    async def save_token(self, token: ViewerToken) -> None:
        """Keeps `token`."""
        values = _ROWS.values(token)
        await self._database.write(lambda connection: connection.execute(_ROWS.insert, values))

    async def redeem_token(self, digest: str, now: datetime) -> ViewerToken | None:
        """The token with this digest, marked as redeemed, if it had not been and has not expired."""
        moment = to_milliseconds(now)

        def redeem(connection: sqlite3.Connection) -> ViewerToken | None:
            if connection.execute(_REDEEM, (moment, digest, moment)).rowcount != 1:
                return None
            return _ROWS.record(connection.execute(_ROWS.select + "WHERE digest = ?", (digest,)).fetchone())

        return await self._database.write(redeem)

    async def forget_tokens(self, expired_before: datetime) -> None:
        """Removes tokens that expired before that moment."""
        delete, values = "DELETE FROM viewer_tokens WHERE expires_at < ?", (to_milliseconds(expired_before),)
        await self._database.write(lambda connection: connection.execute(delete, values))
