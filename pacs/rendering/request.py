"""What picture is wanted, and the picture."""

from dataclasses import dataclass
from typing import Literal, Self

ContentType = Literal["image/jpeg", "image/png", "image/gif"]
WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

CONTENT_TYPES: tuple[ContentType, ...] = ("image/jpeg", "image/png", "image/gif")
WINDOW_FUNCTIONS: tuple[WindowFunction, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI LUT window (PS3.3 §C.11.2.1.2), in values after the modality LUT."""

    center: float
    width: float
    function: WindowFunction = "LINEAR"

    def __post_init__(self) -> None:
        if self.function not in WINDOW_FUNCTIONS:
            raise ValueError(f"the window's function is one of {', '.join(WINDOW_FUNCTIONS)}")
        if not (abs(self.center) < float("inf") and self.narrowest <= self.width < float("inf")):
            raise ValueError("the window needs a finite center and width, the width at least 1 where it is LINEAR")

    @property
    def narrowest(self) -> float:
        """The smallest width that the function is defined for."""
        return 1.0 if self.function == "LINEAR" else 1e-9

    @classmethod
    def between(cls, lowest: float, highest: float) -> Self:
        """The window that spreads `lowest`…`highest` over all greys."""
        return cls((lowest + highest) / 2, max(highest - lowest, 1e-9), "LINEAR_EXACT")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the stored image: pixels, or with `relative` fractions of the image's width and height.

    Without a width or height it goes on to the right or lower edge. What is flipped is mirrored left to right
    (`flipped_sideways`), or upside down. Raises ValueError with a sentence for the client.
    """

    left: float = 0.0
    top: float = 0.0
    width: float | None = None
    height: float | None = None
    relative: bool = False
    flipped_sideways: bool = False
    upside_down: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= edge < float("inf") for edge in (self.left, self.top)):
            raise ValueError("a region begins within the image")
        if not all(side is None or 0 < side < float("inf") for side in (self.width, self.height)):
            raise ValueError("a region has a width and a height")


@dataclass(frozen=True, slots=True)
class Rendering:
    """How to show an instance.

    `frame` counts from 1; None takes one that represents the instance. `viewport` is (width, height) in pixels, at
    most 4096 each: the picture fills it as far as its proportions allow; None keeps the stored size. With a `region`
    it shows that alone. A `thumbnail` is never larger than the stored image. Raises ValueError with a sentence for the
    client.
    """

    frame: int | None = None
    viewport: tuple[int, int] | None = None
    region: Region | None = None
    window: Window | None = None
    quality: int = 90
    content_type: ContentType = "image/jpeg"
    thumbnail: bool = False

    def __post_init__(self) -> None:
        if self.frame is not None and self.frame < 1:
            raise ValueError("frames count from 1")
        if self.viewport is not None and not all(1 <= side <= LARGEST_SIDE for side in self.viewport):
            raise ValueError(f"the viewport's sides are 1 to {LARGEST_SIDE} pixels")
        if not 1 <= self.quality <= 100:
            raise ValueError("the quality is 1 to 100")
        if self.content_type not in CONTENT_TYPES:
            raise ValueError(f"pictures come as {', '.join(CONTENT_TYPES)}")


@dataclass(frozen=True, slots=True)
class Decoding:
    """Which frame, counted from 1, is wanted as its pixels, not as a picture."""

    frame: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame: little endian cells of `bits_allocated`, the samples of a pixel together, row by row.

    `photometric` is what the samples mean now, `frames` how many there are in the file.
    """

    body: bytes
    bits_allocated: int
    photometric: str
    frames: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture; `width` and `height` in pixels."""

    body: bytes
    content_type: ContentType
    width: int
    height: int
