"""Is an object that a PACS holds the same as a file?"""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

from pacs import file_meta
from pacs.errors import BadDicom
from pacs.sources import ReadableFile

_HEAD_BYTES = 64 * 1024


async def same_object(file: ReadableFile, size: int, stored: AsyncIterator[bytes]) -> bool:
    """Whether the file of `size` bytes and the stored bytes hold the same dataset in the same transfer syntax.

    Preamble and File Meta Information do not count: PACSs write their own. Reads no further than the first difference.
    """
    head = bytearray()
    async for chunk in stored:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    try:
        theirs = file_meta.read_meta(BytesIO(head), len(head))
        ours = await asyncio.to_thread(file_meta.read_meta, file, size)
    except BadDicom:
        return False
    if theirs.transfer_syntax_uid != ours.transfer_syntax_uid:
        return False
    await asyncio.to_thread(file.seek, ours.dataset_offset)
    piece = bytes(head[theirs.dataset_offset :])
    while piece:
        if await asyncio.to_thread(file.read, len(piece)) != piece:
            return False
        piece = await anext(stored, b"")
    return not await asyncio.to_thread(file.read, 1)
