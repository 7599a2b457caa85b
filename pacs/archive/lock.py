"""One process per data folder."""

import fcntl
import os
import time
from pathlib import Path

_RETRY_SECONDS = 0.1


class ArchiveLocked(RuntimeError):
    """Another process runs the archive of this folder."""


class DataLock:
    """The lock of a data folder; the system frees it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self, wait_seconds: float = 0.0) -> None:
        """Takes the lock, waiting for its holder to end; nothing happens when it is held already. `ArchiveLocked`."""
        if self._descriptor is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise ArchiveLocked(f"another archive is running on the data folder {self._folder}")
            time.sleep(_RETRY_SECONDS)
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
