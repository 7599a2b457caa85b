"""How an image fills its image box: magnification, requested size, and what becomes of one that is larger."""

from dataclasses import dataclass

from PIL import Image

from pacs.archive.dimse.printing.images import PrintImage
from pacs.archive.dimse.printing.layout import Box
from pacs.archive.dimse.printing.refused import IMAGE_TOO_LARGE, INVALID_VALUE, Refused

DOTS_PER_INCH = 300
_DOTS_PER_MM = DOTS_PER_INCH / 25.4
_WIDEST_MM = 10_000
_RESAMPLING = {
    "REPLICATE": Image.Resampling.NEAREST,
    "BILINEAR": Image.Resampling.BILINEAR,
    "CUBIC": Image.Resampling.BICUBIC,
    "NONE": Image.Resampling.BICUBIC,  # only where the image must be made smaller to fit
}
_LARGER_THAN_BOX = {"": 0xB604, "DECIMATE": 0xB60A, "CROP": 0xB609}
"""Requested Decimate/Crop Behavior: the warning with which an image larger than its box is taken (PS3.4 H.4.3)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How an image fills its box: Magnification Type, its width in mm if requested, what becomes of a larger one."""

    magnification: str = "CUBIC"
    width: float | None = None
    behavior: str = ""

    def __post_init__(self) -> None:
        if self.magnification not in _RESAMPLING:
            raise Refused(INVALID_VALUE, "Magnification Type: REPLICATE, BILINEAR, CUBIC or NONE")
        if self.behavior not in (*_LARGER_THAN_BOX, "FAIL"):
            raise Refused(INVALID_VALUE, "Decimate/Crop Behavior: DECIMATE, CROP or FAIL")
        if self.width is not None and not 0 < self.width <= _WIDEST_MM:
            raise Refused(INVALID_VALUE, f"Requested Image Size: mm, more than 0, at most {_WIDEST_MM}")

    def size_of(self, image: PrintImage, box: Box) -> tuple[int, int]:
        """Width and height in dots at which the image is wanted, whether or not that fits the box."""
        columns, rows = image.pixels.width, image.pixels.height * image.aspect
        if self.width is not None:
            scale = self.width * _DOTS_PER_MM / columns
        elif self.magnification == "NONE":
            scale = 1.0
        else:
            scale = min(box.width * _DOTS_PER_MM / columns, box.height * _DOTS_PER_MM / rows)
        return max(1, round(columns * scale)), max(1, round(rows * scale))

    def check(self, image: PrintImage, box: Box) -> int:
        """The status with which the image is taken: success, or a warning that it is made to fit; else `Refused`."""
        if _fits(self.size_of(image, box), dots_of(box)):
            return 0x0000
        if self.behavior == "FAIL":
            raise Refused(IMAGE_TOO_LARGE, "the image is larger than its image box")
        return _LARGER_THAN_BOX[self.behavior]


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image, and how it is to be placed."""

    image: PrintImage
    placement: Placement

    @property
    def mode(self) -> str:
        """Pillow's mode: L or RGB."""
        return self.image.pixels.mode

    def pixels_for(self, box: Box) -> Image.Image:
        """The image at the size at which it is printed in the box; of a cropped one, only the middle is made."""
        pixels, most = self.image.pixels, dots_of(box)
        wanted = self.placement.size_of(self.image, box)
        if not _fits(wanted, most) and self.placement.behavior != "CROP":
            scale = min(most[0] / wanted[0], most[1] / wanted[1])
            wanted = max(1, int(wanted[0] * scale)), max(1, int(wanted[1] * scale))
        shown = min(wanted[0], most[0]), min(wanted[1], most[1])
        width, height = pixels.width * shown[0] / wanted[0], pixels.height * shown[1] / wanted[1]
        left, top = (pixels.width - width) / 2, (pixels.height - height) / 2
        resampling = _RESAMPLING[self.placement.magnification]
        return pixels.resize(shown, resampling, box=(left, top, left + width, top + height))


def dots_of(box: Box) -> tuple[int, int]:
    """Width and height of a box in dots."""
    return to_dots(box.width), to_dots(box.height)


def to_dots(millimetres: float) -> int:
    """A length on the film, in dots; at least one."""
    return max(1, round(millimetres * _DOTS_PER_MM))


def _fits(size: tuple[int, int], most: tuple[int, int]) -> bool:
    return size[0] <= most[0] and size[1] <= most[1]
