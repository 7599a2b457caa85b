"""Objects straight into Orthanc, past its DICOMweb plugin: several in a form, others alone.

Measured on 1.10.1: an object of 100 MB takes 430 ms, 390 of them Orthanc's processor time; by STOW-RS 490 and 440 ms.
Of small ones it saves less than a request for each costs us; for 0.5 MB see `forms`.
"""

from contextlib import aclosing
from enum import Enum
from functools import partial
from typing import Any

from pacs.blocks import BLOCK_BYTES, blocks_of, read_ahead
from pacs.client.answer import Answer
from pacs.client.failures import pacs_errors
from pacs.errors import NotFound, PacsFault, PacsUnauthorized, PacsUnavailable
from pacs.orthanc.door import OrthancDoor
from pacs.orthanc.forms import OrthancForms
from pacs.stow import DICOM, NewObject

_LEAST_BYTES = 256 * 1024
_NEVER_TAKEN = frozenset({405, 501})


class Said(Enum):
    """What Orthanc says of an object."""

    STORED = "Success"
    KNOWN = "AlreadyStored"
    """One with the same patient, study, series and instance, which it keeps."""
    FILTERED = "FilteredOut"
    """Its administrator's script does not take it. The DICOMweb plugin says of such that they are stored (measured)."""


class OrthancStore:
    """Stores one object a request, where there is an Orthanc behind `door` and it takes any; small ones if asked to.

    `forms` stores several.
    """

    def __init__(self, door: OrthancDoor) -> None:
        self._door = door
        self._takes_none = False
        self.forms = OrthancForms(door)

    async def store(self, new: NewObject, *, of_any_size: bool = False) -> Said | None:
        """What became of it; None when it is left to STOW-RS, which has more words for a refusal. `PacsTimeout`."""
        is_small = new.size < _LEAST_BYTES and not of_any_size
        if is_small or self._takes_none or not await self._door.is_open():
            return None
        try:
            answer = await self._sent(new)
        except (PacsUnauthorized, NotFound):  # some of Orthanc's doors are closed: this one stays so
            self._takes_none = True
            return None
        except (PacsFault, PacsUnavailable):
            return None
        self._takes_none |= answer.status in _NEVER_TAKEN
        return _said(answer)

    async def _sent(self, new: NewObject) -> Answer:
        headers = {"Content-Type": DICOM}
        send = partial(self._door.web.request, "POST", "instances", accept_errors=_NEVER_TAKEN)
        if new.size <= BLOCK_BYTES:
            with pacs_errors():
                content = next(blocks_of(new.file), b"")
            return await send(headers=headers, content=content)
        async with aclosing(read_ahead(blocks_of(new.file))) as pieces:
            return await send(headers=headers | {"Content-Length": str(new.size)}, content=pieces)


def _said(answer: Answer) -> Said | None:
    try:
        json: Any = answer.json()
        return Said(json["Status"])
    except (PacsFault, TypeError, KeyError, ValueError):
        return None
