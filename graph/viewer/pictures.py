"""Pictures for the viewer, made here: they look the same before every PACS, also before those that cannot render."""

import hashlib
from functools import partial

from graph.viewer.spool import FileSpool
from pacs.adapter import Pacs
from pacs.thumbnails import Picture, Rendering


class ViewerPictures:
    """Pictures of objects of one PACS, by the processes that make its thumbnails; `close` removes the files."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._spool = FileSpool()

    def close(self) -> None:
        """Removes the files."""
        self._spool.close()

    async def render(self, study: str, series: str, instance: str, rendering: Rendering) -> Picture:
        """The picture; raises `NoPicture` with the reason, and the errors of the PACS."""
        key = hashlib.sha256(f"{study}/{series}/{instance}".encode()).hexdigest()
        async with self._spool.file(key, partial(self._pacs.retrieve, study, series, instance)) as path:
            return await self._pacs.pictures.renderer.render(path, rendering)
