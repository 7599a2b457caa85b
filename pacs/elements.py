"""The data elements of an encoded dataset, one after the other (PS3.5 §7): where each lies, not what it holds.

The walk is a loop over an explicit stack, so nesting costs no recursion; values are stepped over, so size costs
no reading. What does not add up (a length that leads out of its item, bytes that are no element, an item without its
delimiter) is `InvalidDicom`.
"""

import struct
from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID

from pacs.errors import InvalidDicom
from pacs.sources import Source

MAX_DEPTH = 64
"""Sequences within sequences. Structured reports, the deepest objects in use, stay below thirty."""

MAX_ELEMENTS = 4_000_000
"""Elements, items and fragments in one object: some seconds of walking."""

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
PIXEL_DATA = 0x7FE00010
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_FIRST_GROUP = 0x0008
_FRAGMENT_AHEAD_BYTES = 512

_SHORT_VRS = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LONG_VRS = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
LONG_VRS = frozenset(_LONG_VRS.split())
"""VRs whose explicit form has a length of 32 bits (PS3.5 table 7.1-1)."""

_FRAGMENTED_VRS = ("OB", "OW", "OB or OW")
_VRS = {vr.encode(): (vr, False) for vr in _SHORT_VRS.split()} | {vr.encode(): (vr, True) for vr in _LONG_VRS.split()}


class Encoding(NamedTuple):
    """How elements are encoded: PS3.5 Annex A."""

    implicit: bool
    big_endian: bool


IMPLICIT_LITTLE = Encoding(implicit=True, big_endian=False)
EXPLICIT_LITTLE = Encoding(implicit=False, big_endian=False)


class Element(NamedTuple):
    """Where one element's value lies.

    `depth` is 0 in the dataset itself and grows by one with each sequence. A sequence is given before its items,
    each item (`tag == ITEM`, with the depth of its elements) before its elements; both then have length -1.
    Encapsulated pixel data has `encapsulated` set, and its extent includes items and delimiter.
    """

    depth: int
    tag: int
    vr: str
    offset: int
    length: int
    big_endian: bool
    encapsulated: bool = False


_Step = Generator[Element, None, int]
"""Gives what it finds and returns the offset to go on at."""


class _Level(NamedTuple):
    """A sequence (`items`) or a dataset that the walk is in; `end` is None when a delimiter ends it."""

    items: bool
    end: int | None
    limit: int
    encoding: Encoding


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """The encoding that a transfer syntax stands for."""
    syntax = UID(transfer_syntax_uid)
    return Encoding(implicit=syntax.is_implicit_VR, big_endian=not syntax.is_little_endian)


def walk(source: Source, offset: int, encoding: Encoding) -> Iterator[Element]:
    """Every element from `offset` to the end of `source`, in order."""
    stack = [_Level(items=False, end=None, limit=source.end, encoding=encoding)]
    for _ in range(MAX_ELEMENTS):
        level = stack[-1]
        if _is_over(source, offset, level, len(stack)):
            stack.pop()
            if not stack:
                return
            continue
        if level.items:
            offset = yield from _item(source, offset, stack)
        else:
            offset = yield from _element(source, offset, stack)
    raise InvalidDicom(f"more than {MAX_ELEMENTS} elements")


def _is_over(source: Source, offset: int, level: _Level, depth: int) -> bool:
    if level.end is not None:
        if offset > level.end:
            raise InvalidDicom(f"an item or sequence ends at byte {level.end}, its content at {offset}")
        return offset == level.end
    return depth == 1 and source.at_end(offset)


