"""Is there an Orthanc behind a DICOMweb server, and does it let us in?"""

import asyncio
import time
from contextlib import suppress

import structlog

from pacs.address import PacsAddress
from pacs.caching.flights import Flights
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsError, PacsUnauthorized, PacsUnavailable
from pacs.orthanc.api import Orthanc

log = structlog.get_logger(__name__)

_GLANCE_SECONDS = 1.0
_PAUSE_SECONDS = 10.0
"""How long a look takes at most for which nobody waits, and how long it is until the next while they tell nothing."""


class OrthancDoor:
    """The way to the Orthanc at `address`, the root of its REST API, if there is one; `web` leads there.

    Whether it is there is asked before it is first needed, and again until somebody says.
    """

    def __init__(self, address: PacsAddress) -> None:
        self.web = DicomWeb(address)
        self._is_there: bool | None = None
        self._flights = Flights()
        self._glance: asyncio.Task[None] | None = None
        self._next_glance = 0.0

    async def aclose(self) -> None:
        """Closes all connections."""
        if self._glance is not None:
            self._glance.cancel()
            await asyncio.wait([self._glance])
        await self.web.aclose()

    async def is_open(self) -> bool:
        """Whether there is an Orthanc that answers."""
        if self._is_there is None:
            self._is_there = await self._flights.join("look", self._look)
        return self._is_there is True

    def is_seen_open(self) -> bool:
        """The same as far as it is known, for who can do without: a look is taken meanwhile, and not waited for."""
        if self._is_there is None and self._glance is None and time.monotonic() >= self._next_glance:
            self._glance = asyncio.ensure_future(self._glance_at_it())
        return self._is_there is True

    async def _glance_at_it(self) -> None:
        try:
            with suppress(PacsError, TimeoutError):  # whoever waits for an answer hears of it
                async with asyncio.timeout(_GLANCE_SECONDS):
                    await self.is_open()
        finally:
            self._glance, self._next_glance = None, time.monotonic() + _PAUSE_SECONDS

    async def _look(self) -> bool | None:
        """None where only DICOMweb may tell whether the PACS is off: gateways say 502 or 503 of a path they lack."""
        try:
            is_there = await Orthanc(self.web).version() is not None
        except (PacsUnauthorized, NotFound):
            is_there = False
        except PacsUnavailable:
            return None
        log.info("objects go by", way="Orthanc's REST API" if is_there else "DICOMweb")
        return is_there
