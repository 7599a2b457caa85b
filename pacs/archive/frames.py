"""Frames and bulk data (PS3.18 §10.4.1.1.5, §10.4.1.1.6): as stored, or decoded, each in a part of its media type."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import bulkdata, http, pixels, wholeness
from pacs.archive.bulkdata import Value
from pacs.archive.decoded import FrameDecoder, Held
from pacs.archive.lookup import Instance
from pacs.archive.objects import refuse_if_busy, refuse_if_damaged
from pacs.archive.parts import Part, multipart_response, single_response
from pacs.archive.pixel_media import (
    MEDIA_TYPES,
    Choice,
    acceptable,
    compressed_choices,
    is_video,
    native_choices,
)
from pacs.archive.pixels import Compressed, Native
from pacs.archive.streams import threaded
from pacs.archive.transactions import transaction
from pacs.archive.wado import RetrieveService
from pacs.attributes import Dataset
from pacs.errors import NoPicture

_LIST = re.compile(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", re.ASCII)
_MOST_FRAMES = 1000
_PIXEL_DATA = "7FE00010"
_FLOATS = ("7FE00008", "7FE00009")
"""Float and Double Float Pixel Data, one of which may be there in its place (PS3.3 §C.7.6.24, §C.7.6.25)."""

_PRODUCED = tuple(f'{http.MULTIPART}; type="{name}"' for name in (http.OCTETS, *sorted({*MEDIA_TYPES.values()})))


class FrameService:
    """Retrieval of frames and bulk data over one archive."""

    def __init__(self, retrieve: RetrieveService, decoder: FrameDecoder) -> None:
        self._retrieve = retrieve
        self._decoder = decoder

    @transaction(produces=_PRODUCED)
    async def frames(self, request: Request) -> Response:
        """`GET …/instances/{instance}/frames/{list}`: 400 for a bad list, 404 for a missing frame, 406."""
        numbers = frame_numbers(request.path_params["frames"])
        instance, value = await self._value(request, _PIXEL_DATA, *_FLOATS)
        if value is None:
            raise HTTPException(404, "the object has no pixel data")
        if is_video(instance.transfer_syntax_uid):
            raise HTTPException(406, "the frames of a video cannot be had one by one: its bulk data has them all")
        metadata = Dataset(await self._retrieve.dataset(instance))
        count = pixels.frame_count(metadata)
        if max(numbers) > count:
            raise HTTPException(404, f"the object has {count} frames")
        if not value.element.encapsulated:
            found = await asyncio.to_thread(pixels.native, value, metadata)
            return _answer(found, numbers, next(iter(acceptable(native_choices(request), len(numbers))), None))
        return await self._compressed(request, instance, value, count, numbers)

    @transaction(produces=_PRODUCED)
    async def bulk_data(self, request: Request) -> Response:
        """`GET …/bulkdata/{path}`: the value that a `BulkDataURI` stands for; compressed frames in parts, or decoded.

        §8.7.3.3.2: compressed bulk data has no fragment delimiters; a video is one part, whatever its fragments.
        """
        path = request.path_params["path"]
        instance, value = await self._value(request, path)
        if value is None:
            raise HTTPException(404, "there is no such bulk data")
        if not value.element.encapsulated:
            return native_value(request, value)
        is_nested = path != _PIXEL_DATA
        if is_nested or is_video(instance.transfer_syntax_uid):
            return await self._compressed(request, instance, value, 1, [1], is_nested=is_nested)
        count = pixels.frame_count(Dataset(await self._retrieve.dataset(instance)))
        return await self._compressed(request, instance, value, count, range(1, count + 1), joined=True)

    async def _value(self, request: Request, *paths: str) -> tuple[Instance, Value | None]:
        instance = (await self._retrieve.find(request))[0]
        file = self._retrieve.path(instance)
        await asyncio.to_thread(wholeness.check, instance, file)
        return instance, await asyncio.to_thread(bulkdata.find, file, *paths)

    async def _compressed(
        self,
        request: Request,
        instance: Instance,
        value: Value,
        count: int,
        numbers: Sequence[int],
        *,
        joined: bool = False,
        is_nested: bool = False,
    ) -> Response:
        """Compressed frames in the first way that the client takes and that works.

        Decoded ones are parts, or `joined` one value. Those that are nested in a sequence are not decoded.
        """
        stored = instance.transfer_syntax_uid
        reason = ""
        for choice in compressed_choices(request, stored):
            if not choice.decoded and acceptable([choice], len(numbers)):
                found = await asyncio.to_thread(pixels.compressed, value, count)
                return _answer(found, numbers, choice)
            if not choice.decoded or is_nested or not (joined or acceptable([choice], len(numbers))):
                continue
            try:
                return await self._decoded(request, instance, value, numbers, choice, joined=joined)
            except NoPicture as nothing:
                refuse_if_busy(nothing)
                reason = f": {nothing}"
        if reason:
            await refuse_if_damaged(instance, value.path)
        offered = MEDIA_TYPES.get(stored, http.OCTETS)
        raise HTTPException(406, f"the pixels are stored as {offered} ({stored}) and cannot be had otherwise{reason}")

    async def _decoded(
        self,
        request: Request,
        instance: Instance,
        value: Value,
        numbers: Sequence[int],
        choice: Choice,
        *,
        joined: bool,
    ) -> Response:
        held, path = Held(request.is_disconnected), value.path
        if joined:
            shape = await self._decoder.shape(path, instance.digest, held)
            return _sent([Part(http.OCTETS, shape.total_bytes, self._decoder.frames(path, shape, held))], choice)

        async def one(number: int) -> AsyncGenerator[bytes, None]:
            yield await self._decoder.frame(path, number, held)

        lengths = await self._decoder.lengths(path, instance.digest, numbers, held)
        return _sent([Part(http.OCTETS, size, one(n)) for n, size in zip(numbers, lengths, strict=True)], choice)


def native_value(request: Request, value: Value) -> Response:
    """A value that is not compressed; 406 when the client does not take octets."""
    choice = _chosen(next(native_choices(request), None), http.OCTETS)
    return _sent([Part(http.OCTETS, value.length, threaded(value.pieces()))], choice)


def frame_numbers(text: str) -> list[int]:
    """The frames of a list in a path; 400 when it is none."""
    if not _LIST.fullmatch(text):
        raise HTTPException(400, "frames are whole numbers from 1, with commas between them")
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) > _MOST_FRAMES:
        raise HTTPException(400, f"more than {_MOST_FRAMES} frames at once")
    return numbers


def _answer(found: Compressed | Native, numbers: Sequence[int], choice: Choice | None) -> Response:
    chosen = _chosen(choice, http.OCTETS)
    parts = [Part(chosen.content_type, found.length(number), threaded(found.pieces(number))) for number in numbers]
    return _sent(parts, chosen)


def _chosen(choice: Choice | None, offered: str) -> Choice:
    if choice is None:
        raise HTTPException(406, f'accept {http.MULTIPART}; type="{offered}"')
    return choice


def _sent(parts: Sequence[Part], choice: Choice) -> Response:
    return multipart_response(parts, choice.media_type) if choice.in_parts else single_response(parts[0])