def _item(source: Source, offset: int, stack: list[_Level]) -> _Step:
    """Enters an item or leaves its sequence; returns the offset after the header."""
    level = stack[-1]
    tag, length = _item_header(source, offset, level)
    offset += 8
    if tag == ITEM:
        limit, end = _extent(offset, length, level.limit)
        stack.append(_Level(items=False, end=end, limit=limit, encoding=level.encoding))
        yield Element(len(stack) // 2, ITEM, "", offset, -1, level.encoding.big_endian)
    elif tag == _SEQUENCE_END and level.end is None:
        stack.pop()
    else:
        raise InvalidDicom(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) where an item should begin, at byte {offset - 8}")
    return offset


def _element(source: Source, offset: int, stack: list[_Level]) -> _Step:
    """Steps over an element, or into it when it is a sequence; returns the offset to go on at."""
    level = stack[-1]
    header = source.read(offset, 8)
    tag, vr, length, size = read_header(source, offset, header, level.encoding)
    start = offset + size
    if tag >> 16 < _FIRST_GROUP or tag >> 16 >= 0xFFFE:
        return _leave_item(offset, tag, stack)
    encoding = level.encoding
    depth = len(stack) // 2
    if vr == "UN" and not encoding.implicit:
        vr, encoding = _unknown(tag, length)
    if vr == "SQ" or (length == UNDEFINED and encoding.implicit and tag != PIXEL_DATA):
        return (yield from _enter(Element(depth, tag, "SQ", start, -1, encoding.big_endian), length, encoding, stack))
    if length == UNDEFINED:
        if vr not in _FRAGMENTED_VRS:
            raise InvalidDicom(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {offset} has no length")
        end = _after_fragments(source, start, level)
        yield Element(depth, tag, vr, start, end - start, encoding.big_endian, encapsulated=True)
        return end
    end = start + length
    if end > level.limit:
        raise _overrun(tag, offset)
    yield Element(depth, tag, vr, start, length, encoding.big_endian)
    return end


def read_header(source: Source, offset: int, header: bytes, encoding: Encoding) -> tuple[int, str, int, int]:
    """Tag, VR, length and the size of the header, in bytes; `header` holds its first eight bytes."""
    order = ">" if encoding.big_endian else "<"
    group, number = struct.unpack_from(order + "HH", header)
    tag = group << 16 | number
    if encoding.implicit or group == 0xFFFE:
        return tag, implicit_vr(tag), struct.unpack_from(order + "L", header, 4)[0], 8
    vr, is_long = _VRS.get(header[4:6]) or _odd_vr(header, tag, offset)
    if is_long:
        return tag, vr, struct.unpack(order + "L", source.read(offset + 8, 4))[0], 12
    return tag, vr, struct.unpack_from(order + "H", header, 6)[0], 8


def _odd_vr(header: bytes, tag: int, offset: int) -> tuple[str, bool]:
    """A VR of a later edition has the long form (PS3.5 §7.1.2); anything else is no element."""
    if header[4:6].isalpha() and header[4:6].isupper():
        return "UN", True
    raise InvalidDicom(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {offset} has no value representation")


def _unknown(tag: int, length: int) -> tuple[str, Encoding]:
    """A value of unknown VR is encoded as Implicit VR Little Endian, with the VR of the dictionary (PS3.5 §6.2.2)."""
    return ("SQ" if length == UNDEFINED else implicit_vr(tag)), IMPLICIT_LITTLE


def _leave_item(offset: int, tag: int, stack: list[_Level]) -> int:
    if tag == _ITEM_END and len(stack) > 1 and stack[-1].end is None:
        stack.pop()
        return offset + 8
    raise InvalidDicom(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {offset} is no element of a dataset")


def _enter(element: Element, length: int, encoding: Encoding, stack: list[_Level]) -> _Step:
    if element.depth >= MAX_DEPTH:
        raise InvalidDicom(f"sequences nested deeper than {MAX_DEPTH}")
    limit, end = _extent(element.offset, length, stack[-1].limit)
    stack.append(_Level(items=True, end=end, limit=limit, encoding=encoding))
    yield element
    return element.offset


def _extent(start: int, length: int, limit: int) -> tuple[int, int | None]:
    """The limit and the end of a level that begins at `start`."""
    if length == UNDEFINED:
        return limit, None
    if start + length > limit:
        raise _overrun(ITEM, start)
    return start + length, start + length


def _after_fragments(source: Source, offset: int, level: _Level) -> int:
    """The offset after the delimiter of encapsulated pixel data (PS3.5 §A.4)."""
    for _ in range(MAX_ELEMENTS):
        tag, length = _item_header(source, offset, level)
        offset += 8
        if tag == _SEQUENCE_END:
            return offset
        if tag != ITEM or length == UNDEFINED or offset + length > level.limit:
            raise InvalidDicom(f"pixel data is not a row of fragments at byte {offset - 8}")
        offset += length
    raise InvalidDicom(f"more than {MAX_ELEMENTS} fragments")


def _item_header(source: Source, offset: int, level: _Level) -> tuple[int, int]:
    order = ">HHL" if level.encoding.big_endian else "<HHL"
    group, number, length = struct.unpack(order, source.read(offset, 8, ahead=_FRAGMENT_AHEAD_BYTES))
    return group << 16 | number, length


def _overrun(tag: int, offset: int) -> InvalidDicom:
    return InvalidDicom(f"truncated: ({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {offset} is longer than its data")


@lru_cache(maxsize=8192)
def implicit_vr(tag: int) -> str:
    """The VR that the data dictionary gives a tag; UN for private and unknown tags."""
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"
