"""Frames of stored pixel data (PS3.18 §10.4.1.1.6): as stored, each in a part of its media type."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.encaps import get_frame
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import bulkdata, http
from pacs.archive.bulkdata import Value
from pacs.archive.lookup import Instance
from pacs.archive.metadata import little_endian
from pacs.archive.wado import RetrieveService, multipart_response
from pacs.attributes import Dataset

_LIST = re.compile(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", re.ASCII)
_MOST_FRAMES = 1000
_MEDIA_TYPES: Mapping[str, Sequence[str]] = {
    "image/jpeg": (
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ),
    "image/jls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "image/jp2": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "image/jpx": ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"),
    "image/jphc": ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
}
_BY_SYNTAX = {syntax: name for name, syntaxes in _MEDIA_TYPES.items() for syntax in syntaxes}
"""PS3.18 table 8.7.3-2."""


@dataclass(frozen=True, slots=True)
class _Image:
    """The pixel data of an instance and its geometry."""

    value: Value
    frames: int
    frame_bits: int

    def frame(self, number: int) -> bytes:
        """Frame `number`, counted from 1; only its bytes are read."""
        element = self.value.element
        if element.encapsulated:
            with self.value.path.open("rb") as file:
                file.seek(element.offset)
                return get_frame(file, number - 1, number_of_frames=self.frames)
        length = self.frame_bits // 8
        with bulkdata.opened(self.value.path) as (source, _):
            raw = source.read(element.offset + (number - 1) * length, length, ahead=length)
        return little_endian(raw, element.vr, element.big_endian)


class FrameService:
    """Retrieval of frames over one archive."""

    def __init__(self, retrieve: RetrieveService) -> None:
        self._retrieve = retrieve

    async def get(self, request: Request) -> Response:
        """`GET …/instances/{instance}/frames/{list}`: 400 for a bad list, 404 for a missing frame, 406."""
        numbers = _numbers(request.path_params["frames"])
        (instance,) = await self._retrieve.find(request)
        metadata = Dataset(await self._retrieve.dataset(instance))
        image = await asyncio.to_thread(_image, self._retrieve.path(instance), metadata)
        if max(numbers) > image.frames:
            raise HTTPException(404, f"the object has {image.frames} frames")
        media_type = _media_type(instance, image)
        _require(request, media_type)
        parts = [await asyncio.to_thread(_read, image, number) for number in numbers]
        content_type = f"{media_type}; transfer-syntax={instance.transfer_syntax_uid}"
        if not image.value.element.encapsulated:
            content_type = media_type
        return multipart_response(content_type, [(len(part), iter([part])) for part in parts], outer=media_type)


def _numbers(text: str) -> list[int]:
    if not _LIST.fullmatch(text):
        raise HTTPException(400, "frames are whole numbers from 1, with commas between them")
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) > _MOST_FRAMES:
        raise HTTPException(400, f"more than {_MOST_FRAMES} frames at once")
    return numbers


def _image(path: Path, metadata: Dataset) -> _Image:
    value = bulkdata.find(path, "7FE00010")
    if value is None:
        raise HTTPException(404, "the object has no pixel data")
    frames = max(metadata.integer("NumberOfFrames") or 1, 1)
    cells = (metadata.integer("Rows") or 0) * (metadata.integer("Columns") or 0)
    bits = cells * (metadata.integer("SamplesPerPixel") or 1) * (metadata.integer("BitsAllocated") or 0)
    if metadata.text("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    if not value.element.encapsulated and (bits == 0 or (bits % 8 and frames > 1)):
        raise HTTPException(406, "the frames of this object do not begin at bytes")
    return _Image(value, frames, (bits + 7) // 8 * 8)


def _read(image: _Image, number: int) -> bytes:
    try:
        return image.frame(number)
    except (ValueError, EOFError) as error:
        raise HTTPException(500, "the pixel data is damaged") from error


def _media_type(instance: Instance, image: _Image) -> str:
    return (
        _BY_SYNTAX.get(instance.transfer_syntax_uid, http.OCTETS) if image.value.element.encapsulated else http.OCTETS
    )


def _require(request: Request, media_type: str) -> None:
    """406 unless the client takes frames as they are stored."""
    for found in http.media_ranges(request):
        wanted = found.parameters.get("type", "*/*") if found.admits(http.MULTIPART) else found.name
        if http.MediaRange(wanted, {}).admits(media_type):
            return
    raise HTTPException(406, f'the frames are stored as {media_type}: accept {http.MULTIPART}; type="{media_type}"')
