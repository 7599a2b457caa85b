"""What the archive answers when its own disk or index fails it: which fault it is, in words, for HTTP and for people.

    DamagedFile      a stored file is not what was stored
    DamagedIndex     a value of a database does not read back
    ArchiveUnusable  the archive cannot start; the message is a sentence that says why

A fault of the disk says nothing of the request, so it is a 5xx. 507 (Insufficient Storage, RFC 4918 §11.5) is for what
could not be written for want of space. A folder that may not be written to is 503: somebody closed it, and may open it
again. Damage is 500: asking again does not help.
"""

import errno
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from pacs.errors import BadDicom, NoPicture

log = structlog.get_logger(__name__)


class DamagedFile(Exception):
    """A stored file is missing, or has other content than was stored."""


class DamagedIndex(sqlite3.DatabaseError):
    """A database is not what was written: SQLite itself checks only how its pages hang together."""


class ArchiveUnusable(RuntimeError):
    """The archive cannot start."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: what the log calls it, the HTTP status, and the sentence that clients read."""

    name: str
    status: int
    sentence: str


FULL = Fault("disk_full", 507, "the archive's disk is full, or its quota used up")
NOT_WRITTEN = Fault("disk_not_written", 507, "the archive cannot write to its disk")
NOT_WRITABLE = Fault("not_writable", 503, "the archive's folder may not be written to")
BUSY = Fault("busy", 503, "the archive is short of something: try again in a moment")
DISK = Fault("disk_failed", 500, "the archive cannot use its disk")
FILE = Fault("file_damaged", 500, "a stored file is missing or damaged; `dicom-graph archive check` lists such files")
INDEX = Fault("index_damaged", 500, "the archive's index is damaged; `dicom-graph archive check` says how")

_BY_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), NOT_WRITABLE),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.ETIMEDOUT), BUSY),
}
_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM), NOT_WRITABLE),
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM), BUSY),
    **dict.fromkeys((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN), DISK),
    # SQLite calls only ENOSPC full: a quota that is used up fails as the write that it is
    **dict.fromkeys(
        (
            sqlite3.SQLITE_IOERR_WRITE,
            sqlite3.SQLITE_IOERR_TRUNCATE,
            sqlite3.SQLITE_IOERR_FSYNC,
            sqlite3.SQLITE_IOERR_DIR_FSYNC,
            sqlite3.SQLITE_IOERR_SHMSIZE,
        ),
        NOT_WRITTEN,
    ),
}
"""By extended or by primary code (the low byte)."""

_UNDECODABLE = (orjson.JSONDecodeError, zlib.error)

FAULTS = (OSError, sqlite3.Error, BadDicom, DamagedFile, *_UNDECODABLE)
"""What handlers raise for a fault. `BadDicom` is one where a stored file is read: what is stored was checked."""


def fault_of(error: BaseException) -> Fault:
    """Which fault an error is: of `FAULTS`, or of what makes an answer while it is sent."""
    if isinstance(error, NoPicture) and error.transient:
        return BUSY
    if isinstance(error, (DamagedFile, BadDicom, NoPicture)) or _is_lost_file(error):
        return FILE
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        return _BY_SQLITE_CODE.get(code) or _BY_SQLITE_CODE.get(code & 0xFF, INDEX)
    if isinstance(error, _UNDECODABLE):
        return INDEX
    if isinstance(error, TimeoutError):
        return BUSY
    return _BY_ERRNO.get(getattr(error, "errno", None) or 0, DISK)


def _is_lost_file(error: BaseException) -> bool:
    """Only what is stored has this suffix, not what is on its way."""
    return isinstance(error, FileNotFoundError) and str(error.filename).endswith(".dcm")


def report(event: str, error: BaseException) -> Fault:
    """Which fault it is, after a line about it in the log: kinds and codes, no values and no paths."""
    fault = fault_of(error)
    log.error(
        event,
        fault=fault.name,
        reason=type(error).__name__,
        errno=getattr(error, "errno", None),
        sqlite=getattr(error, "sqlite_errorname", None),
    )
    return fault


@contextmanager
def decoding() -> Iterator[None]:
    """Values that come from a database and do not read back are `DamagedIndex`."""
    try:
        yield
    except _UNDECODABLE as error:
        raise DamagedIndex("a value of the database is damaged") from error


@contextmanager
def usable(data_dir: Path) -> Iterator[None]:
    """What fails while the archive starts is told in a sentence: `ArchiveUnusable`."""
    try:
        yield
    except OSError as error:
        raise ArchiveUnusable(f"the data folder {data_dir} cannot be used: {reason(error, data_dir)}") from error
    except sqlite3.Error as error:
        advice = _FILES_ARE_WHOLE if fault_of(error) is INDEX else ""
        why = reason(error, data_dir)
        raise ArchiveUnusable(f"the index in {data_dir} cannot be opened: {why}{advice}") from error


def reason(error: OSError | sqlite3.Error, folder: Path) -> str:
    """Why something in the folder cannot be opened, in the system's words, which for a full disk are not SQLite's."""
    if fault_of(error) in {FULL, NOT_WRITTEN} and (free_bytes := shutil.disk_usage(folder).free) < _NEEDED_BYTES:
        return f"its disk is full ({free_bytes} bytes are free, {_NEEDED_BYTES} are needed)"
    return getattr(error, "strerror", None) or str(error)


_NEEDED_BYTES = 1024 * 1024
_FILES_ARE_WHOLE = "; its `files` are whole without it: move the folder away, and upload them to a new archive"
