"""Do the files and the index agree? What `dicom-graph archive check` prints."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pacs import file_meta
from pacs.archive.files import relative_path
from pacs.archive.index import Index
from pacs.archive.lock import DataLock
from pacs.errors import BadDicom

_BLOCK_BYTES = 1024 * 1024
_ALL = "SELECT folder, sop_instance_uid, file_bytes, digest FROM stored_files"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; paths are relative to the data folder.

    `missing` are files that the index has and the disk has not, `damaged` those with other content than was stored,
    `unknown` those that the index does not have, `index_errors` what SQLite finds wrong with the index itself.
    """

    instances: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    unknown: tuple[str, ...]
    index_errors: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.damaged or self.unknown or self.index_errors)


def verify(data_dir: Path) -> Report:
    """Reads every file of an archive that is not running. `ArchiveLocked`, `sqlite3.Error`; changes nothing."""
    lock = DataLock(data_dir)
    lock.acquire()
    index = Index(data_dir)
    try:
        index.open()
        entries = index.read_now(lambda connection: connection.execute(_ALL).fetchall())
        errors = index.read_now(lambda connection: connection.execute("PRAGMA integrity_check").fetchall())
    finally:
        index.close()
        lock.release()
    expected = {relative_path(folder, instance): (size, digest) for folder, instance, size, digest in entries}
    present = set(_files(data_dir))
    return Report(
        instances=len(expected),
        missing=tuple(sorted(expected.keys() - present)),
        damaged=tuple(
            path for path in sorted(expected.keys() & present) if file_state(data_dir / path) != expected[path]
        ),
        unknown=tuple(sorted(present - expected.keys())),
        index_errors=tuple(text for (text,) in errors if text != "ok"),
    )


def _files(data_dir: Path) -> Iterator[str]:
    return (str(path.relative_to(data_dir)) for path in (data_dir / "files").rglob("*") if path.is_file())


def file_state(path: Path) -> tuple[int, bytes]:
    """A file's size and the digest of its dataset, as the index has them. `OSError`."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        try:
            offset = file_meta.read_meta(file, size).dataset_offset
        except BadDicom:
            offset = 0
        file.seek(offset)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return size, digest.digest()
