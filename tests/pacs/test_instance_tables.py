"""Instances that are read in tables are those that a search would have found, whatever the server says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from pacs.adapter import Pacs
from pacs.attributes import JSONDataset, tag
from pacs.caching.states import Place, SeriesRef
from pacs.errors import PacsFault
from pacs.table_json import MEDIA_TYPE
from tests.pacs.caching.behind import Held, alone, embedded
from tests.pacs.scripted import Exchange, pacs_that
from tests.samples import Exam

SERIES = SeriesRef("1.1", "1.1.1")
FIELDS = {"InstanceNumber", "Rows"}


def element(value: str | int) -> dict[str, Any]:
    return {"vr": "UN", "Value": [value]}


def table(patient_id: str = "P1", study: str = "1.1", series: str = "1.1.1", **changed: Any) -> dict[str, Any]:
    same = {
        tag("PatientID"): element(patient_id),
        tag("StudyInstanceUID"): element(study),
        tag("SeriesInstanceUID"): element(series),
    }
    each = {
        tag("SOPInstanceUID"): {"vr": "UI", "Value": ["1.2", "1.3"]},
        tag("InstanceNumber"): {"vr": "IS", "Value": [2, 1]},
    }
    return {"rows": 2, "same": same, "each": each, "others": {}} | changed


async def read(told: Any, content_type: str = MEDIA_TYPE) -> dict[Place, list[int | None]]:
    """The Instance Numbers of each series, of a PACS that tells this."""
    targets: list[str] = []

    async def script(exchange: Exchange) -> None:
        assert exchange.headers["accept"].startswith(MEDIA_TYPE)
        targets.append(exchange.target)
        await exchange.answer(200, orjson.dumps(told), content_type)

    async with pacs_that(script, tells_tables=True, decodes_queries=True) as (pacs, _):
        found = await pacs.instances("P1", [SERIES], FIELDS)
    assert all("PatientID=P1" in target and "SeriesInstanceUID=1.1.1" in target for target in targets)
    return {place: [row.integer("InstanceNumber") for row in rows] for place, rows in found.items()}


async def test_a_table_is_read_in_order() -> None:
    assert await read([table()]) == {("1.1", "1.1.1"): [1, 2]}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([], id="nothing"),
        pytest.param([table("P2")], id="another patient's"),
        pytest.param([table("p1")], id="another patient's whose name is nearly the same"),
        pytest.param([table(study="1.2")], id="a series of another study"),
        pytest.param([table(series="1.1.2")], id="another series"),
        pytest.param([table(same={})], id="nobody's"),
        pytest.param([table(same={tag("PatientID"): element("P1")})], id="of no series"),
    ],
)
async def test_what_is_not_the_patients_series_is_not_shown(told: Any) -> None:
    assert await read(told) == {}


async def test_whose_the_rows_are_must_be_said_of_all_at_once() -> None:
    """Of patients that differ from row to row none is shown."""
    mixed = table()
    del mixed["same"][tag("PatientID")]
    mixed["each"][tag("PatientID")] = {"vr": "LO", "Value": ["P1", "P2"]}
    assert await read([mixed]) == {}


async def test_a_table_without_rows_is_no_series() -> None:
    assert await read([table(rows=0, each={})]) == {}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([{}], id="no table"),
        pytest.param([table(), table()], id="a series twice"),
        pytest.param([table(rows=10**12, each={})], id="more rows than columns"),
        pytest.param([table(others={tag("PatientID"): [element("P2"), element("P2")]})], id="another patient besides"),
        pytest.param([table(rows=3)], id="columns that are too short"),
        pytest.param([table(each={"00080018": {"vr": "UI", "Value": 5}})], id="no column"),
        pytest.param(["x"], id="no object"),
        pytest.param("x", id="no list"),
    ],
)
async def test_what_is_no_table_is_a_fault(told: Any) -> None:
    with pytest.raises(PacsFault):
        await read(told)


async def test_a_server_that_has_no_tables_yet_is_read_all_the_same() -> None:
    def told(number: int, patient_id: str = "P1") -> JSONDataset:
        return {**table(patient_id)["same"], tag("InstanceNumber"): element(number), tag("Rows"): element(16)}

    found = await read([told(2), told(1)], "application/dicom+json")
    assert found == {("1.1", "1.1.1"): [1, 2]}
    assert await read([told(2), told(1, "P2")], "application/dicom+json") == {}
    assert await read([], "application/dicom+json") == {}


@pytest.mark.parametrize(("cache_bytes", "asked"), [(0, 1), (10_000_000, 2)])
async def test_equal_searches_at_the_same_time_are_one_unless_what_they_find_is_kept(
    tmp_path: Path, cache_bytes: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of who comes while another reads, what is kept is read anew: see `Flights.join_next`."""
    image = Exam().image()
    async with embedded(tmp_path) as behind:
        await behind.store(image)
        pacs = Pacs(behind.address, cache_bytes=cache_bytes)
        held = Held(monkeypatch, "instances")

        async def again() -> None:
            behind.asked.clear()

        first, second = await held.twice(lambda: alone(pacs, image), again)
        assert [row.json for row in first] == [row.json for row in second]
        assert held.times == asked
        await pacs.aclose()


async def test_the_embedded_pacs_tells_the_same_in_tables_as_in_a_search(tmp_path: Path) -> None:
    exam, other = Exam(), Exam()
    first = exam.image(InstanceNumber=3)
    images = [first, *(exam.image(first.series, InstanceNumber=number) for number in (1, 2)), exam.image()]
    async with embedded(tmp_path) as behind:
        await behind.store(*images, other.image())
        refs = [SeriesRef(image.study, image.series) for image in images]
        found = []
        for tells_tables in (True, False):
            pacs = Pacs(replace(behind.address, tells_tables=tells_tables))
            for include in ({"Rows", "SOPClassUID", "ImageType"}, {"00091001", "Rows"}, {"all"}):
                rows = await pacs.instances(exam.patient_id, refs, include)
                found.append({place: [dict(sorted(row.json.items())) for row in own] for place, own in rows.items()})
            await pacs.aclose()
        assert len(found[0]) == 2
        assert found[:3] == found[3:]
        assert [row[tag("InstanceNumber")]["Value"] for row in found[0][first.study, first.series]] == [[1], [2], [3]]
