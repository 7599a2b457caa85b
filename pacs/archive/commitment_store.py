"""Requests for storage commitment in SQLite: rows in, rows out. Each function runs within its caller's transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

VERSIONS = (
    """
CREATE TABLE commitment (
    transaction_uid TEXT PRIMARY KEY,
    requester TEXT,                  -- AE title that the report goes to; NULL: who asked comes back for the result
    asked_at REAL NOT NULL,          -- seconds since 1970
    refs BLOB NOT NULL,              -- JSON: [class, instance, study, series] of each object
    reasons BLOB,                    -- JSON: the failure reason of each, 0 for none; NULL: not looked at yet
    report_at REAL,                  -- when to report next; NULL: nothing is to be reported (any more)
    attempts INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX commitment_open ON commitment (asked_at) WHERE reasons IS NULL;
CREATE INDEX commitment_due ON commitment (report_at) WHERE report_at IS NOT NULL;
""",
)
"""The scripts that make the schema, for `Database`."""

_COLUMNS = "transaction_uid, requester, asked_at, refs, reasons, report_at, attempts, given_up"


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that is to be kept; study and series are known where the request told them."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """One request. `reasons` has a failure reason for each reference, 0 where it is committed; None until looked at.

    `report_at` is when its report is due, in seconds since 1970; None when there is nothing to report (any more).
    """

    transaction_uid: str
    requester: str | None
    asked_at: float
    references: tuple[Reference, ...]
    reasons: tuple[int, ...] | None
    report_at: float | None
    attempts: int
    is_given_up: bool

    def is_same_request(self, requester: str | None, references: Sequence[Reference]) -> bool:
        """Whether somebody asks for the same once more."""
        return self.requester == requester and set(self.references) == set(references)


def insert(
    connection: sqlite3.Connection, uid: str, requester: str | None, now: float, references: Sequence[Reference]
) -> bool:
    """Adds a request; False when its UID is taken."""
    rows = [[one.sop_class_uid, one.sop_instance_uid, *_place(one)] for one in references]
    sql = (
        "INSERT INTO commitment (transaction_uid, requester, asked_at, refs) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    return bool(connection.execute(sql, (uid, requester, now, orjson.dumps(rows))).rowcount)


def fetch(connection: sqlite3.Connection, uid: str) -> Commitment | None:
    """The request with this Transaction UID."""
    found = _select(connection, "transaction_uid = ?", uid)
    return found[0] if found else None


def unseen(connection: sqlite3.Connection, limit: int) -> list[Commitment]:
    """Requests that nobody has looked at, the earliest first."""
    return _select(connection, "reasons IS NULL ORDER BY asked_at LIMIT ?", limit)


def due(connection: sqlite3.Connection, now: float, busy: Sequence[str]) -> list[Commitment]:
    """Requests whose report is due, the earliest first, of requesters that are not `busy`."""
    return _select(
        connection,
        "report_at <= ? AND requester NOT IN (SELECT value FROM json_each(?)) ORDER BY report_at LIMIT 100",
        now,
        orjson.dumps(list(busy)).decode(),
    )


def next_due(connection: sqlite3.Connection, busy: Sequence[str]) -> float | None:
    """When the next report is due, of requesters that are not `busy`."""
    sql = "SELECT min(report_at) FROM commitment WHERE requester NOT IN (SELECT value FROM json_each(?))"
    found: float | None = connection.execute(sql, (orjson.dumps(list(busy)).decode(),)).fetchone()[0]
    return found


def set_reasons(connection: sqlite3.Connection, uid: str, reasons: Sequence[int], now: float) -> None:
    """Notes what was found; where somebody waits for the report, it is due."""
    sql = """
        UPDATE commitment SET reasons = ?, report_at = CASE WHEN requester IS NOT NULL THEN ? END
        WHERE transaction_uid = ?
    """
    connection.execute(sql, (orjson.dumps(list(reasons)), now, uid))


def report_again(connection: sqlite3.Connection, uid: str, report_at: float) -> None:
    """Notes that a report did not arrive and when to try next."""
    sql = "UPDATE commitment SET report_at = ?, attempts = attempts + 1 WHERE transaction_uid = ?"
    connection.execute(sql, (report_at, uid))


def finish(connection: sqlite3.Connection, uid: str, *, given_up: bool) -> None:
    """Notes that a report arrived, or that no more attempts are made."""
    sql = """
        UPDATE commitment SET report_at = NULL, attempts = attempts + 1, given_up = ? WHERE transaction_uid = ?
    """
    connection.execute(sql, (given_up, uid))


def restart(connection: sqlite3.Connection, uid: str, now: float) -> None:
    """Begins again with a request that is asked once more: what it lists is looked at anew, then reported."""
    sql = """
        UPDATE commitment SET reasons = NULL, report_at = NULL, attempts = 0, given_up = 0, asked_at = ?
        WHERE transaction_uid = ?
    """
    connection.execute(sql, (now, uid))


def _select(connection: sqlite3.Connection, where: str, *parameters: object) -> list[Commitment]:
    select = f"SELECT {_COLUMNS} FROM commitment WHERE {where}"  # noqa: S608  # fixed conditions, bound values
    rows = connection.execute(select, parameters)
    return [_commitment(*row) for row in rows]


def _commitment(
    uid: str,
    requester: str | None,
    asked_at: float,
    refs: bytes,
    reasons: bytes | None,
    report_at: float | None,
    attempts: int,
    given_up: int,
) -> Commitment:
    references = tuple(Reference(*one) for one in orjson.loads(refs))
    found = tuple(orjson.loads(reasons)) if reasons is not None else None
    return Commitment(uid, requester, asked_at, references, found, report_at, attempts, bool(given_up))


def _place(reference: Reference) -> tuple[str | None, str | None]:
    return reference.study_instance_uid, reference.series_instance_uid
