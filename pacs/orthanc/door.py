"""Is there an Orthanc behind a DICOMweb server, and does it let us in?"""

import structlog

from pacs.address import PacsAddress
from pacs.caching.flights import Flights
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsUnauthorized, PacsUnavailable
from pacs.orthanc.api import Orthanc

log = structlog.get_logger(__name__)


class OrthancDoor:
    """The way to the Orthanc at `address`, the root of its REST API, if there is one; `web` leads there.

    Whether it is there is asked before it is first needed, and again until somebody says.
    """

    def __init__(self, address: PacsAddress) -> None:
        self.web = DicomWeb(address)
        self._is_there: bool | None = None
        self._flights = Flights()

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.web.aclose()

    async def is_open(self) -> bool:
        """Whether there is an Orthanc that answers."""
        if self._is_there is None:
            self._is_there = await self._flights.join("look", self._look)
        return self._is_there is True

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
