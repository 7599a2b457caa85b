"""Files without names for uploads to wait in, used again: what is written over needs no new room on the disk.

Measured with eight forms of 25 MB at once: 0.95 ms of processor time a megabyte received, and 1.15 ms with new files.
"""

import asyncio
import os
import sys
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_MOST_KEPT, _MOST_KEPT_BYTES = 8, 256 * 1024 * 1024
_KEPT_SECONDS = 10.0
_MOST_BLOCK_BYTES, _LEAST_BLOCK_BYTES, _BLOCKS_BYTES = 4 << 20, 1 << 20, 64 << 20
"""Of a block, and of those that up to 64 spools fill together; as much may be on its way to the disk. A thread writes
each, and the way there and back costs the time in which half a megabyte is written (measured).
"""


class SpoolFiles:
    """Open files in `folder`; None: in the system's temporary folder.

    Some are kept for the uploads to come, up to 256 MiB of them, until there was none for ten seconds or there is no
    room. What is still in them from uploads before is for nobody to read: a `Spool` reads what was written to it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.open_spools = 0
        self._folder = folder
        self._kept: list[BinaryIO] = []
        self._closing: asyncio.TimerHandle | None = None
        weakref.finalize(self, _close, self._kept)

    @property
    def block_bytes(self) -> int:
        """What a spool gathers before it writes: less, where there are many."""
        return min(max(_BLOCKS_BYTES // max(self.open_spools, 1), _LEAST_BLOCK_BYTES), _MOST_BLOCK_BYTES)

    def take(self) -> BinaryIO:
        """A file to write to from its start; from any thread. `OSError`."""
        try:
            file = self._kept.pop()
        except IndexError:
            return _nameless(self._folder)
        file.seek(0)
        return file

    async def give_back(self, file: BinaryIO, *, again: bool) -> None:
        """Takes back a file; whether it may be used `again`, which after a fault is not known.

        One that has been given a name never is.
        """
        again = again and not os.fstat(file.fileno()).st_nlink
        kept_bytes = sum(map(_size, (*self._kept, file)))
        if not again or len(self._kept) >= _MOST_KEPT or kept_bytes > _MOST_KEPT_BYTES:
            await asyncio.to_thread(file.close)
            return
        self._kept.append(file)
        if self._closing is not None:
            self._closing.cancel()
        loop = asyncio.get_running_loop()
        self._closing = loop.call_later(_KEPT_SECONDS, loop.run_in_executor, None, _close, self._kept)

    def let_go(self) -> None:
        """Closes those that are kept; from any thread."""
        _close(self._kept)


def _nameless(folder: Path | None) -> BinaryIO:
    """A file that may be given a name later, as Python's temporary ones may not, where Linux has such."""
    if folder is not None and sys.platform == "linux":
        with suppress(OSError):  # it may be a file system that has none
            return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0, dir=folder)


def _size(file: BinaryIO) -> int:
    try:
        return os.fstat(file.fileno()).st_size
    except (OSError, ValueError):  # a thread has closed it
        return 0


def _close(files: list[BinaryIO]) -> None:
    with suppress(IndexError):  # a thread may take one meanwhile
        while True:
            files.pop().close()
