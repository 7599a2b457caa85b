"""Who wants to hear of which workitems: the subscription states of PS3.4 Table CC.2.3-2, as rows.

Nothing is ever removed from the worklist, so a deletion lock costs nothing and is always granted.
"""

import sqlite3
from collections.abc import Iterable

_SUBSCRIBE = "INSERT INTO subscription (uid, ae_title, deletion_lock) VALUES (?, ?, ?)"


def subscribe(connection: sqlite3.Connection, uid: str, ae_title: str, *, deletion_lock: bool) -> None:
    """To one workitem, whatever was before."""
    replace = " ON CONFLICT DO UPDATE SET deletion_lock = excluded.deletion_lock"
    connection.execute(_SUBSCRIBE + replace, (uid, ae_title, deletion_lock))


def unsubscribe(connection: sqlite3.Connection, uid: str, ae_title: str) -> None:
    """From one workitem."""
    connection.execute("DELETE FROM subscription WHERE uid = ? AND ae_title = ?", (uid, ae_title))


def subscribe_globally(
    connection: sqlite3.Connection, ae_title: str, uids: Iterable[str], *, deletion_lock: bool, matching: str
) -> list[str]:
    """To these workitems that exist and to future ones that match; the UIDs of those that are new to the AE.

    `matching` is the filter as a query string; everything matches the empty one.
    """
    connection.execute(
        "INSERT OR REPLACE INTO global_subscription (ae_title, deletion_lock, filter) VALUES (?, ?, ?)",
        (ae_title, deletion_lock, matching),
    )
    known = {uid for (uid,) in connection.execute("SELECT uid FROM subscription WHERE ae_title = ?", (ae_title,))}
    new = [uid for uid in uids if uid not in known]
    connection.executemany(_SUBSCRIBE, ((uid, ae_title, deletion_lock) for uid in new))
    return new


def unsubscribe_globally(connection: sqlite3.Connection, ae_title: str) -> None:
    """From everything, specific subscriptions included."""
    suspend(connection, ae_title)
    connection.execute("DELETE FROM subscription WHERE ae_title = ?", (ae_title,))


def suspend(connection: sqlite3.Connection, ae_title: str) -> None:
    """From future workitems only."""
    connection.execute("DELETE FROM global_subscription WHERE ae_title = ?", (ae_title,))


def global_subscribers(connection: sqlite3.Connection) -> list[tuple[str, bool, str]]:
    """AE title, deletion lock and filter of each."""
    rows = connection.execute("SELECT ae_title, deletion_lock, filter FROM global_subscription")
    return [(ae_title, bool(lock), matching) for ae_title, lock, matching in rows]


def subscribers(connection: sqlite3.Connection, uid: str) -> list[str]:
    """The AE titles that hear of a workitem."""
    return [ae_title for (ae_title,) in connection.execute("SELECT ae_title FROM subscription WHERE uid = ?", (uid,))]
