"""The finished picture: proportions, size, and encoding."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from pacs.rendering.image import Image
from pacs.rendering.request import LARGEST_SIDE, Picture, Rendering

# Widest to narrowest pixel that is believed: beyond it the spacing is a mistake (measured: 0.0001\1).
_LARGEST_RATIO = 10.0
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
# Each pixel of the picture is still an average of this many stored ones, a side.
_OVERSAMPLING = 4
_PNG_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int


def size_of(image: Image, rendering: Rendering) -> Size:
    """The picture's size: square pixels, within the viewport, as large as it allows."""
    ratio = _pixel_ratio(image)
    width = image.columns * max(1.0, 1.0 / ratio)
    height = image.rows * max(1.0, ratio)
    box = rendering.viewport or (max(width, LARGEST_SIDE), max(height, LARGEST_SIDE))
    scale = min(box[0] / width, box[1] / height)
    if rendering.viewport is None or rendering.thumbnail:
        scale = min(scale, 1.0)
    return Size(max(1, round(width * scale)), max(1, round(height * scale)))


def _pixel_ratio(image: Image) -> float:
    """Height to width of a pixel (PS3.3 §10.7.1.3, §C.7.6.3.1.7), 1 where nothing believable is said."""
    for keyword in _SPACINGS:
        match image.numbers(keyword):
            case (vertical, horizontal) if vertical > 0 and horizontal > 0:
                ratio = vertical / horizontal
                return ratio if 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO else 1.0
    return 1.0


def halvings(image: Image, size: Size) -> int:
    """How often both sides of the image can be halved and still be twice those of the picture."""
    return max(0, min(image.rows // size.height, image.columns // size.width).bit_length() - 2)


def thinned(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Every n-th row and column, where the picture is so much smaller that nobody can tell: what follows is cheap."""
    step = min(pixels.shape[0] // (size.height * _OVERSAMPLING), pixels.shape[1] // (size.width * _OVERSAMPLING))
    return pixels if step < 2 else np.ascontiguousarray(pixels[::step, ::step])


def encoded(pixels: NDArray[np.uint8], size: Size, rendering: Rendering) -> Picture:
    """The greys or colours, scaled to `size`, as a file of the wanted type."""
    picture = pillow.fromarray(pixels)
    if picture.size != (size.width, size.height):
        picture = picture.resize((size.width, size.height), pillow.Resampling.BICUBIC, reducing_gap=2.0)
    target = io.BytesIO()
    match rendering.content_type:
        case "image/png":
            picture.save(target, "PNG", compress_level=_PNG_LEVEL)
        case "image/gif":
            picture.save(target, "GIF")
        case _:
            picture.save(target, "JPEG", quality=rendering.quality)
    return Picture(target.getvalue(), rendering.content_type, size.width, size.height)
