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


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_who_keeps_us_out_or_fails_is_searched(status: int) -> None:
    async with index_that(lambda exchange: exchange.answer(status)) as (index, _):
        assert await index.series("P1", ["1.2.3"], {"Modality"}) is None
        assert await index.series("P1", None, {"Modality"}) is None
        assert await index.state(StudySearch("P1")) is None


async def test_who_is_silent_is_not_asked_once_more_by_a_search() -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.reader.read()

    async with index_that(never, timeout_seconds=1.0) as (index, _):
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


STUDY = {"ID": "x", "IsStable": True, "LastUpdate": "20261122T101235", "Series": ["a"]}
ONE = {"ParentStudy": "x", "Instances": ["a", "b"]}


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
        (STUDY | {"Series": ["b"]}, [ONE]),
        (STUDY | {"Series": ["a", "b"]}, [ONE, ONE]),
        (STUDY, [ONE | {"Instances": ["a"]}]),
        (STUDY, [ONE | {"Instances": ["a", "c"]}]),
    ]
    after = [await state([one] if study is None else one, series, study) for one, series in others]
    assert all(after)
    assert before not in after


@pytest.mark.parametrize(
    "studies",
    [
        pytest.param([STUDY, STUDY | {"IsStable": False}], id="one is not stable"),
        pytest.param([STUDY | {"IsStable": None}], id="nobody knows"),
        pytest.param([STUDY | {"IsStable": "true"}], id="a text"),
        pytest.param([STUDY | {"Series": []}], id="one is empty"),
        pytest.param([STUDY | {"Series": "a"}], id="its series are none"),
        pytest.param([], id="there are none"),
        pytest.param([1], id="they are no studies"),
        pytest.param("x", id="it is a text"),
    ],
)
async def test_nothing_vouches_for_what_may_still_change(studies: Any) -> None:
    assert await state(studies, [ONE]) is None


@pytest.mark.parametrize("series", [[], [ONE, ONE], [{"Instances": []}], "<html>", {}, None])
async def test_nothing_vouches_for_studies_of_whose_series_orthanc_says_something_else(series: Any) -> None:
    assert await state([STUDY], series) is None


@pytest.mark.parametrize("patient_id", ["é", "X+", "a b"])
async def test_nothing_vouches_for_a_patient_whom_a_search_may_take_for_another(patient_id: str) -> None:
    async with indexed(200, [STUDY], series=[ONE]) as index:
        assert await index.state(StudySearch("P1"))
        assert await index.state(StudySearch(patient_id)) is None
