"""The events of studies that are to be announced, out of the index: each says what its study is now."""

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

import orjson

from pacs.archive import search
from pacs.archive.faults import report
from pacs.archive.options import ArchiveOptions
from pacs.attributes import Dataset

_AT_ONCE = 20
_TEXTS = (
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "PatientBirthDate",
    "PatientSex",
)
_NAMES = ("PatientName", "ReferringPhysicianName")

_DUE = """
    SELECT id, version, study_instance_uid, patient_id, number_of_series, number_of_instances, attributes, changed_at
    FROM studies
    WHERE notified_version < version AND patient_id <> '' AND (changed_at <= ? OR changed_at > ?)
        AND (changed_at, id) > (?, ?)
    ORDER BY changed_at, id LIMIT ?
"""
_NEXT = "SELECT min(changed_at) FROM studies WHERE notified_version < version AND patient_id <> ''"
_TAKEN = "UPDATE studies SET notified_version = max(notified_version, ?), notified_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Event:
    """One study to announce, in the state `version`."""

    study: int
    version: int
    body: dict[str, Any]
    changed_at: float


def due(options: ArchiveOptions, behind: tuple[float, int], connection: sqlite3.Connection) -> list[Event]:
    """Of studies that are stable, the oldest first, behind the time and the number of another.

    One that changed in the future, by a clock that was set back, is stable as well.
    """
    now = time.time()
    stable = now - options.stable_age_seconds
    rows = connection.execute(_DUE, (stable, now + 1, *behind, _AT_ONCE)).fetchall()
    modalities = search.modalities(connection, [row[0] for row in rows])
    return [_event(options, connection, row, modalities[row[0]]) for row in rows]


def oldest_change(connection: sqlite3.Connection) -> float | None:
    """When that study changed which is to be announced next; None if all are."""
    changed_at: float | None = connection.execute(_NEXT).fetchone()[0]
    return changed_at


def mark_taken(event: Event, connection: sqlite3.Connection) -> None:
    """Remembers that the study is announced, as it was in the event."""
    connection.execute(_TAKEN, (event.version, time.time(), event.study))


def _event(
    options: ArchiveOptions, connection: sqlite3.Connection, row: tuple[Any, ...], modalities: list[str]
) -> Event:
    study, version, study_instance_uid, patient_id, series, instances, attributes, changed_at = row
    dataset = _dataset(attributes)
    body = {
        "SourceID": options.source_id,
        "StudyInstanceUID": study_instance_uid,
        "PatientID": patient_id,
        "NumberOfStudyRelatedSeries": series,
        "NumberOfStudyRelatedInstances": instances,
        "ModalitiesInStudy": modalities,
        "AeTitles": _of_series(connection, study, "application_entity"),
        "StationNames": _of_series(connection, study, "station_name"),
        "EventType": "COMPLETED",
        **{keyword: dataset.text(keyword) for keyword in _TEXTS},
        **{keyword: _name(dataset, keyword) for keyword in _NAMES},
    }
    return Event(study, version, body, changed_at)


def _dataset(attributes: bytes) -> Dataset:
    """The attributes of a study; none where they are damaged, for that it has changed is still to be told."""
    try:
        return Dataset(orjson.loads(attributes))
    except orjson.JSONDecodeError as error:
        report("archive_damaged_study", error)
        return Dataset({})


def _of_series(connection: sqlite3.Connection, study: int, column: str) -> list[str]:
    sql = f"SELECT DISTINCT {column} FROM series WHERE study = ? AND {column} <> '' ORDER BY 1"  # noqa: S608  # named in this file
    return [row[0] for row in connection.execute(sql, (study,))]


def _name(dataset: Dataset, keyword: str) -> str | None:
    """A name as DICOM writes it, its representations divided by `=`."""
    name = dataset.name(keyword)
    if name is None:
        return None
    parts = [name.alphabetic or "", name.ideographic or "", name.phonetic or ""]
    return "=".join(parts).rstrip("=")
