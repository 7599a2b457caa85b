"""Blocks of bytes that a thread makes, one ahead of who sends them: disk and network work at the same time."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

from pacs.sources import ReadableFile

BLOCK_BYTES = 1024 * 1024


def blocks_of(file: ReadableFile) -> Iterator[bytes]:
    """A file from its start, in blocks of `BLOCK_BYTES`."""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block


async def read_ahead(blocks: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The blocks, up to the first empty one, each made in a thread while the one before is used.

    When it ends, or is closed, no thread is at work on `blocks` any more.
    """
    upcoming = asyncio.ensure_future(asyncio.to_thread(next, blocks, b""))
    try:
        while block := await upcoming:
            upcoming = asyncio.ensure_future(asyncio.to_thread(next, blocks, b""))
            yield block
    finally:
        await asyncio.gather(upcoming, return_exceptions=True)
