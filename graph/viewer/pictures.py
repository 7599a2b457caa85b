"""Pictures for the viewer, made here: they look the same before every PACS, also before those that cannot render."""

import hashlib
from functools import partial

from graph.viewer.spool import FileSpool
from pacs.adapter import Pacs
from pacs.thumbnails import Picture, Renderer, Rendering


class ViewerPictures:
    """Pictures of objects of one PACS. `aclose` ends the processes that make them."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._renderer = Renderer()
        self._spool = FileSpool()

    async def aclose(self) -> None:
        """Ends the makers of pictures and removes the files."""
        await self._renderer.aclose()
        self._spool.close()

    async def render(self, study: str, series: str, instance: str, rendering: Rendering) -> Picture:
        """The picture; raises `NoPicture` with the reason, and the errors of the PACS."""
        key = hashlib.sha256(f"{study}/{series}/{instance}".encode()).hexdigest()
        async with self._spool.file(key, partial(self._pacs.retrieve, study, series, instance)) as path:
            return await self._renderer.render(path, rendering)
