"""Objects straight from Orthanc's storage, past its DICOMweb plugin.

Measured on 1.10.1 with an object of 100 MB, until the first byte and the last: WADO-RS 390 and 430 ms, WADO-URI 220 and
260 ms, `/instances/{id}/file` 70 and 110 ms; looking for the identifier takes 2 ms.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import structlog

from pacs.dicomweb import Answer, DicomWeb, PacsAddress, pieces
from pacs.errors import NotFound, PacsFault, PacsUnauthorized, PacsUnavailable
from pacs.orthanc import Orthanc
from pacs.retrieved import checked, length_of
from pacs.studies import ObjectFile
from pacs.uids import is_uid

log = structlog.get_logger(__name__)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_ONLY_ONE = 2
"""How many are looked for: one more than is good."""


class OrthancFiles:
    """The files of the Orthanc at `address`, the root of its REST API, if there is one and it lets us in.

    What it has not, has more than once or does not tell is left to DICOMweb. Whether it is there is asked before the
    first file, and again until somebody says.
    """

    def __init__(self, address: PacsAddress) -> None:
        self._web = DicomWeb(address)
        self._is_there: bool | None = None
        self._looking = asyncio.Lock()

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._web.aclose()

    @asynccontextmanager
    async def retrieve(self, study: str, series: str, instance: str) -> AsyncIterator[ObjectFile | None]:
        """One object as it is stored; None when DICOMweb is to be asked. Raises as `Studies.retrieve` does."""
        found = await self._find(study, series, instance)
        if found is None:
            yield None
            return
        async with self._web.stream(f"instances/{found}/file") as response:
            yield ObjectFile(length_of(response.headers), checked(pieces(response), instance))

    async def _find(self, study: str, series: str, instance: str) -> str | None:
        """Orthanc's identifier of the one object with these UIDs."""
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": instance}
        if not all(is_uid(uid, lenient=True) for uid in uids.values()) or not await self.is_there():
            return None
        body = orjson.dumps({"Level": "Instance", "Limit": _ONLY_ONE, "Query": uids})
        try:
            found = _json(await self._web.request("POST", "tools/find", content=body))
        except (PacsUnauthorized, NotFound):  # some of Orthanc's doors are closed: this one stays so
            self._is_there = False
            return None
        except (PacsFault, PacsUnavailable):
            return None
        if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str) and _ID.fullmatch(found[0]):
            return found[0]
        return None

    async def is_there(self) -> bool:
        """Whether this is an Orthanc that lets us in."""
        if self._is_there is None:
            async with self._looking:
                if self._is_there is None:
                    self._is_there = await self._look()
        return self._is_there is True

    async def _look(self) -> bool | None:
        """None where only DICOMweb may tell whether the PACS is off: gateways say 502 or 503 of a path they lack."""
        try:
            is_there = await Orthanc(self._web).version() is not None
        except (PacsUnauthorized, NotFound):
            is_there = False
        except PacsUnavailable:
            return None
        log.info("objects are retrieved", way="Orthanc's REST API" if is_there else "DICOMweb")
        return is_there


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except PacsFault:
        return None
