"""Whole objects as they go out over the web: as stored, re-encoded, or decoded (PS3.18 §8.7.3)."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from starlette.exceptions import HTTPException

from pacs.archive import http, wholeness
from pacs.archive.decoded import FrameDecoder, Held
from pacs.archive.decompression import WITHOUT_PIXELS, Shape, check_is_here
from pacs.archive.faults import DamagedFile
from pacs.archive.lookup import Stored
from pacs.archive.negotiation import EXPLICIT, Form, forms
from pacs.archive.parts import Part, typed
from pacs.archive.streams import Mark, joined, threaded
from pacs.archive.transcoding import Pixels, explicit_little_endian, recoded
from pacs.errors import NoPicture

_BUSY_SECONDS = "5"


class ObjectEncoder:
    """Makes the parts of Retrieve answers."""

    def __init__(self, decoder: FrameDecoder) -> None:
        self._decoder = decoder

    async def part(self, instance: Stored, path: Path, accepted: Iterable[str | None], held: Held) -> Part:
        """The object in the first form that `accepted` admits and that it can have; see `negotiation.forms`.

        406 when there is none; 503 when that cannot be told now, because too many pictures are being made.
        """
        stored = instance.transfer_syntax_uid
        reason = ""
        for form in forms(stored, accepted):
            if form is Form.STORED:
                return as_stored(instance, path)
            await refuse_if_damaged(instance, path)
            if form is Form.RECODED:
                return _recoded(path)
            try:
                return await self._decoded(instance, path, held)
            except NoPicture as nothing:
                refuse_if_busy(nothing)
                reason = f": {nothing}"
        raise HTTPException(
            406, f"an object is stored as {stored} and cannot be sent in the transfer syntax asked for{reason}"
        )

    async def _decoded(self, instance: Stored, path: Path, held: Held) -> Part:
        check_is_here(instance.transfer_syntax_uid)
        try:
            shape = await self._decoder.shape(path, instance.digest, held)
        except NoPicture as nothing:
            if nothing.reason not in WITHOUT_PIXELS:
                raise
            return _recoded(path)
        pixels = shape.pixels(iter([Mark()]))
        return Part(typed(http.DICOM, EXPLICIT), None, self._spliced(path, shape, pixels, held))

    async def _spliced(self, path: Path, shape: Shape, pixels: Pixels, held: Held) -> AsyncGenerator[bytes, None]:
        """The dataset, re-encoded, with the decoded frames at the mark that stands for them."""
        async for piece in threaded(joined(recoded(path, EXPLICIT, pixels))):
            if not isinstance(piece, Mark):
                yield piece
                continue
            async for frame in self._decoder.frames(path, shape, held):
                yield frame


def _recoded(path: Path) -> Part:
    """The file as Explicit VR Little Endian, with its pixels as they are."""
    return Part(typed(http.DICOM, EXPLICIT), None, threaded(joined(explicit_little_endian(path))))


def as_stored(instance: Stored, path: Path) -> Part:
    """The file, bit for bit, and only if it is what was stored."""
    content_type = typed(http.DICOM, instance.transfer_syntax_uid)
    return Part(content_type, instance.file_bytes, threaded(wholeness.pieces(instance, path)))


def refuse_if_busy(nothing: NoPicture) -> None:
    """503 where too many pictures are being made, which is no property of the object."""
    if nothing.reason == "busy":
        raise HTTPException(503, str(nothing), {"retry-after": _BUSY_SECONDS}) from nothing


async def refuse_if_damaged(instance: Stored, path: Path) -> None:
    """`DamagedFile` for what cannot be sent otherwise than it is stored, because the disk has spoiled it."""
    if not await asyncio.to_thread(wholeness.is_whole, instance, path):
        raise DamagedFile("the file has other content than was stored")
