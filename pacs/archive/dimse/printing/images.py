"""The preformatted images of image boxes: validated, brought to 8 bits, as Pillow images (PS3.3 C.13.5)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from pacs.archive.dimse.printing.lut import PresentationLut
from pacs.archive.dimse.printing.refused import INVALID_VALUE, MISSING_ATTRIBUTE, Refused

_NEEDED = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelData",
)


@dataclass(frozen=True, slots=True)
class PrintImage:
    """Pixels as they are to be printed, black being 0; `aspect` is a pixel's height by its width."""

    pixels: Image.Image
    aspect: float


def grayscale(item: Dataset, lut: PresentationLut, *, reverse: bool) -> PrintImage:
    """The image of a Basic Grayscale Image Sequence's item, through the presentation LUT; `Refused` for a bad one."""
    _require(item, _NEEDED)
    bits = _integer(item, "BitsStored")
    if (
        not 1 <= bits <= 16
        or item.SamplesPerPixel != 1
        or item.PhotometricInterpretation not in ("MONOCHROME1", "MONOCHROME2")
    ):
        raise Refused(INVALID_VALUE, "a grayscale image: MONOCHROME1 or MONOCHROME2")
    values = _values(item, ())
    grays = lut.gray_of_values(bits)
    if (item.PhotometricInterpretation == "MONOCHROME1") != reverse:
        grays = grays[::-1]
    return PrintImage(Image.fromarray(grays[values & (len(grays) - 1)]), _aspect(item))


def color(item: Dataset, *, reverse: bool) -> PrintImage:
    """The image of a Basic Color Image Sequence's item: RGB of 8 bits, by pixel or plane; `Refused` for a bad one."""
    _require(item, (*_NEEDED, "PlanarConfiguration"))
    if item.SamplesPerPixel != 3 or item.PhotometricInterpretation != "RGB" or item.BitsAllocated != 8:
        raise Refused(INVALID_VALUE, "a color image: RGB of 8 bits")
    values = _values(item, (3,))
    if item.PlanarConfiguration == 1:
        values = values.reshape(3, item.Rows, item.Columns).transpose(1, 2, 0)
    if reverse:
        values = 255 - values
    return PrintImage(Image.fromarray(np.ascontiguousarray(values, dtype=np.uint8)), _aspect(item))


def _require(item: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if item.get(keyword) is None:
            raise Refused(MISSING_ATTRIBUTE, f"{keyword} is missing")


def _values(item: Dataset, samples: tuple[int, ...]) -> npt.NDArray[np.uint16 | np.uint8]:
    rows, columns, allocated, stored = (
        _integer(item, keyword) for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored")
    )
    if allocated not in (8, 16) or not 1 <= stored <= allocated or item.get("PixelRepresentation", 0) != 0:
        raise Refused(INVALID_VALUE, "pixels: unsigned, of 8 or 16 bits allocated")
    if item.get("HighBit", stored - 1) != stored - 1:
        raise Refused(INVALID_VALUE, "HighBit: one less than BitsStored")
    shape = (rows, columns, *samples)
    wanted = int(np.prod(shape, dtype=np.int64)) * (allocated // 8)
    data = item.PixelData
    if not isinstance(data, bytes) or wanted == 0 or len(data) not in (wanted, wanted + wanted % 2):
        raise Refused(INVALID_VALUE, "PixelData has another length than Rows and Columns say")
    pixel_type: np.dtype[np.uint8 | np.uint16] = np.dtype("u1") if allocated == 8 else np.dtype("<u2")
    return np.frombuffer(data[:wanted], dtype=pixel_type).reshape(shape)


def _integer(item: Dataset, keyword: str) -> int:
    value = item.get(keyword)
    if not isinstance(value, int):
        raise Refused(INVALID_VALUE, f"{keyword}: one number")
    return value


def _aspect(item: Dataset) -> float:
    ratio = item.get("PixelAspectRatio")
    if not ratio:
        return 1.0
    if not isinstance(ratio, MultiValue) or len(ratio) != 2 or min(ratio) < 1:
        raise Refused(INVALID_VALUE, "PixelAspectRatio: two positive integers")
    return float(ratio[0]) / float(ratio[1])
