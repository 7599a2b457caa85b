"""What an Orthanc has in its index: series, as a search would tell them, and whether studies are as they were."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Set
from typing import TypeVar

from pacs.attributes import Dataset
from pacs.caching.flights import Flights
from pacs.caching.states import State
from pacs.orthanc.door import OrthancDoor
from pacs.orthanc.ids import orthanc_id
from pacs.orthanc.lists import OrthancLists, Row, rows
from pacs.orthanc.series import SERIES_KEYWORDS, OrthancSeries
from pacs.queries import exact, is_sendable
from pacs.searches import StudySearch
from pacs.told import if_told

T = TypeVar("T")
_OF_SERIES = b'"ParentStudy"'
"""Once in what Orthanc says of a series: there may be megabytes of what is in these, not worth to be read."""


class OrthancIndex:
    """The index behind `door`, if there is one that lets us in. Every answer is None where a search must tell.

    Methods raise `BadQuery` for what nobody can be asked for, and `PacsTimeout` (see `if_told`).
    """

    def __init__(self, door: OrthancDoor | None, flights: Flights) -> None:
        self._door = door
        if door is not None:
            self._lists = OrthancLists(door.web, flights)
            self._series = OrthancSeries(self._lists)

    def is_seen(self) -> bool:
        """Whether it is known that there is one; where it is not known yet, a look is taken meanwhile."""
        return self._door is not None and self._door.is_seen_open()

    async def series(self, patient_id: str, studies: Collection[str] | None, include: Set[str]) -> list[Dataset] | None:
        """The series of these studies of the patient, or of all of them (None), with these attributes, in no order."""
        if not include <= SERIES_KEYWORDS:
            return None
        if studies is None:
            return await self._told(lambda: self._series.of_patient(patient_id))
        return await self._told(lambda: self._series.of(patient_id, studies))

    async def state(self, search: StudySearch) -> State | None:
        """The state of all studies that a search looks at; None also while more of them may come."""
        return await self._told(lambda: self._state(search))

    async def _state(self, search: StudySearch) -> State | None:
        """Orthanc's own words on the studies, and on their series with all that is in these.

        What comes changes a study's LastUpdate (of whole seconds: so only of a study that has been stable since it
        counts), what goes the lists of instances, and what is read anew of the files the tags (measured on 1.10.1).
        By an ID that cannot be sent as it is a search may find what Orthanc has under other names.
        """
        patient_id, study = exact("patientID", search.patient_id), search.study_instance_uid
        if not is_sendable(patient_id):
            return None
        name = f"studies/{orthanc_id(patient_id, study)}" if study else f"patients/{orthanc_id(patient_id)}"
        studies, series = await asyncio.gather(
            self._lists.at(name if study else f"{name}/studies"), self._lists.at(f"{name}/series")
        )
        counts = [_series_of(one) for one in rows(studies)]
        if not counts or not all(counts) or series.content.count(_OF_SERIES) != sum(counts):
            return None
        return State(hashlib.sha256(studies.content).digest() + hashlib.sha256(series.content).digest())

    async def _told(self, read: Callable[[], Awaitable[T | None]]) -> T | None:
        return await if_told(read()) if self.is_seen() else None


def _series_of(study: Row) -> int:
    """How many series a study has; 0 where it does not say so, and of one of which more may come."""
    series = study.get("Series")
    return len(series) if study.get("IsStable") is True and isinstance(series, list) else 0
