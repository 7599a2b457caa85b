"""Files as asynchronous streams: read in threads, in pieces."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, suppress

CHUNK_BYTES = 512 * 1024


async def threaded(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Runs a generator that blocks in threads, a piece at a time; closes it when the stream is given up."""
    with closing(_Closable(pieces)):
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


class _Closable:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            with suppress(ValueError):  # a thread is still in it: it is closed when that is done
                close()
