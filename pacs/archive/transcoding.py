"""A stored file in another encoding (PS3.5 §A.1, §A.2), for those that must not be sent as they are.

Implicit VR, Big Endian and deflated datasets are re-encoded element by element, in constant memory. Compressed pixels
are not decoded here: who wants them uncompressed brings them.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs import file_meta
from pacs.archive.byte_order import swapped
from pacs.archive.metadata import resolve_vr
from pacs.archive.streams import CHUNK_BYTES
from pacs.element_headers import ITEM, LONG_VRS, PIXEL_DATA, Element
from pacs.elements import walk
from pacs.sources import Source

RECODABLE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
"""Transfer syntaxes whose datasets can be re-encoded."""

_UNDEFINED = 0xFFFFFFFF
_ITEM_START = struct.pack("<HHL", 0xFFFE, 0xE000, _UNDEFINED)
_ENDS = {True: struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), False: struct.pack("<HHL", 0xFFFE, 0xE00D, 0)}
_BITS_ALLOCATED, _PIXEL_REPRESENTATION = 0x00280100, 0x00280103
_PHOTOMETRIC, _PLANAR_CONFIGURATION = 0x00280004, 0x00280006
_EXTENDED_OFFSETS = {0x7FE00001, 0x7FE00002, 0x7FE00003}
_CELLS = {32: "OL", 64: "OV"}
"""As what pixel cells wider than the words of OW are swapped."""

_LONGEST_SHORT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Pixels:
    """Decoded pixels of a compressed file: `frames` gives as many pieces as make up `length` bytes together."""

    frames: Iterator[bytes]
    length: int
    bits_allocated: int
    photometric: str

    @property
    def attributes(self) -> Mapping[int, bytes]:
        """Values that describe the decoded pixels, in place of the file's."""
        text = self.photometric.encode("ascii")
        return {_PHOTOMETRIC: text + b" " * (len(text) % 2), _PLANAR_CONFIGURATION: b"\0\0"}


def explicit_little_endian(path: Path) -> Iterator[bytes]:
    """The bytes of the file as Explicit VR Little Endian. `BadDicom` and `OSError` when it is damaged."""
    return recoded(path, str(ExplicitVRLittleEndian))


def recoded(path: Path, syntax: str, pixels: Pixels | None = None) -> Iterator[bytes]:
    """The bytes of the file as Explicit or Implicit VR Little Endian. `BadDicom` and `OSError` when it is damaged.

    `pixels` take the place of compressed ones.
    """
    size = path.stat().st_size
    header = {str(ExplicitVRLittleEndian): _header, str(ImplicitVRLittleEndian): _implicit_header}[syntax]
    with path.open("rb") as file:
        meta = file_meta.read_meta(file, size)
        source, offset, encoding = file_meta.open_dataset(file, size, meta)
        yield meta_bytes({**meta.values, file_meta.SYNTAX: syntax})
        yield from _Recoder(source, header, pixels).recode(walk(source, offset, encoding))


class _Recoder:
    """Writes sequences and items with delimiters, so that no length need be known in advance."""

    def __init__(self, source: Source, header: Callable[[int, str, int], bytes], pixels: Pixels | None) -> None:
        self._pixels = pixels
        self._replaced = pixels.attributes if pixels else {}
        self._source = source
        self._header = header
        self._open: list[tuple[bool, int]] = []  # (is it a sequence, depth), outermost first
        self._is_signed = False
        self._bits_allocated = 0

    def recode(self, elements: Iterator[Element]) -> Iterator[bytes]:
        """The elements in little endian."""
        for element in elements:
            if element.tag & 0xFFFF == 0:  # a group length, retired, would be wrong now
                continue
            yield self._close_until((element.tag == ITEM, element.depth - (element.tag == ITEM)))
            if element.tag == ITEM:
                self._open.append((False, element.depth))
                yield _ITEM_START
            elif element.depth == 0 and self._pixels and element.tag in _EXTENDED_OFFSETS:
                continue  # the frames lie elsewhere now
            elif element.depth == 0 and self._pixels and element.encapsulated:
                yield from self._decoded(element.tag, self._pixels)
            elif element.depth == 0 and element.tag in self._replaced:
                value = self._replaced[element.tag]
                yield self._header(element.tag, resolve_vr(element, signed=False), len(value)) + value
            elif element.vr == "SQ":
                self._open.append((True, element.depth))
                yield self._header(element.tag, "SQ", _UNDEFINED)
            else:
                yield from self._value(element)
        yield self._close_until((False, 0))

    def _decoded(self, tag: int, pixels: Pixels) -> Iterator[bytes]:
        yield self._header(tag, "OW" if pixels.bits_allocated > 8 else "OB", pixels.length + pixels.length % 2)
        yield from pixels.frames
        yield b"\0" * (pixels.length % 2)

    def _close_until(self, wanted: tuple[bool, int]) -> bytes:
        """Ends what is open within the sequence or dataset that comes next."""
        ends = b""
        while self._open and self._open[-1] != wanted:
            ends += _ENDS[self._open.pop()[0]]
        return ends

    def _value(self, element: Element) -> Iterator[bytes]:
        vr = resolve_vr(element, signed=self._is_signed)
        if element.tag == _PIXEL_REPRESENTATION and element.length == 2:
            raw = self._source.read(element.offset, 2)
            self._is_signed = any(raw)
        if element.tag == _BITS_ALLOCATED and element.length == 2:
            raw = self._source.read(element.offset, 2)
            self._bits_allocated = int.from_bytes(raw, "big" if element.big_endian else "little")
        swapped_as = _CELLS.get(self._bits_allocated, vr) if element.tag == PIXEL_DATA else vr
        if vr not in LONG_VRS and element.length > _LONGEST_SHORT:
            vr = "UN"  # PS3.5 §6.2.2: what does not fit into the short form
        length = element.length + element.length % 2
        yield self._header(element.tag, vr, length)
        offset, end = element.offset, element.offset + element.length
        while offset < end:
            piece = self._source.read(offset, min(CHUNK_BYTES, end - offset))
            offset += len(piece)
            yield swapped(piece, swapped_as) if element.big_endian else piece
        if element.length % 2:
            yield b"\0"


def _header(tag: int, vr: str, length: int) -> bytes:
    if vr in LONG_VRS:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _implicit_header(tag: int, _: str, length: int) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)


def meta_bytes(texts: Mapping[int, str]) -> bytes:
    """Preamble and File Meta Information (PS3.10 §7.1) of values by tag; others than `_META_TEXTS` are left out."""
    group = _header(file_meta.VERSION, "OB", 2) + b"\0\1"
    for tag, (vr, pad) in _META_TEXTS.items():
        if text := texts.get(tag):
            raw = text.encode("latin-1")
            raw += pad if len(raw) % 2 else b""
            group += _header(tag, vr, len(raw)) + raw
    return b"\0" * 128 + b"DICM" + _header(file_meta.LENGTH, "UL", 4) + struct.pack("<L", len(group)) + group


_META_TEXTS = {
    file_meta.CLASS: ("UI", b"\0"),
    file_meta.INSTANCE: ("UI", b"\0"),
    file_meta.SYNTAX: ("UI", b"\0"),
    file_meta.IMPLEMENTATION: ("UI", b"\0"),
    file_meta.SOURCE_AE: ("AE", b" "),
    file_meta.SENDING_AE: ("AE", b" "),
}
