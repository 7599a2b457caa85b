"""Lists from Orthanc's index: what belongs to a patient, or to a study."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pacs.caching.flights import Flights
from pacs.client.answer import Answer
from pacs.dicomweb import DicomWeb

Row = Mapping[str, Any]


class OrthancLists:
    """The index of one Orthanc, to the root of whose REST API `web` leads.

    Every answer is of some moment after the call began. Methods raise the errors of `pacs.errors`.
    """

    def __init__(self, web: DicomWeb, flights: Flights) -> None:
        self._web = web
        self._flights = flights

    async def at(self, path: str) -> Answer:
        """What is there, e.g. at `patients/…/studies`; equal reads that begin at the same time are one."""
        return await self._flights.join_next(("index", path), lambda: self._web.request("GET", path))

    async def series_of(self, studies: Iterable[str]) -> Answer:
        """The series of the studies with these UIDs, whosever they are."""
        query = {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": "\\".join(studies)}}
        return await self._web.ask("tools/find", orjson.dumps(query))


def rows(answer: Answer) -> list[Row]:
    """What is listed, or the one that was asked for; empty for what is no list of objects."""
    found = answer.json()
    listed = found if isinstance(found, list) else [found]
    return listed if all(isinstance(row, Mapping) for row in listed) else []
