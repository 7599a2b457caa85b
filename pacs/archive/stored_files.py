"""The files that the index knows of, whosever they are."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from pacs.archive.files import relative_path

_COLUMNS = "folder, sop_instance_uid, transfer_syntax_uid, file_bytes, digest"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One of them; see `lookup.Stored`. `folder` is the study's, or the resource's of an object without a patient."""

    folder: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    file_bytes: int
    digest: bytes

    @property
    def place(self) -> str:
        """Where it lies, relative to the data folder."""
        return relative_path(self.folder, self.sop_instance_uid)


def stored_files(connection: sqlite3.Connection) -> Iterator[StoredFile]:
    """All of them, as they are read."""
    select = f"SELECT {_COLUMNS} FROM stored_files"  # noqa: S608  # fixed columns, and no input
    return (StoredFile(*row) for row in connection.execute(select))


def is_filed(connection: sqlite3.Connection, place: str) -> bool:
    """Whether the index has the file of a relative path."""
    _, folder, name = place.rsplit("/", 2)
    row = connection.execute(
        "SELECT 1 FROM stored_files WHERE sop_instance_uid = ? AND folder = ?", (name.removesuffix(".dcm"), folder)
    ).fetchone()
    return row is not None
