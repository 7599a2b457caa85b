"""One server a data directory."""

import os
import sqlite3
from pathlib import Path

from persistence.errors import StoreInUse, StoreUnusable

_NAME = "server.lock"


class DirectoryLock:
    """Holds `directory` until released, or until the process ends in whatever way.

    The lock is SQLite's own, taken on an empty file beside the database: it works on every platform and network
    file system that SQLite itself works on, and the system frees it when the process dies.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the directory where it is missing; raises `StoreInUse` when another server has it."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(directory / _NAME, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                directory / _NAME, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreUnusable(f"the data directory {directory} cannot be written: {error}") from error
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            if _is_busy(error):
                raise StoreInUse(f"another dicom-graph server works on {directory}: stop it, or set DATA_DIR") from None
            raise StoreUnusable(f"the data directory {directory} cannot be locked: {error}") from error

    def release(self) -> None:
        """Frees the directory."""
        self._connection.close()


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
