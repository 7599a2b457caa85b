"""The data elements of an encoded dataset, one after the other (PS3.5 §7): where each lies, not what it holds.

The walk is a loop over an explicit stack, so nesting costs no recursion; values are stepped over, so size costs
no reading. What does not add up (a length that leads out of its item, bytes that are no element, an item without its
delimiter) is `InvalidDicom`.
"""

import struct
from collections.abc import Generator, Iterator
from re import Pattern
from typing import NamedTuple

from pacs.element_headers import (
    EXPLICIT_LITTLE,
    FIRST_GROUP,
    IMPLICIT_LITTLE,
    ITEM,
    NO_GROUP,
    PIXEL_DATA,
    UNDEFINED,
    Element,
    Encoding,
    implicit_vr,
    read_header,
)
from pacs.errors import InvalidDicom
from pacs.runs import MOST_BYTES, after_run, plain_run
from pacs.sources import Source

MAX_DEPTH = 64
"""Sequences within sequences. Structured reports, the deepest objects in use, stay below thirty."""

MAX_ELEMENTS = 4_000_000
"""Elements, items and fragments in one object: some seconds of walking. What is stepped over counts less."""

_FEW = 4
"""Elements that are looked at where one may be wanted, before more are stepped over."""
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_FRAGMENT_AHEAD_BYTES = 512

_FRAGMENTED_VRS = ("OB", "OW", "OB or OW")


_Step = Generator[Element, None, int]
"""Gives what it finds and returns the offset to go on at."""


class _Level(NamedTuple):
    """A sequence (`items`) or a dataset that the walk is in; `end` is None when a delimiter ends it."""

    items: bool
    end: int | None
    limit: int
    encoding: Encoding


def walk(source: Source, offset: int, encoding: Encoding, unwanted: Pattern[bytes] | None = None) -> Iterator[Element]:
    """Every element from `offset` to the end of `source`, in order, but perhaps not what is `unwanted`; see `runs`."""
    stack = [_Level(items=False, end=None, limit=source.end, encoding=encoding)]
    walked = 0
    while walked < MAX_ELEMENTS:
        walked += 1
        level = stack[-1]
        if _is_over(source, offset, level, len(stack)):
            stack.pop()
            if not stack:
                return
            continue
        if level.items:
            offset = yield from _item(source, offset, stack)
        elif level.encoding != EXPLICIT_LITTLE:
            offset = yield from _element(source, offset, stack)
        elif unwanted is not None and (end := after_run(source, offset, level.limit, unwanted)) > offset:
            walked += (end - offset) // MOST_BYTES - 1  # this round has counted one
            offset = end
        elif run := plain_run(source, offset, level.limit, len(stack) // 2, None if unwanted is None else _FEW):
            yield from run
            walked += len(run) - 1
            offset = run[-1].offset + run[-1].length
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
    if tag >> 16 < FIRST_GROUP or tag >> 16 >= NO_GROUP:
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
