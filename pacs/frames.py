"""The frames of an instance as a PACS sends them: WADO-RS (PS3.18 §10.4.1.1.6), as its client."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pacs import multipart
from pacs.dicomweb import DicomWeb, pieces
from pacs.errors import NotFound, PacsFault
from pacs.multipart import Part

ANY_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
"""Accepts frames as they are stored: transcoding fails on some servers."""


@asynccontextmanager
async def retrieve_frames(
    web: DicomWeb, instance_path: str, numbers: Sequence[int], accept: str = ANY_FRAMES
) -> AsyncIterator[AsyncIterator[Part]]:
    """Frames, counted from 1, in the order asked for; each part is to be read before the next.

    What ends before its closing boundary, or has not as many parts as were asked for, raises `PacsFault` while it is
    read.
    """
    path = f"{instance_path}/frames/{','.join(map(str, numbers))}"
    async with web.stream(path, headers={"Accept": accept}) as response:
        try:
            boundary = multipart.boundary_of(response.headers.get("content-type", ""))
        except multipart.BrokenMultipart as error:
            raise PacsFault("the PACS sent no frames") from error
        yield _counted(multipart.read_parts(boundary, pieces(response)), len(numbers))


async def _counted(parts: AsyncIterator[Part], wanted: int) -> AsyncIterator[Part]:
    found = 0
    try:
        async for part in parts:
            found += 1
            if found > wanted:
                raise PacsFault("the PACS sent more frames than were asked for")
            yield Part(part.headers, _body(part.body))
    except multipart.BrokenMultipart as error:
        raise PacsFault(f"the PACS broke off: {error}") from error
    if found == 0:
        raise NotFound("the PACS has no such frame")
    if found < wanted:
        raise PacsFault("the PACS sent fewer frames than were asked for")


async def _body(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            yield piece
    except multipart.BrokenMultipart as error:
        raise PacsFault(f"the PACS broke off: {error}") from error
