"""Colour pictures: palettes, YCbCr and RGB of any depth to 8-bit RGB (PS3.3 §C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from pacs.rendering.image import Image
from pacs.rendering.palette import colours

Colours = NDArray[np.uint8]


def colour(pixels: NDArray[Any], photometric: str, image: Image) -> Colours:
    """The frame as (rows, columns, 3) RGB."""
    if photometric == "PALETTE COLOR":
        return colours(pixels, image.dataset)
    shift = max(0, image.bits_stored - 8)
    samples = np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else (pixels >> shift).astype(np.uint8))
    if photometric.startswith("YBR_FULL"):
        # Pillow's YCbCr is that of JFIF, which is DICOM's YBR_FULL.
        return np.asarray(pillow.fromarray(samples, "YCbCr").convert("RGB"))
    return samples
