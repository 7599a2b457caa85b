"""Instances of many series are read in few requests, and by the way that turned out to be the cheaper."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from pacs.attributes import Dataset, tag
from pacs.caching.states import Place, SeriesRef
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsTimeout, PacsUnauthorized, PacsUnavailable
from pacs.instances import InstanceReader
from pacs.tables import Rows

FIELDS = frozenset({"Rows"})
_SLOW_SECONDS = 0.02


def ref(number: int, count: int) -> SeriesRef:
    return SeriesRef("1.1", f"1.1.{number}", Dataset({tag("NumberOfSeriesRelatedInstances"): element(count)}))


def element(value: Any) -> dict[str, Any]:
    return {"vr": "UN", "Value": [value]}


def rows(series: SeriesRef, patient_id: str = "P1") -> list[Dataset]:
    count = (series.row.integer("NumberOfSeriesRelatedInstances") if series.row else None) or 0
    place = {"PatientID": patient_id, "StudyInstanceUID": series.study, "SeriesInstanceUID": series.series}
    return [
        Dataset({tag(key): element(value) for key, value in {**place, "InstanceNumber": number, "Rows": 16}.items()})
        for number in range(count)
    ]


def flat(found: dict[Place, Rows]) -> list[Dataset]:
    """The instances of all series."""
    return [row for rows in found.values() for row in rows]


@dataclass
class Server:
    """A PACS that takes its time for searches, or for metadata, and notes what it is asked for."""

    series: list[SeriesRef]
    slow: str = ""
    metadata_of: str = "P1"
    error: Exception | None = None
    lost: int = 0
    leaves_out: frozenset[str] = frozenset()
    searched: list[list[str]] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)

    def reader(self) -> InstanceReader:
        web: Any = DicomWebOf(self)
        return InstanceReader(web, self.search)

    async def search(self, patient_id: str, uids: Any, include: Any) -> list[Dataset]:
        """QIDO-RS."""
        self.searched.append(list(uids))
        is_slow = self.slow == "search" or (self.slow == "first search" and len(self.searched) == 1)
        await asyncio.sleep(_SLOW_SECONDS if is_slow else 0)
        return [row for one in self.series if one.series in uids for row in rows(one)]

    async def read(self, reader: InstanceReader, include: frozenset[str] = FIELDS) -> int:
        """How many rows come, each once."""
        found = flat(await reader.read("P1", self.series, include))
        places = {(row.text("SeriesInstanceUID"), row.integer("InstanceNumber")) for row in found}
        assert len(places) == len(found)
        return len(found)


class DicomWebOf(DicomWeb):
    """The metadata of a `Server`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def metadata(self, path: str, tags: frozenset[str]) -> tuple[list[Any], int]:
        """WADO-RS."""
        _, study, _, series, _ = path.split("/")
        self._server.metadata.append(series)
        await asyncio.sleep({"metadata": _SLOW_SECONDS, "endless metadata": 60}.get(self._server.slow, 0))
        if self._server.error:
            raise self._server.error
        (wanted,) = (one for one in self._server.series if one.place == (study, series))
        found = rows(wanted, self._server.metadata_of)[self._server.lost :]
        told = tags - {tag(keyword) for keyword in self._server.leaves_out}
        return [{name: row.json[name] for name in told & row.json.keys()} for row in found], 1_000 * len(found)


async def test_small_series_are_searched_for_together() -> None:
    server = Server([ref(number, 5) for number in range(50)])
    assert await server.read(server.reader()) == 250
    assert len(server.searched) == 1


async def test_a_search_brings_no_more_rows_than_can_be_read_at_once() -> None:
    server = Server([ref(number, 120) for number in range(6)])
    assert await server.read(server.reader(), frozenset({"all"})) == 720
    assert [len(uids) for uids in server.searched] == [2, 2, 2]


@pytest.mark.parametrize("slow", ["search", "metadata"])
async def test_the_cheaper_way_is_found_on_the_first_series_and_kept(slow: str) -> None:
    server = Server([ref(number, 20) for number in range(4)], slow=slow)
    reader = server.reader()
    assert await server.read(reader) == 80
    assert (server.searched[0], server.metadata[0]) == (["1.1.0"], "1.1.1")
    server.searched.clear()
    server.metadata.clear()
    assert await server.read(reader) == 80
    assert (len(server.searched), len(server.metadata)) == ((0, 4) if slow == "search" else (1, 0))


async def test_metadata_that_leave_out_what_a_search_has_are_never_read_again() -> None:
    server = Server([ref(number, 20) for number in range(4)], slow="search", leaves_out=FIELDS)
    reader = server.reader()
    assert await server.read(reader, frozenset({"InstanceNumber"})) == 80
    server.metadata.clear()
    found = flat(await reader.read("P1", server.series, FIELDS))
    assert [row.integer("Rows") for row in found] == [16] * 80
    assert not server.metadata


async def test_instances_of_a_series_with_the_uid_of_another_are_its_own() -> None:
    server = Server([ref(1, 20), SeriesRef("1.9", "1.1.1", ref(1, 20).row)])
    assert len(flat(await server.reader().read("P1", server.series[:1], FIELDS))) == 20
    found = flat(await server.reader().read("P1", server.series, FIELDS))
    assert sorted(row.text("StudyInstanceUID") or "" for row in found) == ["1.1"] * 20 + ["1.9"] * 20


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"error": NotFound("none")}, id="there is none"),
        pytest.param({"metadata_of": "P2"}, id="it is another patient's"),
        pytest.param({"lost": 1}, id="it is not all"),
    ],
)
async def test_metadata_that_is_not_as_it_should_be_is_searched_for_after_all(how: dict[str, Any]) -> None:
    server = Server([ref(number, 20) for number in range(4)], slow="search", **how)
    reader = server.reader()
    for _ in range(2):
        assert await server.read(reader) == 80


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"error": PacsUnauthorized("not for you")}, id="it may not be read"),
        pytest.param({"error": PacsUnavailable("a gateway is missing")}, id="it cannot be reached"),
        pytest.param({"error": PacsTimeout("silence")}, id="it takes the whole of its time"),
        pytest.param({"slow": "endless metadata"}, id="it takes longer than is waited for"),
        pytest.param({"slow": "first search", "error": NotFound("none")}, id="there is none, and the PACS was cold"),
        pytest.param({"slow": "first search", "lost": 1}, id="it is not all, and the PACS was cold"),
    ],
)
async def test_a_pacs_that_fails_to_give_metadata_is_searched_ever_after(
    how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.instances._LONGEST_PROBE_SECONDS", 0.05)
    server = Server([ref(number, 20) for number in range(4)], **how)
    reader = server.reader()
    for _ in range(2):
        assert await server.read(reader) == 80
    assert len(server.metadata) == 1


async def test_nobody_waits_for_what_another_finds_out() -> None:
    server = Server([ref(number, 20) for number in range(4)], slow="endless metadata")
    reader = server.reader()
    first = asyncio.create_task(server.read(reader))
    while not server.metadata:
        await asyncio.sleep(0)
    assert await server.read(reader) == 80
    assert not first.done()
    first.cancel()


async def test_everything_is_asked_of_a_search() -> None:
    server = Server([ref(number, 20) for number in range(4)], slow="search")
    assert await server.read(server.reader(), frozenset({"all"})) == 80
    assert (len(server.searched), server.metadata) == (1, [])
