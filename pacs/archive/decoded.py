"""Compressed pixels, decoded frame by frame in the worker processes that make pictures."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakSet

from cachetools import LRUCache
from starlette.exceptions import HTTPException

from pacs.archive.decompression import Shape, check_alike, shape_of
from pacs.archive.streams import CHUNK_BYTES
from pacs.errors import NoPicture
from pacs.rendering.request import Frame
from pacs.thumbnails import Renderer

_HELD_BYTES = 32 << 20
_HELD_IN_ALL_BYTES = 128 << 20
_KNOWN_FILES = 20_000
_CLIENT_CLOSED_REQUEST = 499
_RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Held:
    """Frames that one request decoded before it was answered: they need not be decoded again.

    Of one request up to 32 MiB, of all that are being answered up to 128 MiB: clients may read slowly, and many.
    `is_abandoned` tells whether the client is gone, for whom nothing more is to be decoded.
    """

    is_abandoned: Callable[[], Awaitable[bool]]
    room_bytes: int = _HELD_BYTES
    frames: dict[tuple[Path, int], bytes] = field(default_factory=dict)
    held_bytes: int = 0

    def __post_init__(self) -> None:
        _ALL.add(self)

    def keep(self, path: Path, number: int, body: bytes) -> None:
        """Keeps the frame if there is room for it."""
        in_all = sum(held.held_bytes for held in _ALL)
        if self.held_bytes + len(body) <= self.room_bytes and in_all + len(body) <= _HELD_IN_ALL_BYTES:
            self.held_bytes += len(body)
            self.frames[path, number] = body

    def take(self, path: Path, number: int) -> bytes | None:
        """The frame, if it was kept; it is not kept any longer."""
        body = self.frames.pop((path, number), None)
        self.held_bytes -= len(body or b"")
        return body


_ALL: WeakSet[Held] = WeakSet()
"""Those of the requests that are not over."""


class FrameDecoder:
    """Decodes the frames of stored files. Nothing is sent before all that is asked for was decoded once.

    That a file can be decoded is remembered by its `digest`: files never change.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._known: LRUCache[bytes, Shape] = LRUCache(_KNOWN_FILES)

    async def shape(self, path: Path, digest: bytes, held: Held) -> Shape:
        """What the frames are; raises `NoPicture` where one of them cannot be decoded, or is unlike the others."""
        known = self._known.get(digest)
        if known is not None:
            return known
        first = await self._decode(path, 1, held)
        for number in range(2, first.frames + 1):
            check_alike(await self._decode(path, number, held), first)
        shape = self._known[digest] = await asyncio.to_thread(shape_of, path, first)
        return shape

    async def lengths(self, path: Path, digest: bytes, numbers: Iterable[int], held: Held) -> list[int]:
        """The sizes of some frames in bytes; raises `NoPicture` where one of these cannot be decoded."""
        known = self._known.get(digest)
        if known is not None:
            return [known.frame_bytes for _ in numbers]
        return [len((await self._decode(path, number, held)).body) for number in numbers]

    async def frame(self, path: Path, number: int, held: Held) -> bytes:
        """One frame, counted from 1, of a file whose shape is known; `NoPicture` when that fails now all the same."""
        body = held.take(path, number)
        if body is not None:
            return body
        for pause_seconds in _RETRY_SECONDS:
            try:
                return (await self._renderer.decode(path, number)).body
            except NoPicture as nothing:
                if not nothing.transient:
                    raise
            await asyncio.sleep(pause_seconds)
        return (await self._renderer.decode(path, number)).body

    async def frames(self, path: Path, shape: Shape, held: Held) -> AsyncGenerator[bytes, None]:
        """All frames, one after another, in pieces: what is sent to a slow reader lies twice in memory."""
        for number in range(1, shape.frames + 1):
            body = await self.frame(path, number, held)
            for start in range(0, len(body), CHUNK_BYTES):
                yield body[start : start + CHUNK_BYTES]

    async def _decode(self, path: Path, number: int, held: Held) -> Frame:
        """One frame, before the answer has begun."""
        if await held.is_abandoned():
            raise HTTPException(_CLIENT_CLOSED_REQUEST, "the client is gone")
        frame = await self._renderer.decode(path, number)
        held.keep(path, number, frame.body)
        return frame
