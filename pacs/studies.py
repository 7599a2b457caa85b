"""The Studies Service of a PACS, as its client: QIDO-RS and WADO-RS (PS3.18 ch. 10); see `stow` for STOW-RS."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pacs import multipart, table_json
from pacs.attributes import Dataset, JSONDataset
from pacs.caching.flights import Flights
from pacs.caching.rows import tabled
from pacs.client.answer import Answer
from pacs.dicomweb import DICOM_JSON, DicomWeb, pieces
from pacs.errors import NotFound, PacsFault
from pacs.queries import Match, query, uid_lists
from pacs.retrieved import AS_STORED, checked, length_of
from pacs.tables import Table

_DICOM = "application/dicom"

_GIVEN = {
    "studies": frozenset(
        ("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "PatientID", "PatientName")
    ),
    "series": frozenset(("SeriesInstanceUID", "SeriesNumber", "Modality")),
    "instances": frozenset(("SOPInstanceUID", "InstanceNumber")),
}
"""What every server has to match (PS3.4 §C.6.2.1) and to return (PS3.18 §10.6.3) at each level, asked for or not.

To name one of them all the same takes Orthanc 1.10 0.1 ms (measured).
"""

_WHERE = "PatientID", "StudyInstanceUID", "SeriesInstanceUID"
"""Whose a series is, and where: in a table of its instances, once."""
_TABLES_OR_ROWS = f"{table_json.MEDIA_TYPE}, {DICOM_JSON};q=0.5"


@dataclass(frozen=True)
class ObjectFile:
    """The bytes of one stored object as they come, and how many there will be where the PACS tells."""

    length: int | None
    chunks: AsyncIterator[bytes]


class Studies:
    """Searches and retrieves over one `DicomWeb`. Every answer is filtered on what was asked for."""

    def __init__(self, web: DicomWeb, flights: Flights | None = None) -> None:
        self._web = web
        self._flights = flights or Flights()

    async def search(
        self,
        resource: str,
        match: Match,
        *,
        include: Iterable[str] = (),
        uids: tuple[str, Iterable[str]] | None = None,
        afresh: bool = False,
    ) -> list[Dataset]:
        """All `studies`, `series` or `instances` that fulfil `match` (QIDO-RS, PS3.18 §10.6).

        `include` names attributes beyond those every server returns (or `all`); `uids` is a keyword and the UIDs any of
        which it may have: one request, or as few as the length of URLs allows. An equal search that is under way
        answers this one too; `afresh` joins none that has begun.
        """
        keyword, wanted = (uids[0], frozenset(uids[1])) if uids else (None, frozenset[str]())
        queries = _queries(match, set(include) - _GIVEN[resource], keyword, wanted)
        answers = await asyncio.gather(*(self._answer(resource, text, afresh) for text in queries))
        datasets = (Dataset(json) for answer in answers for json in answer)
        return [
            dataset
            for dataset in datasets
            if match.accepts(dataset) and (keyword is None or dataset.text(keyword) in wanted)
        ]

    async def tables(
        self, match: Match, include: Iterable[str], series: Iterable[str], *, afresh: bool = False
    ) -> list[Table]:
        """The instances of series with these UIDs that fulfil `match`, and of them `include` alone; see `pacs.tables`.

        A table is of one patient's series, or it is left out. For `afresh` see `search`.
        """
        keywords = frozenset({*include, *_WHERE})
        queries = _queries(match, keywords, "SeriesInstanceUID", frozenset(series))
        answers = await asyncio.gather(*(self._tables(text, keywords, afresh) for text in queries))
        found = (table for answer in answers for table in answer)
        return [table for table in found if match.accepts(table.shared) and all(map(table.shared.text, _WHERE))]

    async def _tables(self, query: str, keywords: frozenset[str], afresh: bool) -> list[Table]:
        def read(answer: Answer) -> list[Table]:
            if answer.headers.get("content-type") != table_json.MEDIA_TYPE:  # a server of before there were tables
                return list(tabled(map(Dataset, answer.datasets()), keywords).values())
            try:
                return table_json.read(answer.datasets())
            except ValueError:
                raise PacsFault("the PACS answered with something else than tables") from None

        join = self._flights.join_next if afresh else self._flights.join
        return await join(
            ("tables", query), lambda: self._web.read("instances", read, query=query, accept=_TABLES_OR_ROWS)
        )

    async def _answer(self, resource: str, query: str, afresh: bool) -> list[JSONDataset]:
        join = self._flights.join_next if afresh else self._flights.join
        return await join((resource, query), lambda: self._web.search(resource, query))

    @asynccontextmanager
    async def retrieve(self, study: str, series: str, instance: str) -> AsyncIterator[ObjectFile]:
        """One object as it is stored (WADO-RS, PS3.18 §10.4): no transcoding, which fails on some servers.

        A transfer that ends early, or brings another object, raises while it is read: `PacsFault`.
        """
        headers = {"Accept": f'multipart/related; type="{_DICOM}"; transfer-syntax=*', "Prefer": AS_STORED}
        async with self._web.stream(
            f"studies/{study}/series/{series}/instances/{instance}", headers=headers
        ) as response:
            content_type = response.headers.get("content-type", "")
            if content_type.startswith(_DICOM) and not content_type.startswith(DICOM_JSON):
                yield ObjectFile(length_of(response.headers), checked(pieces(response), instance))
                return
            try:
                parts = multipart.read_parts(multipart.boundary_of(content_type), pieces(response))
                part = await anext(parts, None)
            except multipart.BrokenMultipart as error:
                raise PacsFault(f"the PACS sent a broken object: {error}") from error
            if part is None:
                raise NotFound("the PACS has no such object")
            yield ObjectFile(length_of(part.headers), checked(_whole(part, parts), instance))


def _queries(match: Match, include: Iterable[str], keyword: str | None, wanted: frozenset[str]) -> list[str]:
    """The query strings of a search: one, or as few as the UIDs `wanted` under `keyword` need."""
    fields = [f"includefield={name}" for name in sorted(include)]
    parameters = list(match.parameters())
    lists = uid_lists(keyword, sorted(wanted), query(parameters, fields)) if keyword else ()
    return [query(parameters, [uid_list], fields) for uid_list in lists] or [query(parameters, fields)]


async def _whole(part: multipart.Part, parts: AsyncIterator[multipart.Part]) -> AsyncIterator[bytes]:
    """The first part, and nothing less: the closing boundary must follow it."""
    try:
        async for piece in part.body:
            yield piece
        if await anext(parts, None) is not None:
            raise PacsFault("the PACS sent more than the one object asked for")
    except multipart.BrokenMultipart as error:
        raise PacsFault(f"the PACS broke off: {error}") from error
