"""A compressed file as an uncompressed one: its frames are decoded by the workers that make pictures, one at a time."""

from collections.abc import Iterator
from pathlib import Path

from pacs.archive.dimse.service import Caller
from pacs.archive.transcoding import Pixels, recoded
from pacs.errors import InvalidDicom, NoPicture
from pacs.thumbnails import Frame, Renderer


class Decoder:
    """Decodes files for those who are in a thread; `call` runs the renderer's coroutines."""

    def __init__(self, renderer: Renderer, call: Caller) -> None:
        self._renderer = renderer
        self._call = call

    def recoded(self, path: Path, syntax: str) -> Iterator[bytes]:
        """The bytes of the file in an uncompressed transfer syntax (see `recoded`). `BadDicom`, `OSError`."""
        first = self._frame(path, 1)
        pixels = Pixels(
            frames=self._frames(path, first),
            length=len(first.body) * first.frames,
            bits_allocated=first.bits_allocated,
            photometric=first.photometric,
        )
        return recoded(path, syntax, pixels)

    def _frames(self, path: Path, first: Frame) -> Iterator[bytes]:
        yield first.body
        for number in range(2, first.frames + 1):
            frame = self._frame(path, number)
            if len(frame.body) != len(first.body) or frame.photometric != first.photometric:
                raise InvalidDicom("the frames differ in size or colour")
            yield frame.body

    def _frame(self, path: Path, number: int) -> Frame:
        try:
            return self._call(self._renderer.decode(path, number))
        except NoPicture as nothing:
            raise InvalidDicom(str(nothing)) from nothing
        except RuntimeError as error:
            raise OSError("the pixels cannot be decoded now") from error
