"""Objects of a PACS as files of this machine, for what needs a path; each is gone when it was used."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import IO

from pacs.errors import NoPicture
from pacs.studies import ObjectFile

_BLOCK_BYTES = 1 << 20


@asynccontextmanager
async def spooled(
    source: AbstractAsyncContextManager[ObjectFile], folder: Path | None = None, most_bytes: int | None = None
) -> AsyncIterator[Path]:
    """The object in a file of its own, in `folder` (None: the system's), until the end of the block.

    `NoPicture` when it is larger than `most_bytes`; and what retrieving raises.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix="dicom-graph-", suffix=".dcm") as file:
        async with source as found:
            received, block = 0, bytearray()
            async for chunk in found.chunks:
                received += len(chunk)
                if most_bytes is not None and received > most_bytes:
                    raise NoPicture("too_large")
                block += chunk
                if len(block) >= _BLOCK_BYTES:
                    await asyncio.to_thread(file.write, block)
                    block = bytearray()
        await asyncio.to_thread(_finish, file, block)
        yield Path(file.name)


def _finish(file: IO[bytes], block: bytes | bytearray) -> None:
    file.write(block)
    file.flush()
