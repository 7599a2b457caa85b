"""Files as asynchronous streams: read in threads, in pieces."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, suppress

CHUNK_BYTES = 512 * 1024
_JOINED_BYTES = 64 * 1024


class Mark(bytes):
    """No bytes: a place in a stream of pieces, where something is to be put."""


def joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, of 64 KiB and more: each costs a change of threads. Marks stay where they are."""
    held = bytearray()
    for piece in pieces:
        is_mark = isinstance(piece, Mark)
        if not is_mark:
            held += piece
        if held and (is_mark or len(held) >= _JOINED_BYTES):
            yield bytes(held)
            held.clear()
        if is_mark:
            yield piece
    if held:
        yield bytes(held)


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
