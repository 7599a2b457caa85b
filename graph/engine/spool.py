"""Where the files of one request wait: one after another in one file without a name, or in memory while they are few.

A file for each would cost a quarter of a millisecond a file (measured), which is as long as half a megabyte takes.
"""

import asyncio
import os
from typing import BinaryIO

from graph.engine.spool_files import SpoolFiles
from pacs.blocks import write_whole
from pacs.given_files import GivenFile

_PIECE_BYTES = 4096
"""From this size on, bytes wait where they came; fewer are copied together, as to hold each would cost 200 bytes."""


class Spool:
    """Takes bytes in blocks, of which two are in memory: one is filled, one is written.

    Nothing is written before there is a block.
    """

    def __init__(self, files: SpoolFiles) -> None:
        self.size = 0
        self.is_closed = False
        self._is_whole = self._is_given = False
        self._files = files
        self._files.open_spools += 1
        self._file: BinaryIO | None = None
        self._pieces: list[bytearray | memoryview] = []
        self._tail = bytearray()
        self._waiting_bytes = 0
        self._writing: asyncio.Future[None] | None = None

    def add(self, data: memoryview) -> None:
        """Takes the next bytes, which never change; to be followed by `keep_up` before there are many."""
        if len(data) < _PIECE_BYTES:
            self._tail += data
        else:
            self._pieces += (self._tail, data)
            self._tail = bytearray()
        self._waiting_bytes += len(data)
        self.size += len(data)

    async def keep_up(self) -> None:
        """Begins to write when there is a block, and waits for the one before. `OSError`."""
        if self._waiting_bytes < self._files.block_bytes:
            return
        await self._written()
        self._begin_to_write()

    async def finish(self) -> None:
        """All that was added can be read now. `OSError`."""
        await self._written()
        if self._file is not None:
            self._begin_to_write()
            await self._written()
        else:
            self._tail = bytearray().join(self._taken())
        self._is_whole = True

    async def give(self) -> GivenFile | None:
        """The file that it waits in, never to be changed again; None while that is memory. `OSError`."""
        if self._file is None or not self._is_whole:
            return None
        self._is_given = True
        descriptor = self._file.fileno()
        if os.fstat(descriptor).st_size > self.size:  # of an upload before
            self._writing = asyncio.ensure_future(asyncio.to_thread(os.ftruncate, descriptor, self.size))
            await self._written()
        return GivenFile.of(descriptor)

    async def aclose(self) -> None:
        """Gives everything up, once nothing writes any more."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        if not self.is_closed:
            self._files.open_spools -= 1
        self.is_closed = True
        self._taken()
        file, self._file = self._file, None
        if file is not None:
            await self._files.give_back(file, again=self._is_whole and not self._is_given)

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes at `offset`; blocks on the disk. `ValueError` after `aclose`."""
        if self.is_closed:
            raise ValueError("the request of this file has ended")
        if self._file is None:
            return bytes(self._tail[offset : offset + size])
        return os.pread(self._file.fileno(), max(min(size, self.size - offset), 0), offset)

    def _begin_to_write(self) -> None:
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, self._taken()))

    def _taken(self) -> list[bytearray | memoryview]:
        """All that waits, which waits no longer."""
        pieces = [*self._pieces, self._tail]
        self._pieces, self._tail, self._waiting_bytes = [], bytearray(), 0
        return pieces

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)  # who waits may be cancelled, the thread cannot
            self._writing = None

    def _write(self, pieces: list[bytearray | memoryview]) -> None:
        if self._file is None:
            self._file = self._files.take()
        try:
            for piece in pieces:
                write_whole(self._file, piece)
        except OSError:  # perhaps the disk is full
            self._files.let_go()
            raise


class SpooledFile:
    """`size` bytes of a spool from `start` on, as a file of their own that is open for reading."""

    def __init__(self, spool: Spool, start: int, size: int) -> None:
        self._spool = spool
        self._start = start
        self._size = size
        self._at = 0

    @property
    def closed(self) -> bool:
        """Whether the request has ended."""
        return self._spool.is_closed

    def read(self, size: int = -1, /) -> bytes:
        """See `io.RawIOBase.read`."""
        left = max(self._size - self._at, 0)
        data = self._spool.read(self._start + self._at, left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def again(self) -> "SpooledFile":
        """The same bytes, as a file that is read for itself."""
        return SpooledFile(self._spool, self._start, self._size)

    async def give(self) -> GivenFile | None:
        """See `pacs.given_files.Giver`; None where it shares its spool with others."""
        return await self._spool.give() if self._size == self._spool.size else None

    def seek(self, offset: int, /) -> int:
        """Goes to an offset from the start."""
        self._at = offset
        return offset
