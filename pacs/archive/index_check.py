"""What is wrong with the index itself, as far as it can tell: its pages, what refers to what, its counts and values."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from pacs.archive import connections, packing
from pacs.archive.faults import decoding

_WAIT_SECONDS = 5

_COUNTS = """
    SELECT 'the study ' || study_instance_uid || ' has another number of series or instances than it says' FROM studies
    WHERE number_of_series <> (SELECT count(*) FROM series WHERE series.study = studies.id)
        OR number_of_instances <>
            (SELECT coalesce(sum(series.number_of_instances), 0) FROM series WHERE series.study = studies.id)
    UNION ALL
    SELECT 'the series ' || series_instance_uid || ' has another number of instances than it says' FROM series
    WHERE number_of_instances <> (SELECT count(*) FROM instances WHERE instances.series = series.id)
"""
_VALUES = {
    "study": "SELECT study_instance_uid, attributes FROM studies",
    "series": "SELECT series_instance_uid, attributes FROM series",
    "instance": "SELECT sop_instance_uid, attributes FROM instances",
    "object": "SELECT sop_instance_uid, attributes FROM non_patient_instances",
}
_METADATA = """
    SELECT sop_instance_uid, json, dictionary FROM instances JOIN series ON series.id = instances.series
    LEFT JOIN metadata ON metadata.instance = instances.id
    UNION ALL SELECT sop_instance_uid, json, x'' FROM non_patient_instances
"""


def index_errors(connection: sqlite3.Connection) -> Iterator[str]:
    """Sentences about all that is wrong; none of them holds a value of a dataset but UIDs."""
    for look in (page_errors, _lost_rows, _wrong_counts, _damaged_attributes, _damaged_metadata):
        yield from _guarded(look, connection)


def database_errors(path: Path) -> Iterator[str]:
    """What is wrong with the pages of another database, if it is there."""
    if not path.exists():
        return
    try:
        connection = connections.connect(path, timeout_seconds=_WAIT_SECONDS)
    except sqlite3.Error as error:
        yield f"{path.name}: {error}"
        return
    try:
        for sentence in _guarded(page_errors, connection):
            yield f"{path.name}: {sentence}"
    finally:
        connection.close()


def page_errors(connection: sqlite3.Connection) -> Iterator[str]:
    """What SQLite finds."""
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield text


def _guarded(look: Callable[[sqlite3.Connection], Iterator[str]], connection: sqlite3.Connection) -> Iterator[str]:
    try:
        yield from look(connection)
    except sqlite3.Error as error:
        yield str(error)


def _lost_rows(connection: sqlite3.Connection) -> Iterator[str]:
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} belongs to nothing"


def _wrong_counts(connection: sqlite3.Connection) -> Iterator[str]:
    for (sentence,) in connection.execute(_COUNTS):
        yield sentence


def _damaged_attributes(connection: sqlite3.Connection) -> Iterator[str]:
    for kind, query in _VALUES.items():
        for uid, attributes in connection.execute(query):
            if not _reads(attributes):
                yield f"the attributes of the {kind} {uid} are damaged"


def _damaged_metadata(connection: sqlite3.Connection) -> Iterator[str]:
    for uid, packed, dictionary in connection.execute(_METADATA):
        if packed is None or not _reads(packed, dictionary):
            yield f"the metadata of the object {uid} are missing or damaged"


def _reads(value: bytes, dictionary: bytes | None = None) -> bool:
    try:
        with decoding():
            orjson.loads(value if dictionary is None else packing.unpack(value, dictionary))
    except sqlite3.Error:
        return False
    return True
