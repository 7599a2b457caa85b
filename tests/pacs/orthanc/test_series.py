"""The index of an Orthanc, or of something that answers in its place: what is not as it should be is searched for."""

from typing import Any

import pytest

from pacs.orthanc.ids import orthanc_id
from tests.pacs.orthanc.indexed import indexed

STUDY = "1.2.3"
WHOLE = {
    "ParentStudy": orthanc_id("P1", STUDY),
    "MainDicomTags": {"SeriesInstanceUID": "1.2.3.4", "Modality": "CT", "SeriesNumber": ""},
    "Instances": ["a", "b"],
}


async def found(status: int, body: Any, patient_id: str = "P1") -> list[dict[str, str | None]] | None:
    async with indexed(status, body) as index:
        rows = await index.series(patient_id, [STUDY], {"Modality"})
    keywords = ("SeriesInstanceUID", "Modality", "SeriesNumber", "NumberOfSeriesRelatedInstances", "PatientID")
    return None if rows is None else [{keyword: row.text(keyword) for keyword in keywords} for row in rows]


async def test_a_series_has_what_the_index_has() -> None:
    assert await found(200, [WHOLE]) == [
        {
            "SeriesInstanceUID": "1.2.3.4",
            "Modality": "CT",
            "SeriesNumber": None,
            "NumberOfSeriesRelatedInstances": "2",
            "PatientID": "P1",
        }
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(403, {}, id="it may not be asked"),
        pytest.param(404, {}, id="it has no such study"),
        pytest.param(500, {}, id="it fails"),
        pytest.param(200, {}, id="it is something else"),
        pytest.param(200, [], id="there are none"),
        pytest.param(200, [1, "x"], id="they are no series"),
        pytest.param(200, [WHOLE, WHOLE | {"ParentStudy": orthanc_id("P2", STUDY)}], id="one is of another study"),
        pytest.param(200, [WHOLE, WHOLE | {"ParentStudy": None}], id="one is of none"),
        pytest.param(200, [WHOLE, WHOLE | {"MainDicomTags": {}}], id="one has no UID"),
        pytest.param(200, [WHOLE, WHOLE | {"Instances": 2}], id="one is not counted"),
    ],
)
async def test_what_is_not_an_answer_is_searched_for(status: int, body: Any) -> None:
    assert await found(status, body) is None


async def test_a_patient_in_other_letters_is_searched_for() -> None:
    assert await found(200, [WHOLE | {"ParentStudy": orthanc_id("é", STUDY)}], "é") is None
