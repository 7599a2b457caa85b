"""Do the files and the index agree? What `dicom-graph archive check` prints. Memory does not grow with the archive."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pacs.archive import wholeness
from pacs.archive.faults import ArchiveUnusable, usable
from pacs.archive.index import INDEX, Index
from pacs.archive.index_check import database_errors, index_errors
from pacs.archive.lock import DataLock
from pacs.archive.stored_files import StoredFile, is_filed, stored_files

_OTHERS = ("worklist.sqlite", "commitments.sqlite")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; paths are relative to the data folder.

    `missing` are files that the index has and the disk has not, `damaged` those with other content than was stored,
    `unreadable` those that the disk does not give, `unknown` those that the index does not have, `index_errors` what is
    wrong with the databases themselves.
    """

    instances: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    unreadable: tuple[str, ...]
    unknown: tuple[str, ...]
    index_errors: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any((self.missing, self.damaged, self.unreadable, self.unknown, self.index_errors))


def verify(data_dir: Path) -> Report:
    """Reads every file of an archive that is not running. `ArchiveLocked`, `ArchiveUnusable`; changes nothing."""
    with _opened(data_dir) as index:
        return index.read_now(lambda connection: _report(connection, data_dir))


@contextmanager
def _opened(data_dir: Path) -> Iterator[Index]:
    if not (data_dir / INDEX).is_file():
        raise ArchiveUnusable(f"there is no archive in the folder {data_dir}")
    lock = DataLock(data_dir)
    index = Index(data_dir)
    with usable(data_dir):
        lock.acquire()
        try:
            index.open()
            yield index
        finally:
            index.close()
            lock.release()


def _report(connection: sqlite3.Connection, data_dir: Path) -> Report:
    found: dict[str, list[str]] = {"whole": [], "missing": [], "damaged": [], "unreadable": []}
    errors = list(chain(index_errors(connection), *(database_errors(data_dir / name) for name in _OTHERS)))
    instances = 0
    try:
        for expected in stored_files(connection):
            instances += 1
            state = _state(data_dir / expected.place, expected)
            if state != "whole":
                found[state].append(expected.place)
        unknown = tuple(path for path in _files(data_dir) if not is_filed(connection, path))
    except sqlite3.Error as error:
        errors.append(f"not everything could be compared: {error}")
        unknown = ()
    missing, damaged, unreadable = (tuple(sorted(found[state])) for state in ("missing", "damaged", "unreadable"))
    return Report(instances, missing, damaged, unreadable, tuple(sorted(unknown)), tuple(dict.fromkeys(errors)))


def _state(path: Path, expected: StoredFile) -> str:
    try:
        if not path.exists():
            return "missing"
        return "whole" if wholeness.is_whole(expected, path) else "damaged"
    except OSError:
        return "unreadable"


def _files(data_dir: Path) -> Iterator[str]:
    return (str(path.relative_to(data_dir)) for path in (data_dir / "files").rglob("*") if path.is_file())
