"""Objects on disk for as long as pictures of them are wanted: windows and frames change, the file does not."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pacs.errors import NoPicture
from pacs.studies import ObjectFile

OpenObject = Callable[[], AbstractAsyncContextManager[ObjectFile]]


@dataclass
class _Entry:
    path: Path
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    size_bytes: int = 0
    whole: bool = False
    used_at: float = 0.0


class FileSpool:
    """Keeps at most `most_bytes` beyond what is in use, and nothing for longer than `idle_seconds` after its last use.

    The folder is private to this process and goes with `close`.
    """

    def __init__(self, most_bytes: int = 512 << 20, idle_seconds: float = 300.0, largest_bytes: int = 1 << 30) -> None:
        self._most_bytes = most_bytes
        self._idle_seconds = idle_seconds
        self._largest_bytes = largest_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="dicom-graph-viewer-")
        self._names = map(str, count())
        self._entries: dict[Hashable, _Entry] = {}  # the longest unused first

    def close(self) -> None:
        """Removes everything."""
        self._folder.cleanup()

    @asynccontextmanager
    async def file(self, key: Hashable, open_object: OpenObject) -> AsyncIterator[Path]:
        """The object's file, the same for equal keys; who asks while it is being fetched waits for it.

        Raises what `open_object` raises, and `NoPicture("too_large")` for an object of more than `largest_bytes`.
        """
        entry = self._entries.pop(key, None) or _Entry(Path(self._folder.name, next(self._names)))
        self._entries[key] = entry
        entry.users += 1
        try:
            async with entry.lock:
                if not entry.whole:
                    await self._fetch(entry, open_object)
            yield entry.path
        finally:
            entry.users -= 1
            entry.used_at = time.monotonic()
            self._evict()

    async def _fetch(self, entry: _Entry, open_object: OpenObject) -> None:
        entry.size_bytes = 0
        async with open_object() as source:
            target = await asyncio.to_thread(entry.path.open, "wb")
            try:
                async for chunk in source.chunks:
                    entry.size_bytes += len(chunk)
                    if entry.size_bytes > self._largest_bytes:
                        raise NoPicture("too_large")
                    await asyncio.to_thread(target.write, chunk)
            finally:
                await asyncio.to_thread(target.close)
        entry.whole = True

    def _evict(self) -> None:
        idle = [(key, entry) for key, entry in self._entries.items() if not entry.users]
        kept_bytes = sum(entry.size_bytes for _, entry in idle)
        oldest = time.monotonic() - self._idle_seconds
        for key, entry in idle:
            if entry.whole and kept_bytes <= self._most_bytes and entry.used_at >= oldest:
                continue
            kept_bytes -= entry.size_bytes
            del self._entries[key]
            entry.path.unlink(missing_ok=True)
