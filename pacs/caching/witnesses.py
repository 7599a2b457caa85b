"""Which witness a PACS has: found out at the first use, once."""

import structlog

from pacs.address import PacsAddress
from pacs.caching.flights import Flights
from pacs.caching.states import CountWitness, Find, SeriesRef, State, Witness
from pacs.dicomweb import DicomWeb
from pacs.orthanc.api import api_address
from pacs.orthanc.states import OrthancWitness

log = structlog.get_logger(__name__)


class ChosenWitness:
    """Orthanc's own API where the PACS is an Orthanc that lets us use it, else its counts."""

    def __init__(self, address: PacsAddress, find: Find) -> None:
        self._counts = CountWitness(find, tells_updates=address.tells_updates)
        orthanc = api_address(address)
        self._web = DicomWeb(orthanc) if orthanc else None
        self._orthanc = OrthancWitness(self._web) if self._web else None
        self._chosen: Witness | None = None if self._orthanc else self._counts
        self._flights = Flights()

    @property
    def row_keywords(self) -> frozenset[str]:
        """See `Witness`."""
        return (self._chosen or self._counts).row_keywords

    @property
    def instance_keywords(self) -> frozenset[str]:
        """See `Witness`."""
        return (self._chosen or self._counts).instance_keywords

    async def aclose(self) -> None:
        """Closes all connections."""
        if self._web is not None:
            await self._web.aclose()

    async def state(self, series: SeriesRef, patient_id: str | None, *, look: bool = False) -> State | None:
        """See `Witness`."""
        if self._chosen is None:
            self._chosen = await self._flights.join("choose", self._choose)
        return await self._chosen.state(series, patient_id, look=look)

    async def _choose(self) -> Witness:
        """Raises the errors of `pacs.errors` when the PACS does not answer; then the next use asks again."""
        orthanc = self._orthanc
        chosen: Witness = orthanc if orthanc and await orthanc.is_there() else self._counts
        log.info("the PACS's state is known", by="Orthanc's changes" if chosen is orthanc else "its counts")
        return chosen
