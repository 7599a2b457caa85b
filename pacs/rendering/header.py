"""The header of a file: what a picture needs of it, and where the pixels begin."""

import struct
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from pacs.errors import NoPicture, NoPictureReason
from pacs.rendering.attributes import Attributes
from pacs.rendering.plain_header import HEAD_BYTES, plain_header

_KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RepresentativeFrameNumber",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "FloatPixelPaddingValue", "DoubleFloatPixelPaddingValue",
    "MaximumFractionalValue", "RescaleIntercept", "RescaleSlope", "DoseGridScaling", "ModalityLUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip
_TAGS: list[Any] = [tag_for_keyword(keyword) for keyword in _KEYWORDS]
_WANTED = frozenset(_TAGS)

_PIXELS = {
    (0x7FE0, 0x0008): "FloatPixelData",
    (0x7FE0, 0x0009): "DoubleFloatPixelData",
    (0x7FE0, 0x0010): "PixelData",
}
_PIXEL_VRS = {b"OB", b"OW", b"OF", b"OD", b"UN"}
_UNDEFINED_LENGTH = b"\xff" * 4
_REASONS_BY_CLASS: tuple[tuple[str, NoPictureReason], ...] = (
    ("1.2.840.10008.5.1.4.1.1.88.", "report"),
    ("1.2.840.10008.5.1.4.1.1.11.", "presentation_state"),
)
_REMEMBERED = 16
_LARGEST_REMEMBERED_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class Header:
    """The attributes that a picture may need, and the element of the pixels: its value's place."""

    attributes: Attributes
    transfer_syntax: UID
    keyword: str
    vr: str
    encapsulated: bool
    starts_at: int


def read_header(file: BinaryIO) -> Header:
    """That of the file, from its start. Raises NoPicture."""
    attributes, syntax = _plain(file) or _any(file)
    keyword, vr, encapsulated = _pixel_element(file, attributes.dataset)
    return Header(attributes, syntax, keyword, vr, encapsulated, file.tell())


def _plain(file: BinaryIO) -> tuple[Attributes, UID] | None:
    """The file stands at the pixels then; None, and at its start, where it is not an ordinary one."""
    found = plain_header(file.read(HEAD_BYTES), _WANTED)
    file.seek(found.ends_at if found else 0)
    if found is None:
        return None
    read = _attributes if len(found.elements) <= _LARGEST_REMEMBERED_BYTES else _attributes.__wrapped__
    return read(found.elements, found.is_implicit), _uid(found.transfer_syntax)


@lru_cache(_REMEMBERED)
def _attributes(elements: bytes, is_implicit: bool) -> Attributes:
    """Equal bytes mean equal attributes: most images of a series have the same."""
    return Attributes(read_dataset(BytesIO(elements), is_implicit, is_little_endian=True))


@lru_cache(_REMEMBERED)
def _uid(text: str) -> UID:
    """Made once: pydicom checks each anew."""
    return UID(text)


def _any(file: BinaryIO) -> tuple[Attributes, UID]:
    try:
        dataset = dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        syntax = dataset.file_meta.get("TransferSyntaxUID")
    except MemoryError:
        raise
    except Exception:  # pydicom raises errors of any kind on bytes that are no DICOM
        raise NoPicture("not_dicom") from None
    if not syntax:
        raise NoPicture("not_dicom")
    return Attributes(dataset), UID(syntax)


def _pixel_element(file: BinaryIO, dataset: Dataset) -> tuple[str, str, bool]:
    """(keyword, VR, encapsulated) of the pixel data element; the file stands at its value then."""
    _, little = dataset.original_encoding
    order = "<" if little else ">"
    head = file.read(8)
    keyword = _PIXELS.get(struct.unpack(order + "HH", head[:4]) if len(head) == 8 else (0, 0))
    if keyword is None:
        raise _without_pixels(dataset)
    # Files are found that are implicit where their transfer syntax says explicit: the bytes decide.
    explicit = head[4:6] in _PIXEL_VRS
    length = file.read(4) if explicit else head[4:]
    return keyword, head[4:6].decode() if explicit else "OW", length == _UNDEFINED_LENGTH


def _without_pixels(dataset: Dataset) -> NoPicture:
    sop_class = str(dataset.get("SOPClassUID") or "")
    reasons = (reason for prefix, reason in _REASONS_BY_CLASS if sop_class.startswith(prefix))
    return NoPicture(next(reasons, "no_pixels"))
