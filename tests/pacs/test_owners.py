"""PACSs that leave PatientID out of series and instances: the fence stands at the study, and holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pacs.adapter import Pacs
from pacs.attributes import JSONDataset, tag
from tests.pacs.scripted import Exchange, ScriptedPacs, pacs_that


def row(**values: str) -> JSONDataset:
    return {tag(keyword): {"vr": "UN", "Value": [value]} for keyword, value in values.items()}


STUDIES = [
    row(StudyInstanceUID="1.1", PatientID="P1"),
    row(StudyInstanceUID="1.2", PatientID="p1"),
    row(StudyInstanceUID="1.3", PatientID="P1"),
    row(StudyInstanceUID="1.3", PatientID="P2"),
    row(StudyInstanceUID="1.4"),
]
SERIES = [row(StudyInstanceUID=f"1.{n}", SeriesInstanceUID=f"1.{n}.1") for n in range(1, 7)]
ALL = [f"1.{n}" for n in range(1, 7)]


@asynccontextmanager
async def pacs_with(series: list[JSONDataset], studies: list[JSONDataset]) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    async def script(exchange: Exchange) -> None:
        await exchange.json(studies if "/studies?" in exchange.target else series)

    async with pacs_that(script) as found:
        yield found


async def found(pacs: Pacs) -> list[str | None]:
    return [one.text("StudyInstanceUID") for one in await pacs.series("P1", ALL)]


async def test_only_series_of_studies_that_are_the_patients_alone_are_shown() -> None:
    async with pacs_with(SERIES, STUDIES) as (pacs, server):
        assert await found(pacs) == ["1.1"]
        assert len(server.targets) == 2  # one request for all of their studies


async def test_rows_that_name_the_patient_are_believed_and_nobody_else_is_asked() -> None:
    async with pacs_with([one | row(PatientID="P1") for one in SERIES], []) as (pacs, server):
        assert await found(pacs) == ALL
        assert len(server.targets) == 1


@pytest.mark.parametrize("patient", ["p1", "P1x", "P2", ""])
async def test_rows_that_name_another_patient_are_not_shown_whatever_the_study_says(patient: str) -> None:
    rows = [row(StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1", PatientID=patient)]
    async with pacs_with(rows, STUDIES) as (pacs, _):
        assert await found(pacs) == []


async def test_rows_without_a_study_are_nobodys() -> None:
    async with pacs_with([row(SeriesInstanceUID="1.1.1")], STUDIES) as (pacs, server):
        assert await found(pacs) == []
        assert len(server.targets) == 1


INSTANCE = {"StudyInstanceUID": "1.3", "SeriesInstanceUID": "1.3.1", "SOPInstanceUID": "1.3.1.1"}


@pytest.mark.parametrize(
    ("rows", "studies", "expected"),
    [
        ([row(**INSTANCE, PatientID="P1")], [], True),
        ([row(**INSTANCE, PatientID="p1")], [], False),
        ([row(**INSTANCE, PatientID="P1"), row(**INSTANCE, PatientID="P2")], [], False),
        ([row(**INSTANCE | {"SeriesInstanceUID": "1.3.2"}, PatientID="P1")], [], False),
        ([row(**INSTANCE | {"StudyInstanceUID": "1.4"}, PatientID="P1")], [], False),
        ([row(**INSTANCE)], [row(StudyInstanceUID="1.3", PatientID="P1")], True),
        ([row(**INSTANCE)], STUDIES, False),
        ([row(**INSTANCE)], [row(StudyInstanceUID="1.3")], False),
        ([], [], False),
    ],
    ids=[
        "the patient's", "another case", "two patients'", "another series", "another study",
        "silent, the study the patient's", "silent, the study two patients'", "silent altogether", "nothing",
    ],
)  # fmt: skip
async def test_an_instance_belongs_to_who_is_named_by_it_or_by_its_study_alone(
    rows: list[JSONDataset], studies: list[JSONDataset], expected: bool
) -> None:
    async with pacs_with(rows, studies) as (pacs, _):
        assert await pacs.owners.is_owner("P1", *INSTANCE.values()) is expected


@pytest.mark.parametrize(("study", "expected"), [("1.1", True), ("1.2", False), ("1.3", False), ("1.4", False)])
async def test_a_study_belongs_to_a_patient_if_it_is_nobody_elses(study: str, expected: bool) -> None:
    async with pacs_with([], STUDIES) as (pacs, _):
        assert await pacs.owners.is_owner("P1", study) is expected
