"""Colour pictures: palettes, YCbCr and RGB of any depth to 8-bit RGB (PS3.3 §C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from pydicom.pixels.processing import apply_color_lut

from pacs.rendering.image import Image

Colours = NDArray[np.uint8]


def colour(pixels: NDArray[Any], photometric: str, image: Image) -> Colours:
    """The frame as (rows, columns, 3) RGB."""
    if photometric == "PALETTE COLOR":
        return _palette(pixels, image)
    shift = max(0, image.bits_stored - 8)
    samples = np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else (pixels >> shift).astype(np.uint8))
    if photometric.startswith("YBR_FULL"):
        # Pillow's YCbCr is that of JFIF, which is DICOM's YBR_FULL.
        return np.asarray(pillow.fromarray(samples, "YCbCr").convert("RGB"))
    return samples


def _palette(pixels: NDArray[Any], image: Image) -> Colours:
    colours = apply_color_lut(pixels, image.dataset)[..., :3]
    # Tables said to be of 16 bits are found with 8-bit entries: those would all be black.
    deep = colours.dtype.itemsize > 1 and colours.max(initial=0) > 0xFF
    return np.asarray(colours >> 8 if deep else colours).astype(np.uint8)
