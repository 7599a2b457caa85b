"""Thumbnails of a PACS's objects, kept as long as their series is as it was."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from cachetools import TTLCache

from pacs.caching.bounded import Key
from pacs.caching.flights import Flights
from pacs.caching.states import SeriesRef, State
from pacs.caching.vouched import VouchedCache
from pacs.dicomweb import DicomWeb
from pacs.errors import NoPicture, NoPictureReason
from pacs.picture_ways import PictureWays, Retrieve, Thumbnail
from pacs.small_files import SmallFiles
from pacs.thumbnails import Renderer

LARGEST_THUMBNAIL = 2048
"""The longest side that is asked for: a viewport of 100,000 crashes Orthanc 1.10 (measured)."""

_AT_ONCE = 8
_REMEMBERED = 10_000
_STATE_LASTS_SECONDS = 1.0
"""For how long what is made anew is kept under a state that was asked for already. An older one is as true: if the
series has changed since, what is kept is found to be of another state. Two requests fewer for each new picture."""


Turn = AbstractAsyncContextManager[None]
_NO_TURN: Turn = nullcontext()


class Pictures:
    """Thumbnails of one PACS. `aclose` ends the processes that make them."""

    def __init__(
        self,
        web: DicomWeb,
        retrieve: Retrieve,
        cache: VouchedCache,
        small_files: SmallFiles | None = None,
    ) -> None:
        self.renderer = Renderer()
        self._ways = PictureWays(web, retrieve, small_files, self.renderer)
        self._cache = cache
        self._states: TTLCache[tuple[str, str, str | None], State | None] = TTLCache(_REMEMBERED, _STATE_LASTS_SECONDS)
        self._flights = Flights()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def aclose(self) -> None:
        """Ends the processes that make pictures."""
        await self.renderer.aclose()

    def part(self) -> None:
        """From now on nobody joins the making of a picture that is under way: its object may have changed."""
        self._flights.part()

    async def thumbnail(
        self,
        study: str,
        series: str,
        instance: str,
        size: int,
        turn: Turn = _NO_TURN,
        *,
        patient_id: str | None = None,
    ) -> Thumbnail:
        """A JPEG of at most `size` pixels a side. `NoPicture` says why there is none; and the errors of the PACS.

        Where it must be made first, that is done within `turn`. `patient_id`, where it is known, is whose the object
        is: that one patient alone has the series is not believed on the word of another's request.
        """
        key = Key(study, series, (instance, size))
        asked = study, series, patient_id
        state = None if self._cache.holds(key) else self._states.get(asked)
        if state is None:
            state = await self._cache.state(SeriesRef(study, series))
            self._states[asked] = state
            kept: Thumbnail | NoPictureReason | None = self._cache.get(key, state)
            if kept is not None:
                return _shown(kept)
        return _shown(await self._flights.join_next((key, state), lambda: self._make(key, instance, size, state, turn)))

    async def _make(
        self, key: Key, instance: str, size: int, state: State | None, turn: Turn
    ) -> Thumbnail | NoPictureReason:
        """The picture, or why there is none, which is kept like one."""
        with self._cache.filling(key.study) as filling:
            made: Thumbnail | NoPictureReason
            try:
                async with turn, self._gate:
                    made = await self._ways.make(key.study, key.series, instance, size, afresh=state is None)
            except NoPicture as error:
                if error.transient:
                    raise
                made = error.reason
            if state is not None:
                weight = len(made.body if isinstance(made, Thumbnail) else made)
                self._cache.put(key, made, weight, state, filling)
        return made


def _shown(made: Thumbnail | NoPictureReason) -> Thumbnail:
    if isinstance(made, Thumbnail):
        return made
    raise NoPicture(made)
