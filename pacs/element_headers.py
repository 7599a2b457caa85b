"""The headers of data elements (PS3.5 §7.1): tag, VR and length, in each of the three encodings."""

import struct
from functools import lru_cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID

from pacs.errors import InvalidDicom
from pacs.sources import Source

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
PIXEL_DATA = 0x7FE00010
FIRST_GROUP = 0x0008
"""Of a dataset."""
NO_GROUP = 0xFFFE
"""This and what is above belongs to items and delimiters."""

_SHORT = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LONG = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
SHORT_VRS, LONG_VRS = frozenset(_SHORT.split()), frozenset(_LONG.split())
"""VRs whose explicit form has a length of 16 bits, and those where it has 32 (PS3.5 table 7.1-1)."""

_VRS = {vr.encode(): (vr, vr in LONG_VRS) for vr in SHORT_VRS | LONG_VRS}


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


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """The encoding that a transfer syntax stands for."""
    syntax = UID(transfer_syntax_uid)
    return Encoding(implicit=syntax.is_implicit_VR, big_endian=not syntax.is_little_endian)


def read_header(source: Source, offset: int, header: bytes, encoding: Encoding) -> tuple[int, str, int, int]:
    """Tag, VR, length and the size of the header, in bytes; `header` holds its first eight bytes."""
    order = ">" if encoding.big_endian else "<"
    group, number = struct.unpack_from(order + "HH", header)
    tag = group << 16 | number
    if encoding.implicit or group == NO_GROUP:
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
