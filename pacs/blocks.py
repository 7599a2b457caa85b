"""Blocks of bytes that a thread makes, one ahead of who sends them: disk and network work at the same time."""

import asyncio
from collections.abc import AsyncGenerator, Iterator


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
