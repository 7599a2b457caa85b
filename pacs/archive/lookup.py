"""Which stored instances a URL of PS3.18 §10.4 means, and their metadata."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from starlette.exceptions import HTTPException

from pacs.archive import packing
from pacs.archive.faults import DamagedIndex
from pacs.archive.metadata import absolute
from pacs.uids import is_uid

_COLUMNS = {"study": "study_instance_uid", "series": "series_instance_uid", "instance": "sop_instance_uid"}
_PATIENT = {"patient": "patient_id"}
_FROM = """
    FROM studies JOIN series ON series.study = studies.id JOIN instances ON instances.series = series.id
"""
_ORDER = " ORDER BY series.series_number, series.id, instances.instance_number, instances.id"


class Stored(Protocol):
    """What is sent of an object depends on no more than this, whether it belongs to a patient or not."""

    @property
    def sop_instance_uid(self) -> str:
        """Its UID."""

    @property
    def transfer_syntax_uid(self) -> str:
        """How it is stored."""

    @property
    def file_bytes(self) -> int:
        """The size of its file."""

    @property
    def digest(self) -> bytes:
        """What its dataset is known by; see `Received`."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A stored instance, as retrieval needs it."""

    id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    file_bytes: int
    digest: bytes

    @property
    def folder(self) -> str:
        """Where its file lies; see `files`."""
        return self.study_instance_uid

    def url(self, base: str) -> str:
        """Its resource under the DICOMweb root `base`."""
        return (
            f"{base}/studies/{self.study_instance_uid}/series/{self.series_instance_uid}"
            f"/instances/{self.sop_instance_uid}"
        )


def find(connection: sqlite3.Connection, path: Mapping[str, Any]) -> list[Instance]:
    """The instances under the study, series and instance of a URL, in order; 404 when there are none."""
    wanted = {name: (uid,) for name, uid in path.items() if name in _COLUMNS}
    if not all(is_uid(uid, lenient=True) for (uid,) in wanted.values()):
        raise HTTPException(400, "the URL holds something that is not a UID")
    found = select(connection, wanted)
    if not found:
        raise HTTPException(404, "there is no such object")
    return found


def select(connection: sqlite3.Connection, wanted: Mapping[str, Sequence[str]]) -> list[Instance]:
    """The instances with one of the values for each of `patient`, `study`, `series`, `instance` that is named."""
    columns = {(_COLUMNS | _PATIENT)[name]: values for name, values in wanted.items()}
    fields = "instances.id, study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid"
    where = " AND ".join(f"{column} IN ({', '.join('?' * len(values))})" for column, values in columns.items())
    sql = f"SELECT {fields}, transfer_syntax_uid, file_bytes, digest {_FROM} WHERE {where} {_ORDER}"
    return [Instance(*row) for row in connection.execute(sql, tuple(chain.from_iterable(columns.values())))]


def metadata(connection: sqlite3.Connection, instances: list[Instance], base: str) -> list[bytes]:
    """The encoded metadata of some instances, with complete bulk data URIs."""
    marks = ", ".join("?" * len(instances))
    rows = connection.execute(
        f"""SELECT instance, json, series FROM metadata JOIN instances ON instances.id = instance
        WHERE instance IN ({marks})""",  # noqa: S608  # question marks
        [instance.id for instance in instances],
    ).fetchall()
    packed = {instance: (json, series) for instance, json, series in rows}
    dictionaries = _dictionaries(connection, {series for _, _, series in rows})
    found = []
    for instance in instances:
        if instance.id not in packed:
            raise DamagedIndex("an instance has no metadata")
        json, series = packed[instance.id]
        found.append(absolute(packing.unpack(json, dictionaries[series]), instance.url(base)))
    return found


def _dictionaries(connection: sqlite3.Connection, series: set[int]) -> dict[int, bytes]:
    marks = ", ".join("?" * len(series))
    sql = f"SELECT id, dictionary FROM series WHERE id IN ({marks})"  # noqa: S608  # question marks
    return dict(connection.execute(sql, list(series)).fetchall())
