"""Where the files of one form wait: small ones together, and a large one ends its spool.

So of many large files all but the first, which may have small ones before it, are sure to be alone, to be given away.
"""

import asyncio

from graph.engine.spool import Spool
from graph.engine.spool_files import SpoolFiles
from pacs.given_files import LEAST_BYTES

_MOST = 8
"""Of a form: each is an open file."""


class Spools:
    """The spools of a form, of which one is being filled."""

    def __init__(self, files: SpoolFiles) -> None:
        self._files = files
        self._all = [Spool(files)]
        self._finished = 0
        self._began_at = 0

    def begin(self) -> tuple[Spool, int]:
        """The spool of the next file, and where in it that lies."""
        if self._all[-1].size - self._began_at >= LEAST_BYTES and len(self._all) < _MOST:
            self._all.append(Spool(self._files))
        self._began_at = self._all[-1].size
        return self._all[-1], self._began_at

    def add(self, data: memoryview) -> None:
        """See `Spool.add`."""
        self._all[-1].add(data)

    async def keep_up(self) -> None:
        """See `Spool.keep_up`."""
        await self._finish(len(self._all) - 1)
        await self._all[-1].keep_up()

    async def finish(self) -> None:
        """See `Spool.finish`."""
        await self._finish(len(self._all))

    async def aclose(self) -> None:
        """See `Spool.aclose`."""
        await asyncio.gather(*(spool.aclose() for spool in self._all))

    async def _finish(self, count: int) -> None:
        for spool in self._all[self._finished : count]:
            await spool.finish()
        self._finished = count
