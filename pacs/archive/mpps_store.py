"""Performed procedure steps in SQLite, beside the workitems that they perform.

Each function runs within its caller's transaction.
"""

import sqlite3

import orjson

from pacs.archive.mpps_checks import PerformedStatus, status_of
from pacs.attributes import JSONDataset

SCHEMA = """
CREATE TABLE performed_step (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    dataset BLOB NOT NULL
) STRICT;
CREATE TABLE performed_workitem (
    step TEXT NOT NULL REFERENCES performed_step (uid),
    workitem TEXT NOT NULL REFERENCES workitem (uid),
    transaction_uid TEXT NOT NULL,
    PRIMARY KEY (workitem, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX performed_workitem_by_step ON performed_workitem (step);
"""


def insert(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> bool:
    """Adds a step; False when the UID is taken."""
    sql = "INSERT INTO performed_step (uid, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING"
    return bool(connection.execute(sql, (uid, _encoded(dataset))).rowcount)


def fetch(connection: sqlite3.Connection, uid: str) -> JSONDataset | None:
    """The step with this UID."""
    row = connection.execute("SELECT dataset FROM performed_step WHERE uid = ?", (uid,)).fetchone()
    return orjson.loads(row[0]) if row else None


def save(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> None:
    """Puts the step in the place of the one with its UID."""
    connection.execute("UPDATE performed_step SET dataset = ? WHERE uid = ?", (_encoded(dataset), uid))


def link(connection: sqlite3.Connection, uid: str, workitem: str, transaction_uid: str) -> None:
    """Notes that a step performs a workitem, which is held by `transaction_uid`."""
    connection.execute("INSERT INTO performed_workitem VALUES (?, ?, ?)", (uid, workitem, transaction_uid))


def workitems(connection: sqlite3.Connection, uid: str) -> list[tuple[str, str]]:
    """The UID and the Transaction UID of each workitem that a step performs."""
    sql = "SELECT workitem, transaction_uid FROM performed_workitem WHERE step = ? ORDER BY workitem"
    return connection.execute(sql, (uid,)).fetchall()


def steps(connection: sqlite3.Connection, workitem: str) -> list[JSONDataset]:
    """The steps that perform a workitem, the earliest first."""
    sql = """
        SELECT dataset FROM performed_step JOIN performed_workitem ON step = uid WHERE workitem = ? ORDER BY number
    """
    return [orjson.loads(dataset) for (dataset,) in connection.execute(sql, (workitem,))]


def held_by(connection: sqlite3.Connection, workitem: str) -> str | None:
    """The Transaction UID under which steps hold a workitem; None when none does."""
    sql = "SELECT transaction_uid FROM performed_workitem WHERE workitem = ? LIMIT 1"
    row = connection.execute(sql, (workitem,)).fetchone()
    return str(row[0]) if row else None


def all_ended(performed: list[JSONDataset]) -> PerformedStatus | None:
    """How steps ended as a whole: COMPLETED if one of them was; None while one is in progress."""
    found = {status_of(step) for step in performed}
    if PerformedStatus.IN_PROGRESS in found:
        return None
    return PerformedStatus.COMPLETED if PerformedStatus.COMPLETED in found else PerformedStatus.DISCONTINUED


def _encoded(dataset: JSONDataset) -> bytes:
    return orjson.dumps(dataset, option=orjson.OPT_SORT_KEYS)
