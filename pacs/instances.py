"""The instances of many series, asked of a PACS in the way that is cheapest for it.

Two ways: one search for many series (QIDO-RS), or the metadata of each series (WADO-RS), which some servers have
faster than a search (Orthanc 1.10: half the time) and most do not. Which it is, is measured once, on the first series
that are read; a server that fails to give metadata, is slow with them or leaves out what it has (as Orthanc does where
its administrator sets `SeriesMetadata` so), is searched ever after.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from pacs.attributes import Dataset, tag
from pacs.caching.instances import ALWAYS, aside
from pacs.caching.rows import ALL, dealt
from pacs.caching.states import Place, SeriesRef, batches, place_of
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsError, PacsFault
from pacs.queries import Match
from pacs.tables import Rows

_AT_ONCE = 8
"""Orthanc's own threads; with fewer a study of five series has one that waits for the others (a tenth of the time)."""
_ROWS_A_SEARCH = 300
"""Reading more at once would hold up other requests for longer than 25 ms."""
_MOST_METADATA_BYTES = 8_000_000
"""Of a series, for the same reason: 20 ms (see `excerpts`)."""
_ROWS_OF_A_PROBE = range(10, 101)
"""Enough to measure, and not so many that the metadata are long to read."""
_LONGEST_PROBE_SECONDS = 2.0
"""For the metadata of such a series. Who has not given them by then is not the faster way."""
_IN_FILES = frozenset({"SOPClassUID", "Rows", "Columns", "BitsAllocated"})
"""What images have, and a server has at hand only if it reads their files."""

Search = Callable[[str, Sequence[str], frozenset[str]], Awaitable[list[Dataset]]]
"""The patient's instances of series with these UIDs, by QIDO-RS."""


class InstanceReader:
    """Reads from one PACS."""

    def __init__(self, web: DicomWeb, search: Search) -> None:
        self._web = web
        self._search = search
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._search_seconds: float | None = None
        self._metadata_seconds: float | None = None
        self._metadata_bytes = 0
        self._probing = asyncio.Lock()

    async def read(self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]) -> dict[Place, Rows]:
        """The patient's instances of each of these series that has any, by Instance Number and UID."""
        found = await self._read(patient_id, series, include)
        return await aside(len(found), dealt, found, include | ALWAYS)

    async def _read(self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]) -> list[Dataset]:
        found: list[Dataset] = []
        left, by_metadata = list(series), list[SeriesRef]()
        if ALL not in include:
            found, left = await self._probe(patient_id, series, include)
            by_metadata = [ref for ref in left if self._is_cheaper_by_metadata(ref)]
        by_search = [ref for ref in left if ref not in by_metadata]
        answers = await asyncio.gather(
            *(self._by_metadata(patient_id, ref, include) for ref in by_metadata),
            *(self._by_search(patient_id, batch, include) for batch in batches(by_search, _ROWS_A_SEARCH)),
        )
        return [*found, *(row for rows in answers for row in rows)]

    async def _probe(
        self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]
    ) -> tuple[list[Dataset], list[SeriesRef]]:
        """Reads series in the ways whose prices are not known yet: their instances, and the series that are left.

        While one request does so the others do not wait for it.
        """
        found: list[Dataset] = []
        left = list(series)
        while self._metadata_seconds is None and not self._probing.locked():
            ref = next(filter(_is_fit_for_probe, left), None)
            if ref is None:
                break
            async with self._probing:
                left.remove(ref)
                began = time.perf_counter()
                if self._search_seconds is None:
                    rows = await self._search_for(patient_id, [ref], include)
                    self._search_seconds = _each(began, rows)
                else:
                    rows, self._metadata_seconds = await self._compare(patient_id, ref, include | _IN_FILES)
                found += rows
        return found, left

    async def _compare(self, patient_id: str, ref: SeriesRef, include: frozenset[str]) -> tuple[list[Dataset], float]:
        """The instances of a series, and the price of each by metadata: no price is good where these lack anything."""
        rows, seconds = await self._try_metadata(patient_id, ref, include)
        if seconds < (self._search_seconds or 0):
            searched = await self._search_for(patient_id, [ref], include)
            if not _have_all(rows, searched, include):
                return searched, math.inf
        return rows, seconds

    async def _try_metadata(
        self, patient_id: str, ref: SeriesRef, include: frozenset[str]
    ) -> tuple[list[Dataset], float]:
        """The instances of a series, and how long its metadata took for each: for ever, where they are not whole."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_LONGEST_PROBE_SECONDS):
                rows = await self._metadata(patient_id, ref, include)
        except (PacsError, TimeoutError):
            rows = None
        if rows is None:
            return await self._search_for(patient_id, [ref], include), math.inf
        return rows, _each(began, rows)

    def _is_cheaper_by_metadata(self, ref: SeriesRef) -> bool:
        if self._search_seconds is None or self._metadata_seconds is None:
            return False
        is_small = self._metadata_bytes * ref.count <= _MOST_METADATA_BYTES
        return bool(ref.study) and ref.row is not None and is_small and self._metadata_seconds < self._search_seconds

    async def _by_metadata(self, patient_id: str, ref: SeriesRef, include: frozenset[str]) -> list[Dataset]:
        async with self._gate:
            rows = await self._metadata(patient_id, ref, include)
        return await self._search_for(patient_id, [ref], include) if rows is None else rows

    async def _metadata(self, patient_id: str, ref: SeriesRef, include: frozenset[str]) -> list[Dataset] | None:
        """The instances by their metadata; None where these are not there, not the patient's or not all."""
        keywords = include | ALWAYS
        wanted = {"PatientID": patient_id, "StudyInstanceUID": ref.study, "SeriesInstanceUID": ref.series}
        match = Match(dict(wanted))
        path = f"studies/{ref.study}/series/{ref.series}/metadata"
        try:
            json, bytes_ = await self._web.metadata(path, frozenset(map(tag, keywords)))
        except (NotFound, PacsFault):
            return None
        if json and not self._metadata_bytes:
            self._metadata_bytes = bytes_ // len(json)
        rows = [row for row in map(Dataset, json) if match.accepts(row)]
        return rows if len(rows) == ref.count else None

    async def _by_search(self, patient_id: str, batch: list[SeriesRef], include: frozenset[str]) -> list[Dataset]:
        async with self._gate:
            return await self._search_for(patient_id, batch, include)

    async def _search_for(self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]) -> list[Dataset]:
        """Their instances alone: a search finds as well those of series with the same UIDs in other studies."""
        places = {ref.place for ref in series}
        found = await self._search(patient_id, [ref.series for ref in series], include)
        return [row for row in found if place_of(row) in places]


def _is_fit_for_probe(ref: SeriesRef) -> bool:
    return bool(ref.study) and ref.count in _ROWS_OF_A_PROBE


def _have_all(rows: list[Dataset], searched: list[Dataset], keywords: frozenset[str]) -> bool:
    """Whether they have values of all that a search finds values of."""

    def has(found: list[Dataset]) -> set[tuple[str | None, str]]:
        return {(row.text("SOPInstanceUID"), keyword) for row in found for keyword in keywords if row.values(keyword)}

    return has(searched) <= has(rows)


def _each(began: float, rows: list[Dataset]) -> float:
    return (time.perf_counter() - began) / max(1, len(rows))
