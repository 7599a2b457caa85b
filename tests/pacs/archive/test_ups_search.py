"""Searching for workitems over UPS-RS."""

import datetime as dt

import pytest

from tests.pacs.archive.ups_server import Client, ups
from tests.pacs.workitem_examples import STUDY


@pytest.fixture
async def full_client(client: Client) -> Client:
    """Three workitems: two of one patient on two days, one of another."""
    station = {"modality": "MR", "scheduled_station_ae_title": "MR_1", "study_instance_uid": "1.2.3"}
    await client.create("2.25.1", ups(patient_id="P1"))
    await client.create(
        "2.25.2", ups(patient_id="P1", scheduled_procedure_step_start_date=dt.date(2000, 1, 3), **station)
    )
    await client.create(
        "2.25.3",
        ups(patient_id="P2", patient_name="ROSSI^LUIGI", scheduled_procedure_step_start_date=dt.date(2000, 1, 2)),
    )
    await client.move("2.25.3", "IN PROGRESS", "2.25.100")
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 3, 1]),
        ("PatientID=P1", [2, 1]),
        ("00100020=P1", [2, 1]),
        ("PatientID=p1", []),
        ("PatientID=P*", [2, 3, 1]),
        ("PatientID=P1&includefield=all", [2, 1]),
        ("PatientName=rossi*", [3]),
        ("PatientName=*rossi*&PatientID=P1", [2, 1]),
        ("ProcedureStepState=SCHEDULED", [2, 1]),
        ("ProcedureStepState=IN%20PROGRESS", [3]),
        (f"StudyInstanceUID={STUDY}", [3, 1]),
        ("ReferencedRequestSequence.StudyInstanceUID=1.2.3", [2]),
        ("0040A370.0020000D=1.2.3", [2]),
        ("ReferencedRequestSequence.StudyInstanceUID=1.2.3&ReferencedRequestSequence.AccessionNumber=x", []),
        ("ReferencedRequestSequence.StudyInstanceUID=1.2.3&ReferencedRequestSequence.AccessionNumber=NDS*", [2]),
        ("ScheduledStationNameCodeSequence.CodeValue=MR_1", [2]),
        ("ScheduledStationClassCodeSequence.CodeValue=CT", [3, 1]),
        ("ScheduledProcedureStepStartDateTime=20000102", [3]),
        ("ScheduledProcedureStepStartDateTime=20000101-20000102", [3, 1]),
        ("ScheduledProcedureStepStartDateTime=20000102-", [2, 3]),
        ("ScheduledProcedureStepStartDateTime=-20000101", [1]),
        ("SOPInstanceUID=2.25.1,2.25.3", [3, 1]),
        ("limit=2", [2, 3]),
        ("limit=2&offset=2", [1]),
        ("limit=2&offset=9", []),
        ("PatientName=*rossi*&limit=1&offset=1", [3]),
    ],
)
async def test_searches(full_client: Client, query: str, found: list[int]) -> None:
    assert await full_client.found(query) == [f"2.25.{number}" for number in found]


@pytest.mark.parametrize("query", ["limit=1", "PatientName=*rossi*&limit=1"])
async def test_a_page_says_how_much_is_behind_it(full_client: Client, query: str) -> None:
    answer = await full_client.get(f"/workitems?{query}")

    assert answer.status_code == 200
    assert answer.headers["warning"] == "299 dicom-graph: There are 2 additional results that can be requested"


@pytest.mark.parametrize("query", ["limit=x", "includefield=x", "ScheduledProcedureStepStartDateTime=x", "offset=-1"])
async def test_a_search_that_is_none_is_refused(full_client: Client, query: str) -> None:
    assert (await full_client.get(f"/workitems?{query}")).status_code == 400


async def test_no_match_is_no_content(client: Client) -> None:
    answer = await client.get("/workitems?PatientID=nobody")

    assert (answer.status_code, answer.content) == (204, b"")
