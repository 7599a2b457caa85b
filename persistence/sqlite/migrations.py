"""The tables, and how an older file becomes a current one.

Times are integers: milliseconds since 1970, UTC. A released step is never edited; a change is a new step at the end.
"""

import sqlite3

from persistence.errors import StoreUnusable

_APPLICATION_ID = 0x64676670  # marks the file as this project's, for `file` and for the check below

_STEPS = (
    """
    CREATE TABLE exam_events (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        received_at INTEGER NOT NULL,
        study_instance_uid TEXT NOT NULL,
        patient_id TEXT NOT NULL,
        modalities TEXT NOT NULL,
        body TEXT NOT NULL,
        digest TEXT NOT NULL
    );
    CREATE INDEX exam_events_by_patient ON exam_events (patient_id, sequence);
    CREATE INDEX exam_events_by_digest ON exam_events (digest, received_at);

    CREATE TABLE exam_event_modalities (
        modality TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (modality, sequence)
    ) WITHOUT ROWID;
    CREATE INDEX exam_event_modalities_by_sequence ON exam_event_modalities (sequence);

    CREATE TABLE issued_uids (uid TEXT PRIMARY KEY) WITHOUT ROWID;

    CREATE TABLE cursors (name TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE webhook_deliveries (
        id TEXT PRIMARY KEY,
        event_sequence INTEGER NOT NULL,
        url TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        last_error TEXT,
        next_attempt_at INTEGER,
        delivered_at INTEGER,
        claim TEXT
    ) WITHOUT ROWID;
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (url, state, next_attempt_at);
    CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, id);

    CREATE TABLE disabled_webhooks (url TEXT PRIMARY KEY) WITHOUT ROWID;

    CREATE TABLE viewer_tokens (
        digest TEXT PRIMARY KEY,
        study_instance_uid TEXT NOT NULL,
        patient_id TEXT,
        user TEXT,
        role TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        redeemed_at INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX viewer_tokens_by_expiry ON viewer_tokens (expires_at);

    CREATE TABLE access_records (
        id TEXT PRIMARY KEY,
        occurred_at INTEGER NOT NULL,
        subject TEXT NOT NULL,
        role TEXT NOT NULL,
        action TEXT NOT NULL,
        patient_id TEXT,
        study_instance_uid TEXT,
        outcome TEXT NOT NULL,
        request_id TEXT NOT NULL,
        address TEXT
    ) WITHOUT ROWID;
    CREATE INDEX access_records_by_patient ON access_records (patient_id, id);
    CREATE INDEX access_records_by_subject ON access_records (subject, id);
    """,
    """
    CREATE TABLE bookmarks (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID;
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Takes the steps that the file has not seen, all or none; raises `StoreUnusable` for a newer or foreign file."""
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    if application not in (0, _APPLICATION_ID) or (application == 0 and _has_tables(connection)):
        raise StoreUnusable("the database file belongs to another program: name another file")
    if version > len(_STEPS):
        raise StoreUnusable("the database was made by a newer version of dicom-graph: install that version")
    connection.execute("PRAGMA journal_mode = WAL")
    if version == len(_STEPS):
        return
    marks = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {len(_STEPS)};"
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *_STEPS[version:], marks, "COMMIT;"]))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
