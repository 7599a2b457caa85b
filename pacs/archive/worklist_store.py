"""Workitems and subscriptions in SQLite: rows in, rows out. Each function runs within its caller's transaction."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from pacs.archive import mpps_store
from pacs.archive.normal_forms import normal_forms, vr_of
from pacs.attributes import JSONDataset, tag
from pacs.workitem import WorkitemState

_FIRST = """
CREATE TABLE workitem (
    uid TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    transaction_uid TEXT,
    patient_id TEXT NOT NULL,
    start TEXT NOT NULL,
    dataset BLOB NOT NULL
) STRICT;
CREATE INDEX workitem_by_patient ON workitem (patient_id, start, uid);
CREATE INDEX workitem_by_state ON workitem (state, start, uid);
CREATE INDEX workitem_by_start ON workitem (start, uid);
CREATE TABLE workitem_key (
    path TEXT NOT NULL,
    value TEXT NOT NULL,
    uid TEXT NOT NULL REFERENCES workitem (uid),
    PRIMARY KEY (path, value, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX workitem_key_by_uid ON workitem_key (uid);
CREATE TABLE global_subscription (
    ae_title TEXT PRIMARY KEY,
    deletion_lock INTEGER NOT NULL,
    filter TEXT NOT NULL
) STRICT;
CREATE TABLE subscription (
    uid TEXT NOT NULL REFERENCES workitem (uid),
    ae_title TEXT NOT NULL,
    deletion_lock INTEGER NOT NULL,
    PRIMARY KEY (uid, ae_title)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscription_by_ae_title ON subscription (ae_title);
"""

VERSIONS = (_FIRST, mpps_store.SCHEMA)
"""The scripts that make the schema, for `Database`."""

_INDEXED_KEYWORDS = (
    ("StudyInstanceUID",),
    ("ReferencedRequestSequence", "StudyInstanceUID"),
    ("ReferencedRequestSequence", "AccessionNumber"),
    ("ScheduledStationNameCodeSequence", "CodeValue"),
    ("ScheduledStationClassCodeSequence", "CodeValue"),
)

INDEXED = {tuple(map(tag, path)): ".".join(path) for path in _INDEXED_KEYWORDS}
"""Attributes in `workitem_key`: the path of their tags, and what it is called there."""

COLUMNS = {
    (tag("SOPInstanceUID"),): "uid",
    (tag("ProcedureStepState"),): "state",
    (tag("PatientID"),): "patient_id",
    (tag("ScheduledProcedureStepStartDateTime"),): "start",
}
"""Attributes in columns of `workitem`. Values are in the form that `matching` compares, here and in `INDEXED`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A workitem and its lock."""

    uid: str
    state: WorkitemState
    transaction_uid: str | None
    dataset: JSONDataset


def insert(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> bool:
    """Adds a workitem; False when the UID is taken."""
    row = (uid, WorkitemState.SCHEDULED.value, None, *_columns(dataset))
    cursor = connection.execute("INSERT INTO workitem VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
    if cursor.rowcount:
        _insert_keys(connection, uid, dataset)
    return bool(cursor.rowcount)


def fetch(connection: sqlite3.Connection, uid: str) -> Stored | None:
    """The workitem with this UID."""
    query = "SELECT uid, state, transaction_uid, dataset FROM workitem WHERE uid = ?"
    row = connection.execute(query, (uid,)).fetchone()
    return stored(*row) if row else None


def save(connection: sqlite3.Connection, workitem: Stored) -> None:
    """Puts the workitem in the place of the one with its UID."""
    row = (workitem.state.value, workitem.transaction_uid, *_columns(workitem.dataset), workitem.uid)
    connection.execute(
        "UPDATE workitem SET state = ?, transaction_uid = ?, patient_id = ?, start = ?, dataset = ? WHERE uid = ?", row
    )
    connection.execute("DELETE FROM workitem_key WHERE uid = ?", (workitem.uid,))
    _insert_keys(connection, workitem.uid, workitem.dataset)


def stored(uid: str, state: str, transaction_uid: str | None, dataset: bytes) -> Stored:
    """A workitem of its row."""
    return Stored(uid, WorkitemState(state), transaction_uid, orjson.loads(dataset))


def _columns(dataset: JSONDataset) -> tuple[str, str, bytes]:
    patient_id = next(_forms(dataset, (tag("PatientID"),)), "")
    start = next(_forms(dataset, (tag("ScheduledProcedureStepStartDateTime"),)), "")
    return patient_id, start, orjson.dumps(dataset, option=orjson.OPT_SORT_KEYS)


def _insert_keys(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> None:
    rows = {(name, value, uid) for path, name in INDEXED.items() for value in _forms(dataset, path)}
    connection.executemany("INSERT INTO workitem_key VALUES (?, ?, ?)", rows)


def _forms(dataset: JSONDataset, path: tuple[str, ...]) -> Iterator[str]:
    here, *below = path
    values = dataset.get(here, {}).get("Value", [])
    if not below:
        yield from normal_forms(vr_of(here), values)
        return
    for item in values:
        yield from _forms(item, tuple(below))
