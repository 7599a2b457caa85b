"""Creating workitems over UPS-RS, and what is refused whatever is asked."""

import asyncio
from typing import Any

import pytest

from pacs.attributes import JSONDataset
from tests.pacs.archive.ups_server import JSON, PERFORMED, Client, ups

UID, OTHER_UID = "2.25.1", "2.25.2"
LOCK = "2.25.100"


async def test_a_workitem_is_created_and_retrieved(client: Client) -> None:
    created = await client.create(UID)

    assert created.status_code == 201
    assert created.headers["location"] == f"{client.base_url}workitems/{UID}"
    assert not created.content
    assert "warning" not in created.headers
    workitem = await client.workitem(UID)
    assert workitem["00080016"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
    assert workitem["00080018"]["Value"] == [UID]
    assert "00404010" in workitem
    assert "00081195" not in workitem
    assert all(workitem[key] == value for key, value in ups().items() if key != "00081195")
    assert list(workitem) == sorted(workitem)


@pytest.mark.parametrize(
    "query", [UID, f"workitem={UID}", f"AffectedSOPInstanceUID={UID}", f"{UID}=", f"{UID}&requester=RIS"]
)
async def test_the_uid_is_taken_in_every_spelling(client: Client, query: str) -> None:
    answer = await client.post(f"/workitems?{query}", json=[ups()], headers=JSON)

    assert (answer.status_code, await client.state_of(UID)) == (201, "SCHEDULED"), answer.text


async def test_the_uid_may_be_in_the_payload(client: Client) -> None:
    answer = await client.post("/workitems", json=ups() | {"00080018": {"vr": "UI", "Value": [UID]}}, headers=JSON)

    assert (answer.status_code, await client.state_of(UID)) == (201, "SCHEDULED")


async def test_a_uid_is_taken_once(client: Client) -> None:
    await client.create(UID)

    again = await client.create(UID, ups(patient_id="SOMEBODY-ELSE"))

    assert again.status_code == 409
    assert (await client.workitem(UID))["00100020"]["Value"] == ["SDJ38WMD1MS01"]


async def test_of_a_hundred_racing_creates_one_wins(client: Client) -> None:
    answers = await asyncio.gather(*(client.create(UID, ups(patient_id=f"P{number}")) for number in range(100)))

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [201] + [409] * 99
    winner = statuses.index(201)
    assert (await client.workitem(UID))["00100020"]["Value"] == [f"P{winner}"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}, "ProcedureStepState"),
        ({"00741000": {"vr": "CS"}}, "ProcedureStepState"),
        ({"00741200": {"vr": "CS", "Value": ["URGENT"]}}, "ScheduledProcedureStepPriority"),
        ({"00741204": {"vr": "LO"}}, "ProcedureStepLabel"),
        ({"00404005": {"vr": "DT"}}, "ScheduledProcedureStepStartDateTime"),
        ({"00404005": {"vr": "DT", "Value": ["tomorrow"]}}, "ScheduledProcedureStepStartDateTime"),
        ({"00404041": {"vr": "CS", "Value": ["READY?"]}}, "InputReadinessState"),
        ({"00081195": {"vr": "UI", "Value": [LOCK]}}, "TransactionUID"),
        ({"00741216": PERFORMED["00741216"]}, "UnifiedProcedureStepPerformedProcedureSequence"),
        ({"0040A370": {"vr": "SQ", "Value": [{"00080050": {"vr": "SH", "Value": ["A1"]}}]}}, "StudyInstanceUID"),
        ({"00080018": {"vr": "UI", "Value": [OTHER_UID]}}, "workitem UID"),
        ({"00100020": "P1"}, "00100020"),
        ({"00100020": {"vr": "LO", "Value": "P1"}}, "00100020"),
        ({"00100020": {"vr": "LO", "Value": [{"Alphabetic": "P1"}]}}, "00100020"),
        ({"00100010": {"vr": "PN", "Value": [5]}}, "00100010"),
        ({"0040A370": {"vr": "SQ", "Value": ["x"]}}, "0040A370"),
        ({"PatientID": {"vr": "LO", "Value": ["P1"]}}, "hexadecimal"),
        ({"00020010": {"vr": "UI", "Value": ["1.2"]}}, "0002"),
    ],
)
async def test_a_payload_that_breaks_a_rule_is_refused_with_the_reason(
    client: Client, changes: dict[str, Any], word: str
) -> None:
    answer = await client.create(UID, ups() | changes)

    assert answer.status_code == 400
    assert word in answer.headers["warning"]
    assert (await client.get(f"/workitems/{UID}")).status_code == 404


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/dicom+json", 400),
        (b"[]", "application/dicom+json", 400),
        (b"[1]", "application/dicom+json", 400),
        (b'"x"', "application/dicom+json", 400),
        (b"", "application/dicom+json", 400),
        (b"{}", "application/dicom+xml", 415),
        (b"{}", "multipart/related; type=application/dicom", 415),
        (b"{}", "", 415),
        (b'{"0040A370":' + b'{"vr":"SQ","Value":[{"0040A370":' * 200, "application/dicom+json", 400),
        (b" " * (5 * 1024 * 1024), "application/dicom+json", 413),
    ],
)
async def test_a_body_that_is_no_dataset_is_refused(
    client: Client, content: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    assert (await client.post(f"/workitems?{UID}", content=content, headers=headers)).status_code == status


async def test_sequences_nested_without_end_are_refused(client: Client) -> None:
    nested: JSONDataset = {}
    for _ in range(60):
        nested = {"0040A370": {"vr": "SQ", "Value": [nested | {"0020000D": {"vr": "UI", "Value": ["1.2"]}}]}}

    assert (await client.create(UID, ups() | nested)).status_code == 400


@pytest.mark.parametrize("query", ["", "workitem=1.02", "workitem=abc", f"{UID}&workitem={OTHER_UID}"])
async def test_a_create_needs_one_uid(client: Client, query: str) -> None:
    assert (await client.post(f"/workitems?{query}", json=ups(), headers=JSON)).status_code == 400


async def test_what_type_2_leaves_out_is_added_and_said(client: Client) -> None:
    payload = {key: element for key, element in ups().items() if key not in ("00741202", "00404027")}

    answer = await client.create(UID, payload)

    assert answer.status_code == 201
    assert answer.headers["warning"] == "299 dicom-graph: The Workitem was created with modifications."
    workitem = await client.workitem(UID)
    assert workitem["00404027"] == {"vr": "SQ"}
    assert workitem["00741202"]["Value"]


async def test_unknown_and_malformed_workitems(client: Client) -> None:
    assert (await client.get(f"/workitems/{UID}")).status_code == 404
    assert (await client.get("/workitems/nonsense")).status_code == 400
    assert (await client.move(UID, "IN PROGRESS", LOCK)).status_code == 404
    assert (await client.post(f"/workitems/{UID}/cancelrequest")).status_code == 404
    assert (await client.post(f"/workitems/{UID}", json={}, headers=JSON)).status_code == 404


async def test_only_json_is_served(client: Client) -> None:
    await client.create(UID)

    xml = 'multipart/related; type="application/dicom+xml"'
    assert (await client.get(f"/workitems/{UID}", headers={"Accept": xml})).status_code == 406
    assert (await client.get("/workitems", headers={"Accept": xml})).status_code == 406
    assert (await client.get(f"/workitems/{UID}", headers={"Accept": ""})).status_code == 200
