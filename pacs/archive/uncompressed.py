"""A compressed file as an uncompressed one: its frames are decoded by the workers that make pictures, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs.archive.decompression import WITHOUT_PIXELS, check_alike, check_is_here, shape_of
from pacs.archive.dimse.service import Caller
from pacs.archive.transcoding import recoded
from pacs.errors import InvalidDicom, NoPicture
from pacs.rendering.request import Frame
from pacs.thumbnails import Renderer


class Decoder:
    """Decodes files for those who are in a thread; `call` runs the renderer's coroutines."""

    def __init__(self, renderer: Renderer, call: Caller) -> None:
        self._renderer = renderer
        self._call = call

    def recoded(self, path: Path, stored: str, wanted: str) -> Iterator[bytes]:
        """The bytes of a file, `stored` in one transfer syntax, in an uncompressed one. `BadDicom`, `OSError`."""
        with _bad_dicom():
            check_is_here(stored)
            try:
                first = self._frame(path, 1)
            except NoPicture as nothing:
                if nothing.reason not in WITHOUT_PIXELS:
                    raise
                return recoded(path, wanted)
            return recoded(path, wanted, shape_of(path, first).pixels(self._frames(path, first)))

    def _frames(self, path: Path, first: Frame) -> Iterator[bytes]:
        yield first.body
        for number in range(2, first.frames + 1):
            with _bad_dicom():
                frame = self._frame(path, number)
                check_alike(frame, first)
            yield frame.body

    def _frame(self, path: Path, number: int) -> Frame:
        try:
            return self._call(self._renderer.decode(path, number))
        except RuntimeError as error:
            raise OSError("the pixels cannot be decoded now") from error


@contextmanager
def _bad_dicom() -> Iterator[None]:
    """What cannot be decoded is `InvalidDicom` to those who send it."""
    try:
        yield
    except NoPicture as nothing:
        raise InvalidDicom(str(nothing)) from nothing
