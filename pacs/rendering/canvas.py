"""The finished picture: proportions, size, and encoding."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from pacs.errors import NoPicture
from pacs.rendering.image import Image
from pacs.rendering.request import LARGEST_SIDE, Picture, Region, Rendering

# Widest to narrowest pixel that is believed: beyond it the spacing is a mistake (measured: 0.0001\1).
_LARGEST_RATIO = 10.0
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
# Each pixel of the picture is still an average of this many stored ones, a side.
_OVERSAMPLING = 4
# By how much more than the picture's size averages of whole pixels are left for the better, slower way of scaling;
# 512 × 512 to 256 × 256 takes 0.06 ms with 1, 0.7 ms with 2.
_THUMBNAIL_GAP, _GAP = 1.0, 2.0
_PNG_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of the stored image that is shown: fractions of its sides, and whole pixels."""

    left: float
    top: float
    right: float
    bottom: float
    size: Size


def cut_of(image: Image, region: Region | None) -> Cut:
    """What is shown; NoPicture("no_such_region") where nothing of the region lies in the image."""
    found = region or Region()
    wide, high = (1.0, 1.0) if found.relative else (float(image.columns), float(image.rows))
    left, right = _edges(found.left, found.width, wide)
    top, bottom = _edges(found.top, found.height, high)
    width, height = round((right - left) * image.columns), round((bottom - top) * image.rows)
    return Cut(left, top, right, bottom, Size(max(1, width), max(1, height)))


def _edges(start: float, length: float | None, side: float) -> tuple[float, float]:
    if start >= side:
        raise NoPicture("no_such_region")
    return start / side, 1.0 if length is None else min(1.0, (start + length) / side)


def trimmed(shown: NDArray[np.uint8], cut: Cut, region: Region) -> NDArray[np.uint8]:
    """The region of the greys or colours of the whole image, flipped as it says."""
    rows, columns = shown.shape[:2]
    top, left = min(round(cut.top * rows), rows - 1), min(round(cut.left * columns), columns - 1)
    bottom, right = max(round(cut.bottom * rows), top + 1), max(round(cut.right * columns), left + 1)
    part = shown[top:bottom, left:right]
    part = part[:, ::-1] if region.flipped_sideways else part
    return np.ascontiguousarray(part[::-1] if region.upside_down else part)


def size_of(image: Image, shown: Size, rendering: Rendering) -> Size:
    """The picture's size: square pixels, within the viewport, as large as it allows."""
    ratio = _pixel_ratio(image)
    width = shown.width * max(1.0, 1.0 / ratio)
    height = shown.height * max(1.0, ratio)
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


def halvings(shown: Size, size: Size) -> int:
    """How often both sides of what is shown can be halved and still be twice those of the picture."""
    return max(0, min(shown.height // size.height, shown.width // size.width).bit_length() - 2)


def thinned(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Every n-th row and column, where the picture is so much smaller that nobody can tell: what follows is cheap."""
    step = min(pixels.shape[0] // (size.height * _OVERSAMPLING), pixels.shape[1] // (size.width * _OVERSAMPLING))
    return pixels if step < 2 else np.ascontiguousarray(pixels[::step, ::step])


def encoded(pixels: NDArray[np.uint8], size: Size, rendering: Rendering) -> Picture:
    """The greys or colours, scaled to `size`, as a file of the wanted type."""
    picture = pillow.fromarray(pixels)
    if picture.size != (size.width, size.height):
        gap = _THUMBNAIL_GAP if rendering.thumbnail else _GAP
        picture = picture.resize((size.width, size.height), pillow.Resampling.BICUBIC, reducing_gap=gap)
    target = io.BytesIO()
    match rendering.content_type:
        case "image/png":
            picture.save(target, "PNG", compress_level=_PNG_LEVEL)
        case "image/gif":
            picture.save(target, "GIF")
        case _:
            picture.save(target, "JPEG", quality=rendering.quality)
    return Picture(target.getvalue(), rendering.content_type, size.width, size.height)
