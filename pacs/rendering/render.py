"""From a file to a picture, in this process: what the workers do."""

from pathlib import Path
from typing import BinaryIO

from pacs.errors import NoPicture
from pacs.rendering.canvas import cut_of, encoded, halvings, size_of, thinned, trimmed
from pacs.rendering.colour import colour
from pacs.rendering.decoders import register
from pacs.rendering.deflated import inflated
from pacs.rendering.frames import read_frame
from pacs.rendering.grey import grey
from pacs.rendering.image import read_image
from pacs.rendering.request import Frame, Picture, Rendering

# Of the memory that a picture may take, the part that may hold a whole inflated file.
_INFLATED_PART = 4

# Small: finding a frame among thousands reads a few bytes of each.
_BUFFER_BYTES = 1024

register()


# What samples that were halved or transformed for compression are once they are decoded.
_DECODED_AS = {"YBR_FULL_422": "YBR_FULL", "YBR_PARTIAL_420": "YBR_FULL", "YBR_ICT": "RGB", "YBR_RCT": "RGB"}
_CELLS = {8, 16, 32}


Source = Path | int
"""A file by its name, or by the number under which it is open."""


def decode(source: Source, frame: int, memory_bytes: int) -> Frame:
    """A frame of a compressed file. Raises NoPicture; OSError where the file cannot be read."""
    with _opened(source) as file:
        image = read_image(file, frame)
        if not image.encapsulated or image.bits_allocated not in _CELLS:
            raise NoPicture("unsupported")
        pixels, photometric = read_frame(file, image, memory_bytes)
    cells = pixels.astype(f"<{'i' if image.signed else 'u'}{image.bits_allocated // 8}", copy=False)
    return Frame(cells.tobytes(), image.bits_allocated, _DECODED_AS.get(photometric, photometric), image.frames)


def render(source: Source, rendering: Rendering, memory_bytes: int) -> Picture:
    """The picture of the file. Raises NoPicture; OSError where the file cannot be read."""
    with _opened(source) as stored:
        file = inflated(stored, memory_bytes // _INFLATED_PART)
        image = read_image(file, rendering.frame)
        cut = cut_of(image, rendering.region)
        size = size_of(image, cut.size, rendering)
        pixels, photometric = read_frame(file, image, memory_bytes, halvings(cut.size, size))
    if rendering.region is None:
        pixels = thinned(pixels, size)
    is_grey = image.samples == 1 and photometric != "PALETTE COLOR"
    shown = grey(pixels, image, rendering.window) if is_grey else colour(pixels, photometric, image)
    if rendering.region is not None:
        shown = trimmed(shown, cut, rendering.region)
    return encoded(shown, size, rendering)


def _opened(source: Source) -> BinaryIO:
    """At its start, to be closed; what was open before stays so."""
    file = open(source, "rb", _BUFFER_BYTES, closefd=isinstance(source, Path))  # noqa: SIM115  # who asked closes it
    file.seek(0)
    return file
