"""Who vouches for what is kept, where Orthanc's own API is there or is not for us."""

import asyncio
from typing import Any

import pytest

from pacs.attributes import Dataset, tag
from pacs.caching.states import SeriesRef, State
from pacs.caching.witnesses import ChosenWitness
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsTimeout, PacsUnavailable
from pacs.orthanc.states import OrthancWitness
from tests.pacs.scripted import Exchange, scripted_pacs

SERIES = SeriesRef("1.2", "1.2.3", Dataset({tag("NumberOfSeriesRelatedInstances"): {"vr": "IS", "Value": [7]}}))


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_the_counts_vouch_where_orthancs_own_api_is_closed_and_it_is_asked_once(status: int) -> None:
    async with scripted_pacs(lambda exchange: exchange.answer(status)) as pacs:
        witness = ChosenWitness(pacs.address(), nobody)
        states = [await witness.state(SERIES, None) for _ in range(2)]
        await witness.aclose()

    assert isinstance(states[0], State)
    assert states[0] == states[1]
    assert pacs.targets == ["/changes?last"]


async def test_orthanc_is_asked_again_after_it_was_off() -> None:
    status = 503

    async def script(exchange: Exchange) -> None:
        await exchange.answer(status)

    async with scripted_pacs(script) as pacs:
        witness = ChosenWitness(pacs.address(), nobody)
        with pytest.raises(PacsUnavailable):
            await witness.state(SERIES, None)
        status = 404
        assert await witness.state(SERIES, None)
        await witness.aclose()


async def test_who_is_silent_is_waited_for_once_by_all() -> None:
    async with scripted_pacs(lambda _: asyncio.sleep(5)) as pacs:
        witness = ChosenWitness(pacs.address(timeout_seconds=0.2), nobody)
        states = await asyncio.gather(*(witness.state(SERIES, None) for _ in range(5)), return_exceptions=True)
        await witness.aclose()
    assert [type(state) for state in states] == [PacsTimeout] * 5
    assert pacs.targets == ["/changes?last"]


async def test_another_database_with_as_many_changes_is_another() -> None:
    database = {"Date": "20260101T000000", "FileUuid": "a"}

    async def script(exchange: Exchange) -> None:
        newest = {"Seq": 4, "Date": database["Date"], "ID": "x", "ChangeType": "NewPatient"}
        files = [{"FileUuid": database["FileUuid"], "MainDicomTags": {"SOPInstanceUID": "1.2.3.4"}}] * 7
        await exchange.json({"Last": 4, "Done": True, "Changes": [newest]} if "changes" in exchange.target else files)

    async with scripted_pacs(script) as pacs:
        web = DicomWeb(pacs.address())
        witness = OrthancWitness(web)
        before = [await witness.state(SERIES, "P1") for _ in range(2)]
        database |= {"Date": "20260102T000000", "FileUuid": "b"}
        after = await witness.state(SERIES, "P1")
        await web.aclose()
    assert before[0] == before[1] != after


@pytest.mark.parametrize("found", [None, {}, "x", [1], [{"Type": "Series"}]])
async def test_a_series_that_is_not_named_has_no_state(found: Any) -> None:
    async with scripted_pacs(lambda exchange: exchange.json(found)) as pacs:
        web = DicomWeb(pacs.address())
        assert await OrthancWitness(web).state(SERIES, None) is None
        await web.aclose()


@pytest.mark.parametrize("number", ["1\\2", "1.0", "1e3", "99999999999", "1_0", "\u0661", 7, ["7"]])
async def test_a_number_that_may_be_read_otherwise_is_left_to_a_search(number: Any) -> None:
    tags = {"SOPInstanceUID": "1.2.3.4", "InstanceNumber": number}

    async def script(exchange: Exchange) -> None:
        is_log = "changes" in exchange.target
        file = {"FileUuid": "a", "MainDicomTags": tags}
        await exchange.json({"Last": 4, "Done": True, "Changes": [{}]} if is_log else [file])

    async with scripted_pacs(script) as pacs:
        web = DicomWeb(pacs.address())
        witness = OrthancWitness(web)
        state = await witness.state(SERIES, "P1", look=True)
        tags["InstanceNumber"] = "-7"
        plain = await witness.state(SERIES, "P1", look=True)
        await web.aclose()
    assert state
    assert not state.instances
    assert plain
    assert [row.integer("InstanceNumber") for row in plain.instances] == [-7]


async def nobody(*_: object) -> list[Dataset]:
    return []
