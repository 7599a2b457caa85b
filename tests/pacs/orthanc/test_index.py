"""What is told from an Orthanc's index, who keeps us out of it, and who is silent."""

import asyncio
from typing import Any

import pytest

from pacs.caching.states import State
from pacs.errors import PacsTimeout
from pacs.orthanc.ids import orthanc_id
from pacs.searches import StudySearch
from tests.pacs.orthanc.indexed import index_that, indexed
from tests.pacs.scripted import Exchange

STUDIES = f"/patients/{orthanc_id('P1')}/studies"
SERIES = STUDIES.replace("/studies", "/series")


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (404, 3), (500, 3)])
async def test_who_keeps_us_out_is_asked_once(status: int, times: int) -> None:
    async with index_that(lambda exchange: exchange.answer(status)) as (index, pacs):
        for _ in range(3):
            assert await index.series("P1", ["1.2.3"], {"Modality"}) is None
        assert pacs.targets == [f"/studies/{orthanc_id('P1', '1.2.3')}/series"] * times


async def test_who_is_silent_is_not_asked_once_more_by_a_search() -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.reader.read()

    async with index_that(never, timeout_seconds=0.2) as (index, _):
        with pytest.raises(PacsTimeout):
            await index.state(StudySearch("P1"))
        with pytest.raises(PacsTimeout):
            await index.series("P1", None, {"Modality"})


async def test_what_is_asked_for_at_the_same_time_is_asked_once() -> None:
    async with index_that(lambda exchange: exchange.json([])) as (index, pacs):
        await asyncio.gather(
            index.state(StudySearch("P1")),
            index.state(StudySearch("P1", modality="MR")),
            index.series("P1", None, {"Modality"}),
        )
        assert sorted(pacs.targets) == sorted([STUDIES, SERIES])


STUDY = {"ID": "x", "IsStable": True, "LastUpdate": "20261122T101235", "MainDicomTags": {"StudyDescription": "a"}}
ONE = {"Instances": ["a", "b"]}


async def state(studies: Any, series: Any, study: str | None = None) -> State | None:
    async with indexed(200, studies, series=series) as index:
        return await index.state(StudySearch("P1", study_instance_uid=study))


@pytest.mark.parametrize("study", [None, "1.2.3"])
async def test_studies_are_as_they_were_while_orthanc_says_the_same_of_them(study: str | None) -> None:
    studies: Any = [STUDY] if study is None else STUDY
    before = await state(studies, [ONE], study)
    assert before
    assert before == await state(studies, [ONE], study)
    others: list[tuple[Any, Any]] = [
        (STUDY | {"LastUpdate": "20261122T101236"}, [ONE]),
        (STUDY | {"MainDicomTags": {"StudyDescription": "b"}}, [ONE]),
        (STUDY, [{"Instances": ["a"]}]),
        (STUDY, [{"Instances": ["a", "c"]}]),
        (STUDY, [ONE, ONE]),
    ]
    after = [await state([one] if study is None else one, series, study) for one, series in others]
    assert all(after)
    assert before not in after


@pytest.mark.parametrize(
    "studies",
    [
        pytest.param([STUDY, STUDY | {"IsStable": False}], id="one is not stable"),
        pytest.param([{"ID": "x"}], id="nobody knows"),
        pytest.param([{"IsStable": "true"}], id="a text"),
        pytest.param([], id="there are none"),
        pytest.param([1], id="they are no studies"),
        pytest.param("x", id="it is a text"),
    ],
)
async def test_nothing_vouches_for_what_may_still_change(studies: Any) -> None:
    assert await state(studies, [ONE]) is None


async def test_nothing_vouches_for_a_patient_in_other_letters() -> None:
    async with indexed(200, [STUDY]) as index:
        assert await index.state(StudySearch("é")) is None
