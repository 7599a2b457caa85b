"""Where one compressed frame lies in encapsulated pixel data (PS3.5 §A.4): only that much of a file is read."""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

from pacs.errors import NoPicture
from pacs.rendering.image import Image

_ITEM = b"\xfe\xff\x00\xe0"
_LAST_BYTES = 10
# EOI of JPEG and JPEG-LS, EOC of JPEG 2000; a padding byte or two may follow.
_END_OF_IMAGE = b"\xff\xd9"

Fragment = tuple[int, int]


def compressed_frame(file: BinaryIO, image: Image, most_bytes: int) -> bytes:
    """The image's compressed frame. Raises NoPicture("too_large") beyond `most_bytes`, before it is read."""
    fragments = _located(file, image)
    if sum(length for _, length in fragments) > most_bytes:
        raise NoPicture("too_large")
    return b"".join(_read(file, at, length) for at, length in fragments)


def every_frame(file: BinaryIO, starts_at: int, frames: int) -> list[list[Fragment]]:
    """The place and length of the fragments of each frame, found in one pass. Raises NoPicture("damaged").

    An Extended Offset Table is not needed: it goes with one fragment a frame (PS3.3 §C.7.6.3.1.8).
    """
    at, length = _item(file, starts_at)
    table = _read(file, at, length)
    first = at + length
    fragments = list(_fragments(file, first))
    if frames > len(fragments):
        raise NoPicture("damaged")
    found: list[list[Fragment]] = [[] for _ in range(frames)]
    for number, fragment in zip(_numbers(file, fragments, table, first, frames), fragments, strict=True):
        if number < frames:
            found[number].append(fragment)
    if not all(found):
        raise NoPicture("damaged")
    return found


def _numbers(file: BinaryIO, fragments: list[Fragment], table: bytes, first: int, frames: int) -> list[int]:
    """To which frame, counted from 0, each fragment belongs."""
    if frames == 1:
        return [0] * len(fragments)
    if len(table) >= 4 * frames:
        starts = [first + offset for (offset,) in struct.iter_unpack("<L", table[: 4 * frames])]
        return [max(bisect_right(starts, at - 8) - 1, 0) for at, _ in fragments]
    if len(fragments) == frames:
        return list(range(frames))
    ends = [_ends_frame(file, fragment) for fragment in fragments]
    return [0, *accumulate(map(int, ends))][: len(fragments)]


def _located(file: BinaryIO, image: Image) -> list[Fragment]:
    """The place and length of each fragment of the frame."""
    at, length = _item(file, image.starts_at)
    offsets = _read(file, at, length)
    first = at + length
    extended = image.attributes.get("ExtendedOffsetTable")
    if extended:
        return _until(file, first, extended, image.index, "<Q")
    if offsets:
        return _until(file, first, offsets, image.index, "<L")
    fragments = list(_fragments(file, first))
    if image.frames == 1:
        return fragments
    if len(fragments) == image.frames:
        return [fragments[image.index]]
    return _group(file, fragments, image.index)


def _until(file: BinaryIO, first: int, table: bytes, index: int, form: str) -> list[Fragment]:
    """The fragments from the table's offset of the frame to that of the next one."""
    size = struct.calcsize(form)
    offsets = [
        struct.unpack(form, table[at : at + size])[0] for at in (index * size, (index + 1) * size) if at < len(table)
    ]
    if not offsets:
        raise NoPicture("damaged")
    end = first + offsets[1] if len(offsets) > 1 else None
    return list(_fragments(file, first + offsets[0], end))


def _group(file: BinaryIO, fragments: list[Fragment], index: int) -> list[Fragment]:
    """The fragments of the frame, where there is no table: a frame ends with its codestream's end marker."""
    frame = 0
    found: list[Fragment] = []
    for at, length in fragments:
        if frame == index:
            found.append((at, length))
        if _ends_frame(file, (at, length)):
            frame += 1
        if frame > index:
            return found
    if not found:
        raise NoPicture("damaged")
    return found


def _ends_frame(file: BinaryIO, fragment: Fragment) -> bool:
    at, length = fragment
    tail = min(length, _LAST_BYTES)
    return _END_OF_IMAGE in _read(file, at + length - tail, tail)


def _fragments(file: BinaryIO, at: int, end: int | None = None) -> Iterator[Fragment]:
    """The fragments from `at` to `end`, or to the sequence's delimiter, or to where the file breaks off."""
    while end is None or at < end:
        try:
            at, length = _item(file, at)
        except NoPicture:
            return
        yield at, length
        at += length


def _item(file: BinaryIO, at: int) -> Fragment:
    """Where the value of the item at `at` begins, and its length."""
    head = _read(file, at, 8)
    if head[:4] != _ITEM or len(head) < 8:
        raise NoPicture("damaged")
    return at + 8, int.from_bytes(head[4:], "little")


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at, io.SEEK_SET)
    return file.read(length)
