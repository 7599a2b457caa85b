"""The rows of received instances in the index.

The fence of the archive is the patient: a study belongs to the patient of its first instance, and an instance of
another patient under the same StudyInstanceUID is refused. Retrieval knows only UIDs, so taking it would hand one
patient's images out with another's study.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pacs.archive import npi_store, packing
from pacs.archive.levels import Level
from pacs.archive.outcomes import Outcome
from pacs.archive.received import Received

_DIGEST = """
    SELECT digest FROM instances WHERE sop_instance_uid = ?1
    UNION ALL SELECT digest FROM non_patient_instances WHERE sop_instance_uid = ?1
"""


@dataclass(slots=True)
class _Study:
    id: int
    patient_id: str
    new_series: int = 0


@dataclass(frozen=True, slots=True)
class _Series:
    id: int
    dictionary: bytes


class Entries:
    """The rows of one batch."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._studies: dict[str, _Study] = {}
        self._series: dict[tuple[int, str], _Series] = {}
        self._new_instances: Counter[tuple[int, int]] = Counter()

    def enter(self, received: Received) -> Outcome:
        """Enters an instance with its series and study, unless it is there or must not be."""
        header = received.header
        found = self._connection.execute(_DIGEST, (header.sop_instance_uid,)).fetchone()
        if found:
            return Outcome.UNCHANGED if found[0] == received.digest else Outcome.DUPLICATE
        if received.resource is not None:
            npi_store.insert(self._connection, received.resource, received)
            return Outcome.STORED
        study = self._study(received)
        if study.patient_id != received.patient_id:
            return Outcome.OTHER_PATIENT
        series = self._series_of(received, study)
        values = {
            **received.columns[Level.INSTANCE],
            "series": series.id,
            "transfer_syntax_uid": header.transfer_syntax_uid,
            "file_bytes": received.file_bytes,
            "digest": received.digest,
            "attributes": received.instance_attributes,
        }
        instance = _insert(self._connection, "instances", values)
        packed = packing.pack(received.metadata, series.dictionary)
        self._connection.execute("INSERT INTO metadata VALUES (?, ?)", (instance, packed))
        self._new_instances[study.id, series.id] += 1
        return Outcome.STORED

    def count(self) -> None:
        """Brings the numbers of studies and series up to date, and marks the studies as changed."""
        now = time.time()
        changed: Counter[int] = Counter()
        for (study, series), count in self._new_instances.items():
            changed[study] += count
            self._connection.execute(
                "UPDATE series SET number_of_instances = number_of_instances + ? WHERE id = ?", (count, series)
            )
        new_series = {study.id: study.new_series for study in self._studies.values()}
        self._connection.executemany(
            _CHANGE_STUDY, [(new_series[id_], count, now, id_) for id_, count in changed.items()]
        )

    def _study(self, received: Received) -> _Study:
        uid = received.header.study_instance_uid
        if uid not in self._studies:
            found = self._connection.execute(
                "SELECT id, patient_id FROM studies WHERE study_instance_uid = ?", (uid,)
            ).fetchone()
            self._studies[uid] = _Study(*found) if found else self._new_study(received)
        return self._studies[uid]

    def _new_study(self, received: Received) -> _Study:
        values = {**received.columns[Level.STUDY], "attributes": received.study_attributes, "changed_at": time.time()}
        study = _insert(self._connection, "studies", values)
        self._connection.executemany(
            "INSERT INTO names VALUES (?, ?, ?)", [(tag, form, study) for tag, form in received.names]
        )
        return _Study(study, received.patient_id)

    def _series_of(self, received: Received, study: _Study) -> _Series:
        uid = received.header.series_instance_uid
        if (study.id, uid) not in self._series:
            found = self._connection.execute(
                "SELECT id, dictionary FROM series WHERE study = ? AND series_instance_uid = ?", (study.id, uid)
            ).fetchone()
            self._series[study.id, uid] = _Series(*found) if found else self._new_series(received, study)
        return self._series[study.id, uid]

    def _new_series(self, received: Received, study: _Study) -> _Series:
        dictionary = packing.dictionary_of(received.metadata)
        values = {
            **received.columns[Level.SERIES],
            "study": study.id,
            "station_name": received.station_name,
            "application_entity": received.header.application_entity,
            "attributes": received.series_attributes,
            "dictionary": dictionary,
        }
        series = _insert(self._connection, "series", values)
        self._connection.executemany(
            "INSERT INTO requests VALUES (?, ?, ?)", [(series, *request) for request in received.requests]
        )
        study.new_series += 1
        return _Series(series, dictionary)


_CHANGE_STUDY = """
    UPDATE studies
    SET number_of_series = number_of_series + ?, number_of_instances = number_of_instances + ?, changed_at = ?,
        version = version + 1
    WHERE id = ?
"""


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    """Inserts a row; table and columns are names of this package, never of a client."""
    sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608  # see above
    identifier = connection.execute(sql, tuple(values.values())).lastrowid
    assert identifier is not None  # noqa: S101  # an INSERT into a table with a rowid has one
    return identifier
