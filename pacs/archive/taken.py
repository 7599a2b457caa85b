"""A file that was given instead of its bytes: it is named, not copied."""

import asyncio
import os
from pathlib import Path

from pacs.archive.received import Received, digest_of, receive
from pacs.given_files import GivenFile


class Taken:
    """What `Incoming` is for bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = b""

    async def fill(self, given: GivenFile) -> None:
        """Takes it; while the disk has its last bytes to write, they are digested. `NotGiven`, `OSError`."""
        await asyncio.to_thread(given.link, self.path)
        self._digest, _ = await asyncio.gather(
            asyncio.to_thread(digest_of, self.path), asyncio.to_thread(_sync, self.path)
        )

    def finish(self) -> Received:
        """Checks the file; runs in a thread. `BadDicom`, `OSError`."""
        return receive(self.path, self._digest)

    def discard(self) -> None:
        """Nothing is open."""


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
