"""Matches at the level of patients, which the index keeps as attributes of studies."""

import sqlite3
from collections.abc import Iterable

from pacs.archive.dimse.query_levels import PATIENT_COUNTS
from pacs.archive.levels import Level
from pacs.archive.search import Found
from pacs.attributes import Dataset, JSONDataset

_COUNT = """
    SELECT count(*) AS studies, coalesce(sum(number_of_series), 0) AS series,
        coalesce(sum(number_of_instances), 0) AS instances
    FROM studies WHERE patient_id = ?
"""


def describe(
    connection: sqlite3.Connection, studies: Iterable[Found], tags: frozenset[str], seen: set[str]
) -> list[JSONDataset]:
    """The patients of some studies, each once, as the first study has them. `seen` remembers them between pages.

    Studies without a PatientID are nobody's: each counts as a patient of its own.
    """
    patients = []
    for study in studies:
        attributes = study.attributes[Level.STUDY]
        patient_id = (Dataset(attributes).text("PatientID") or "").strip()
        known_as = patient_id or f"study {study.row['study']}"
        if known_as not in seen:
            seen.add(known_as)
            patient = {name: value for name, value in attributes.items() if name in tags}
            patients.append(patient | _counts(connection, patient_id, tags))
    return patients


def _counts(connection: sqlite3.Connection, patient_id: str, tags: frozenset[str]) -> JSONDataset:
    wanted = {name: column for name, column in PATIENT_COUNTS.items() if name in tags}
    if not wanted or not patient_id:
        return {}
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    row = cursor.execute(_COUNT, (patient_id,)).fetchone()
    return {name: {"vr": "IS", "Value": [row[column]]} for name, column in wanted.items()}
