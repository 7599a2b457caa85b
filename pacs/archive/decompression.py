"""Which compressed objects can be sent uncompressed (PS3.5 §A.4), over the web and on the DICOM network alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pacs.archive.bulkdata import opened
from pacs.archive.transcoding import Pixels
from pacs.errors import NoPicture
from pacs.rendering.request import Frame

WITHOUT_PIXELS = frozenset({"no_pixels", "report", "presentation_state"})
"""The reasons of `NoPicture` of objects that have nothing to decode: they are only re-encoded."""

_LONGEST_VALUE_BYTES = 2**32 - 2
_PIXELS_ELSEWHERE = frozenset(
    {"1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.4.205"}
)
"""JPIP: the dataset only says where the pixels are."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the frames of a file have in common, all of which can be decoded; `frame_bytes` is the size of one.

    `has_icon` tells whether compressed pixels lie within a sequence as well, which are not decoded.
    """

    frames: int
    frame_bytes: int
    bits_allocated: int
    photometric: str
    has_icon: bool

    @property
    def total_bytes(self) -> int:
        """The size of all frames."""
        return self.frames * self.frame_bytes

    def pixels(self, pieces: Iterator[bytes]) -> Pixels:
        """The decoded pixels, which `pieces` make up; `NoPicture` where no uncompressed object can have them."""
        if self.total_bytes > _LONGEST_VALUE_BYTES:
            raise NoPicture("too_large")
        if self.has_icon:
            raise NoPicture("unsupported")
        return Pixels(pieces, self.total_bytes, self.bits_allocated, self.photometric)


def shape_of(path: Path, first: Frame) -> Shape:
    """The shape of a file with the decoded frame `first`, if all are like it. Reads the file: `BadDicom`, `OSError`."""
    with opened(path) as (_, elements):
        has_icon = any(element.encapsulated and element.depth > 0 for element in elements)
    return Shape(first.frames, len(first.body), first.bits_allocated, first.photometric, has_icon)


def check_alike(frame: Frame, first: Frame) -> None:
    """`NoPicture` for a frame of other size or colour than the first: pixels have one shape."""
    if (len(frame.body), frame.photometric) != (len(first.body), first.photometric):
        raise NoPicture("damaged")


def check_is_here(transfer_syntax_uid: str) -> None:
    """`NoPicture` for objects whose pixels are kept by another server."""
    if transfer_syntax_uid in _PIXELS_ELSEWHERE:
        raise NoPicture("unsupported")
