"""Bytes of a dataset read at an offset: straight from a file, or inflated as they are needed.

Both read only what is asked for (and a little ahead), so that a value of gigabytes costs one seek.
"""

import zlib
from typing import Protocol

from pacs.errors import InvalidDicom

_AHEAD_BYTES = 16 * 1024
_INFLATE_CHUNK_BYTES = 64 * 1024
_ALWAYS_INFLATED_BYTES = 256 * 1024 * 1024
_HIGHEST_RATIO = 20
_AFTER_DEFLATE_BYTES = (0, 1, 8)  # nothing, the pad byte of PS3.5 §A.5, or gzip's trailer (CRC and length)


class ReadableFile(Protocol):
    """What is needed of a file: any that is open for reading in binary has it."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes from where the file is, all that are left if negative."""

    def seek(self, offset: int, /) -> int:
        """Goes to an offset from the start."""


class Source(Protocol):
    """Reads at offsets that may only grow by more than a header's length backwards."""

    @property
    def end(self) -> int:
        """No byte lies at or after this offset; a bound where the size is not known in advance."""

    def read(self, offset: int, length: int, ahead: int = _AHEAD_BYTES) -> bytes:
        """Exactly `length` bytes, or `InvalidDicom` when the source ends before."""

    def at_hand(self, offset: int) -> tuple[bytes | bytearray, int]:
        """A buffer, and where in it `offset` lies: what can be had without reading more. It may be beyond its end."""

    def at_end(self, offset: int) -> bool:
        """Whether the source ends at `offset`; `InvalidDicom` when it ended before."""


class FileSource:
    """The bytes of a file of `size` bytes."""

    def __init__(self, file: ReadableFile, size: int) -> None:
        self.end = size
        self._file = file
        self._buffer = b""
        self._start = 0

    def read(self, offset: int, length: int, ahead: int = _AHEAD_BYTES) -> bytes:
        """See `Source`."""
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._buffer):
            if offset + length > self.end:
                raise truncated(offset)
            self._file.seek(offset)
            self._buffer = self._file.read(min(max(length, ahead), self.end - offset))
            self._start = offset
            begin = 0
            if len(self._buffer) < length:
                raise truncated(offset)
        return self._buffer[begin : begin + length]

    def at_hand(self, offset: int) -> tuple[bytes | bytearray, int]:
        """See `Source`."""
        return self._buffer, offset - self._start

    def at_end(self, offset: int) -> bool:
        """See `Source`."""
        if offset > self.end:
            raise truncated(offset)
        return offset == self.end


class InflatedSource:
    """The bytes of a raw deflate stream (PS3.5 §A.5) that begins at `start` of a file; offsets count inflated bytes.

    Memory is bounded by the longest value read. A stream that inflates to more than 256 MiB *and* more than
    twenty times its size is a bomb, no image, and `InvalidDicom`.
    """

    def __init__(self, file: ReadableFile, size: int, start: int) -> None:
        self.end = max(_ALWAYS_INFLATED_BYTES, size * _HIGHEST_RATIO)
        self._file = file
        self._next = start
        self._file_end = size
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._buffer = bytearray()
        self._start = 0

    def read(self, offset: int, length: int, ahead: int = 0) -> bytes:  # noqa: ARG002 - inflating is always ahead
        """See `Source`."""
        if offset < self._start:
            raise InvalidDicom("the deflated dataset cannot be read backwards")
        self._inflate_to(offset, length)
        begin = offset - self._start
        if begin + length > len(self._buffer):
            raise truncated(offset)
        return bytes(self._buffer[begin : begin + length])

    def at_hand(self, offset: int) -> tuple[bytes | bytearray, int]:
        """See `Source`."""
        return self._buffer, offset - self._start

    def at_end(self, offset: int) -> bool:
        """See `Source`."""
        self._inflate_to(offset, 1)
        available = self._start + len(self._buffer)
        if available < offset:
            raise truncated(offset)
        if available == offset and self._rest_of_file() not in _AFTER_DEFLATE_BYTES:
            raise InvalidDicom("trailing bytes after the deflated dataset")
        return available == offset

    def _inflate_to(self, offset: int, length: int) -> None:
        """Inflates until `length` bytes at `offset` are there or the stream ends; forgets what lies before `offset`."""
        while self._start + len(self._buffer) < offset + length and not self._inflater.eof:
            self._forget(offset)
            piece = self._inflater.unconsumed_tail or self._compressed()
            if not piece:
                raise InvalidDicom("the deflated dataset is truncated")
            try:
                self._buffer += self._inflater.decompress(piece, _INFLATE_CHUNK_BYTES)
            except zlib.error as error:
                raise InvalidDicom("the dataset is not a deflate stream (PS3.5 §A.5)") from error
            if self._start + len(self._buffer) > self.end:
                raise InvalidDicom(f"the deflated dataset inflates to more than {self.end} bytes")
        self._forget(offset)

    def _forget(self, offset: int) -> None:
        surplus = min(offset - self._start, len(self._buffer))
        if surplus > 0:
            del self._buffer[:surplus]
            self._start += surplus

    def _compressed(self) -> bytes:
        self._file.seek(self._next)
        piece = self._file.read(min(_INFLATE_CHUNK_BYTES, self._file_end - self._next))
        self._next += len(piece)
        return piece

    def _rest_of_file(self) -> int:
        """Bytes after the stream."""
        return self._file_end - self._next + len(self._inflater.unused_data)


def truncated(offset: int) -> InvalidDicom:
    """The error for a source that ends too early."""
    return InvalidDicom(f"truncated: data is missing at byte {offset}")
