"""Pictures for the viewer, made here: they look the same before every PACS, also before those that cannot render."""

import time
from collections.abc import Hashable
from functools import partial

from graph.viewer.spool import FileSpool
from pacs.adapter import Pacs
from pacs.rendering.request import Picture, Rendering

_UNVOUCHED_SECONDS = 5.0


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
        key = study, series, instance, await self._version(study, series)
        async with self._spool.file(key, partial(self._pacs.retrieve, study, series, instance)) as path:
            return await self._pacs.pictures.renderer.render(path, rendering)

    async def _version(self, study: str, series: str) -> Hashable:
        """While it is the same, the objects of the series are; where the PACS cannot vouch for that, for 5 s."""
        state = await self._pacs.series_state(study, series)
        lasts = state.lasts_seconds if state else _UNVOUCHED_SECONDS
        return state, time.monotonic() // lasts
