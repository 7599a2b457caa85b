"""Who vouches for what is kept, where Orthanc's own API is there or is not for us."""

import pytest

from pacs.attributes import Dataset, tag
from pacs.caching.states import SeriesRef, State
from pacs.caching.witnesses import ChosenWitness
from pacs.errors import PacsUnavailable
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


async def nobody(*_: object) -> list[Dataset]:
    return []
