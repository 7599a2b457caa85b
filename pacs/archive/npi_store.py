"""Rows of objects that belong to no patient. Each function runs within its caller's transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from pacs.archive import packing
from pacs.archive.npi import Resource
from pacs.archive.received import Received

_NO_DICTIONARY = b""
"""Objects of a resource have too little in common to be packed with each other."""


@dataclass(frozen=True, slots=True)
class NonPatientInstance:
    """A stored object, as retrieval needs it; see `Stored`. `packed` is its metadata; see `metadata`."""

    folder: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    file_bytes: int
    digest: bytes
    packed: bytes

    @property
    def metadata(self) -> bytes:
        """Its encoded DICOM JSON; `BulkDataURI`s are relative to its own resource."""
        return unpacked(self.packed)


def insert(connection: sqlite3.Connection, resource: Resource, received: Received) -> None:
    """Enters an object that was not there before."""
    header = received.header
    connection.execute(
        """INSERT INTO non_patient_instances (resource, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
        file_bytes, digest, attributes, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            resource.name,
            header.sop_instance_uid,
            header.sop_class_uid,
            header.transfer_syntax_uid,
            received.file_bytes,
            received.digest,
            received.instance_attributes,
            packing.pack(received.metadata, _NO_DICTIONARY),
        ),
    )


def find(connection: sqlite3.Connection, resource: Resource, sop_instance_uid: str) -> NonPatientInstance | None:
    """The object with this UID, if the resource has it."""
    return next(iter(select(connection, resource, [sop_instance_uid])), None)


def select(
    connection: sqlite3.Connection, resource: Resource, sop_instance_uids: Sequence[str]
) -> list[NonPatientInstance]:
    """Those of the objects that the resource has, in the order in which they were stored."""
    marks = ", ".join("?" * len(sop_instance_uids))
    query = f"{_SELECT} WHERE resource = ? AND sop_instance_uid IN ({marks}) ORDER BY id"
    return [NonPatientInstance(*row) for row in connection.execute(query, (resource.name, *sop_instance_uids))]


_SELECT = """
    SELECT resource, sop_instance_uid, sop_class_uid, transfer_syntax_uid, file_bytes, digest, json
    FROM non_patient_instances
"""


def delete(connection: sqlite3.Connection, sop_instance_uid: str) -> None:
    """Takes the object out."""
    connection.execute("DELETE FROM non_patient_instances WHERE sop_instance_uid = ?", (sop_instance_uid,))


def unpacked(packed: bytes) -> bytes:
    """The metadata of a row."""
    return packing.unpack(packed, _NO_DICTIONARY)
