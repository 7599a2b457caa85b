"""The description of an instance's pixels, which the renderer works from, read without the pixels."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import UID

from pacs.errors import NoPicture
from pacs.rendering.attributes import Attributes
from pacs.rendering.header import read_header

# Which functional group macro holds an attribute of the enhanced multi-frame objects (PS3.3 §C.7.6.16.2).
_MACROS = {
    "WindowCenter": "FrameVOILUTSequence",
    "WindowWidth": "FrameVOILUTSequence",
    "VOILUTFunction": "FrameVOILUTSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
}


@dataclass(frozen=True, slots=True)
class Image:
    """The pixels of one frame (0-based `index`) of an instance: their shape, encoding and place in the file."""

    attributes: Attributes
    transfer_syntax: UID
    keyword: str
    vr: str
    starts_at: int
    encapsulated: bool
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    frames: int
    index: int

    @property
    def dataset(self) -> Dataset:
        """What holds the attributes."""
        return self.attributes.dataset

    @property
    def frame_bytes(self) -> int:
        """The size of one decoded frame, in bytes."""
        return (self.rows * self.columns * self.samples * self.bits_allocated + 7) // 8

    @property
    def stored_frame_bits(self) -> int:
        """The size of one frame in uncompressed pixel data, in bits: two thirds where two pixels share a colour."""
        bits = self.rows * self.columns * self.samples * self.bits_allocated
        return bits * 2 // 3 if self.photometric == "YBR_FULL_422" else bits

    @property
    def is_float(self) -> bool:
        """Whether the pixels are floating point numbers (parametric maps)."""
        return self.keyword != "PixelData"

    def value(self, keyword: str) -> Any:
        """An attribute that holds for this frame, from the dataset or its functional groups; None if absent."""
        value = self.attributes.get(keyword)
        if value in (None, ""):
            for group in self._groups():
                items = group.get(_MACROS.get(keyword, ""))
                value = items[0].get(keyword) if items else None
                if value not in (None, ""):
                    break
        return None if isinstance(value, str) and not value else value

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """An attribute's values as numbers; empty where it is absent or no number."""
        try:
            value = self.value(keyword)
            if value is None:
                return ()
            return tuple(float(part) for part in (value if hasattr(value, "__iter__") else (value,)))
        except (TypeError, ValueError):
            return ()

    def number(self, keyword: str) -> float | None:
        """The attribute's first value as a number."""
        return next(iter(self.numbers(keyword)), None)

    def _groups(self) -> list[Dataset]:
        per_frame = self.attributes.get("PerFrameFunctionalGroupsSequence") or ()
        shared = self.attributes.get("SharedFunctionalGroupsSequence") or ()
        return [*per_frame[self.index : self.index + 1], *shared[:1]]


def read_image(file: BinaryIO, frame: int | None) -> Image:
    """The description of `frame` (1-based; None for one that represents the instance). Raises NoPicture."""
    header = read_header(file)
    attributes, keyword = header.attributes, header.keyword
    frames = max(_integer(attributes, "NumberOfFrames", 1), 1)
    if frame is not None and frame > frames:
        raise NoPicture("no_such_frame")
    samples = _integer(attributes, "SamplesPerPixel", 1)
    bits_allocated = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(
        keyword, _integer(attributes, "BitsAllocated", 0)
    )
    image = Image(
        attributes=attributes,
        transfer_syntax=header.transfer_syntax,
        keyword=keyword,
        vr=header.vr,
        starts_at=header.starts_at,
        encapsulated=header.encapsulated,
        rows=_integer(attributes, "Rows", 0),
        columns=_integer(attributes, "Columns", 0),
        samples=samples,
        bits_allocated=bits_allocated,
        bits_stored=_integer(attributes, "BitsStored", bits_allocated),
        signed=_integer(attributes, "PixelRepresentation", 0) == 1,
        photometric=str(attributes.get("PhotometricInterpretation") or ("MONOCHROME2" if samples == 1 else "RGB")),
        frames=frames,
        index=(frame or _representative(attributes, frames)) - 1,
    )
    if min(image.rows, image.columns, image.bits_allocated) < 1 or image.samples not in (1, 3):
        raise NoPicture("damaged" if image.samples in (1, 3) else "unsupported")
    return image


def _representative(attributes: Attributes, frames: int) -> int:
    """The Representative Frame Number (0028,6010), or the middle one: a volume's ends rarely show anything."""
    named = _integer(attributes, "RepresentativeFrameNumber", 0)
    return named if 1 <= named <= frames else (frames + 1) // 2


def _integer(attributes: Attributes, keyword: str, default: int) -> int:
    try:
        value = attributes.get(keyword)
        return default if value in (None, "") else int(value)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return default
