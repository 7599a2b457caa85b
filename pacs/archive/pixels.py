"""Pixel data where it lies in a stored file, by frames: native cells, or the fragments of compressed frames."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException

from pacs.archive import bulkdata
from pacs.archive.bulkdata import Value
from pacs.archive.byte_order import little_endian
from pacs.archive.streams import CHUNK_BYTES
from pacs.attributes import Dataset
from pacs.errors import NoPicture
from pacs.rendering.fragments import Fragment, every_frame

_WORD_BYTES = 8
"""The widest word whose bytes may have to be swapped."""

_DAMAGED = HTTPException(500, "the pixel data is damaged")


@dataclass(frozen=True, slots=True)
class Compressed:
    """Compressed frames, each a row of fragments."""

    path: Path
    fragments: Sequence[Sequence[Fragment]]

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.fragments)

    def length(self, number: int) -> int:
        """The size of a frame, counted from 1, in bytes."""
        return sum(length for _, length in self.fragments[number - 1])

    def pieces(self, number: int) -> Iterator[bytes]:
        """The bytes of a frame, without what stands between its fragments."""
        with self.path.open("rb") as file:
            for at, length in self.fragments[number - 1]:
                file.seek(at)
                for start in range(0, length, CHUNK_BYTES):
                    yield file.read(min(CHUNK_BYTES, length - start))


@dataclass(frozen=True, slots=True)
class Native:
    """Uncompressed frames, one after another."""

    value: Value
    frames: int
    frame_bytes: int

    def length(self, _: int) -> int:
        """The size of any frame, in bytes."""
        return self.frame_bytes

    def pieces(self, number: int) -> Iterator[bytes]:
        """The cells of a frame, counted from 1, in little endian; only its bytes are read."""
        element = self.value.element
        begin, end = (number - 1) * self.frame_bytes, number * self.frame_bytes
        first, last = begin - begin % _WORD_BYTES, min(end + -end % _WORD_BYTES, element.length)
        with bulkdata.opened(self.value.path) as (source, _):
            for offset in range(first, last, CHUNK_BYTES):
                size = min(CHUNK_BYTES, last - offset)
                words = source.read(element.offset + offset, size, ahead=size)
                piece = little_endian(words, element.vr, element.big_endian)
                yield piece[max(begin - offset, 0) : end - offset]


def compressed(value: Value, frames: int) -> Compressed:
    """The frames of encapsulated pixel data; 500 when they are fewer than that."""
    try:
        with value.path.open("rb") as file:
            return Compressed(value.path, every_frame(file, value.element.offset, frames))
    except (NoPicture, struct.error) as error:
        raise _DAMAGED from error


def native(value: Value, metadata: Dataset) -> Native:
    """The frames of uncompressed pixel data; 406 when they do not begin at bytes, 500 when they are not all there."""
    frames = frame_count(metadata)
    cells = (metadata.integer("Rows") or 0) * (metadata.integer("Columns") or 0)
    bits = cells * (metadata.integer("SamplesPerPixel") or 1) * (metadata.integer("BitsAllocated") or 0)
    if metadata.text("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    if bits == 0 or (bits % 8 and frames > 1):
        raise HTTPException(406, "the frames of this object do not begin at bytes")
    found = Native(value, frames, (bits + 7) // 8)
    if frames * found.frame_bytes > value.length:
        raise _DAMAGED
    return found


def frame_count(metadata: Dataset) -> int:
    """Number of Frames (0028,0008), at least 1."""
    return max(metadata.integer("NumberOfFrames") or 1, 1)
