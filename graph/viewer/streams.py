"""Answers that are sent as they come from the PACS, in constant memory."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pacs import multipart
from pacs.adapter import Pacs
from pacs.errors import NotFound, PacsFault

DICOM = "application/dicom"
_OCTETS = "application/octet-stream"
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,200}", re.ASCII)

Chunks = AbstractAsyncContextManager[AsyncIterator[bytes]]


class Streamed(Response):
    """A body that is opened when the answer is sent and closed with it; a failure before its first byte is answered.

    HEAD opens nothing: the PACS would send what nobody gets.
    """

    def __init__(self, open_body: Callable[[], Chunks], media_type: str, headers: dict[str, str]) -> None:
        super().__init__(headers=headers, media_type=media_type)
        self._open_body = open_body
        self._more_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await Response(None, 200, self._more_headers, self.media_type)(scope, receive, send)
            return
        async with self._open_body() as chunks:
            started = await _started(chunks)
            await StreamingResponse(started, 200, self._more_headers, self.media_type)(scope, receive, send)


@asynccontextmanager
async def one_object(pacs: Pacs, study: str, series: str, instance: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """The bytes of one object."""
    async with pacs.retrieve(study, series, instance) as file:
        yield await _started(file.chunks)


@asynccontextmanager
async def objects(
    pacs: Pacs, study: str, places: Sequence[tuple[str, str]], boundary: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Objects as the parts of a multipart body, one after another; places are series and instance."""

    async def body() -> AsyncIterator[bytes]:
        for number, (series, instance) in enumerate(places):
            async with one_object(pacs, study, series, instance) as chunks:
                yield multipart.opening(boundary, DICOM, first=number == 0)
                async for chunk in chunks:
                    yield chunk
        yield multipart.closing(boundary)

    yield body()


@dataclass(frozen=True)
class FrameRequest:
    """Frames of one object, counted from 1, in the first of the media ranges that the PACS has them in."""

    study: str
    series: str
    instance: str
    numbers: Sequence[int]
    ranges: Sequence[str]


@asynccontextmanager
async def frames(
    pacs: Pacs, wanted: FrameRequest, highest: Callable[[], Awaitable[int]], boundary: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Frames as the parts of a multipart body, without the PACS's Content-Location.

    `highest` tells how many frames the object has: asked only when the PACS fails, as some do for a missing frame
    (Orthanc says 400, measured). The ranges are tried one by one: a list of them is 400 for Orthanc as well.
    """
    async with AsyncExitStack() as stack:
        parts = await _first_that_works(stack, pacs, wanted, highest)

        async def body() -> AsyncIterator[bytes]:
            first = True
            async for part in parts:
                content_type = part.headers.get("content-type", _OCTETS)
                known = content_type if _HEADER_VALUE.fullmatch(content_type) else _OCTETS
                yield multipart.opening(boundary, known, first=first)
                first = False
                async for chunk in part.body:
                    yield chunk
            yield multipart.closing(boundary)

        yield body()


async def _first_that_works(
    stack: AsyncExitStack, pacs: Pacs, wanted: FrameRequest, highest: Callable[[], Awaitable[int]]
) -> AsyncIterator[multipart.Part]:
    place = wanted.study, wanted.series, wanted.instance
    fault = PacsFault("the PACS sent no frames")
    for media_range in wanted.ranges:
        try:
            return await stack.enter_async_context(pacs.frames(*place, wanted.numbers, media_range))
        except PacsFault as error:
            fault = error
    if max(wanted.numbers) > await highest():
        raise NotFound("the object has no such frame")
    raise fault


async def _started(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, the first of which has come; `NotFound` for none at all."""
    first = await anext(chunks, None)
    if first is None:
        raise NotFound("the PACS has no such object")

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_of_them()
