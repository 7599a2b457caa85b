import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pacs.attributes import JSONDataset
from tests.pacs.archive.ups_server import JSON, Client, serving, ups
from tests.pacs.workitem_examples import STUDY

UID, OTHER_UID = "2.25.1", "2.25.2"
LOCK, OTHER_LOCK = "2.25.100", "2.25.200"
PERFORMED: JSONDataset = {
    "00741216": {
        "vr": "SQ",
        "Value": [
            {
                "00404028": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["NGV"]}}]},
                "00404050": {"vr": "DT", "Value": ["20000101120500"]},
                "00404051": {"vr": "DT", "Value": ["20000101122000"]},
                "00404019": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["CT"]}}]},
                "00404033": {"vr": "SQ"},
            }
        ],
    }
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(tmp_path / "worklist.sqlite") as url, Client(base_url=url, trust_env=False) as client:
        yield client


async def claimed(client: Client, uid: str = UID) -> None:
    (await client.create(uid)).raise_for_status()
    (await client.move(uid, "IN PROGRESS", LOCK)).raise_for_status()


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


async def test_a_workitem_is_claimed_done_and_completed(client: Client) -> None:
    await claimed(client)
    assert (await client.post(f"/workitems/{UID}?{LOCK}", json=PERFORMED, headers=JSON)).status_code == 200

    completed = await client.move(UID, "COMPLETED", LOCK)

    assert completed.status_code == 200
    assert await client.state_of(UID) == "COMPLETED"
    again = await client.move(UID, "COMPLETED", LOCK)
    assert (again.status_code, "already" in again.headers["warning"]) == (200, True)


async def test_nothing_is_completed_without_results(client: Client) -> None:
    await claimed(client)

    assert (await client.move(UID, "COMPLETED", LOCK)).status_code == 409
    assert await client.state_of(UID) == "IN PROGRESS"


@pytest.mark.parametrize(
    ("to", "lock", "status"),
    [
        ("IN PROGRESS", OTHER_LOCK, 409),
        ("COMPLETED", OTHER_LOCK, 400),
        ("COMPLETED", None, 400),
        ("CANCELED", OTHER_LOCK, 400),
        ("SCHEDULED", LOCK, 409),
        ("CANCELLED", LOCK, 400),
        ("", LOCK, 400),
    ],
)
async def test_only_who_claimed_a_workitem_moves_it(client: Client, to: str, lock: str | None, status: int) -> None:
    await claimed(client)

    assert (await client.move(UID, to, lock)).status_code == status
    assert await client.state_of(UID) == "IN PROGRESS"


async def test_of_many_racing_claims_one_wins(client: Client) -> None:
    await client.create(UID)

    answers = await asyncio.gather(*(client.move(UID, "IN PROGRESS", f"2.25.{900 + n}") for n in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


async def test_the_performer_cancels_with_a_reason_made_for_it(client: Client) -> None:
    await claimed(client)

    assert (await client.move(UID, "CANCELED", LOCK)).status_code == 200

    (progress,) = (await client.workitem(UID))["00741002"]["Value"]
    assert progress["00404052"]["Value"]
    assert progress["0074100E"]["Value"]


async def test_a_cancel_request_cancels_what_nobody_began(client: Client) -> None:
    await client.create(UID)
    reason = {"00741238": {"vr": "LT", "Value": ["Patient did not come"]}}

    answer = await client.post(f"/workitems/{UID}/cancelrequest", json=reason, headers=JSON)

    assert (answer.status_code, await client.state_of(UID)) == (202, "CANCELED")
    (progress,) = (await client.workitem(UID))["00741002"]["Value"]
    assert progress["00741238"]["Value"] == ["Patient did not come"]
    again = await client.post(f"/workitems/{UID}/cancelrequest")
    assert (again.status_code, "already" in again.headers["warning"]) == (202, True)


async def test_a_cancel_request_only_tells_who_is_at_work(client: Client) -> None:
    await claimed(client)

    answer = await client.post(f"/workitems/{UID}/cancelrequest/RIS")

    assert (answer.status_code, await client.state_of(UID)) == (202, "IN PROGRESS")


async def test_a_cancel_request_comes_too_late(client: Client) -> None:
    await claimed(client)
    await client.post(f"/workitems/{UID}?{LOCK}", json=PERFORMED, headers=JSON)
    await client.move(UID, "COMPLETED", LOCK)

    assert (await client.post(f"/workitems/{UID}/cancelrequest")).status_code == 409


@pytest.mark.parametrize(
    "query", [LOCK, f"transaction={LOCK}", f"transaction-uid={LOCK}", f"Transaction-uid={LOCK}", "body"]
)
async def test_the_transaction_uid_is_taken_in_every_spelling(client: Client, query: str) -> None:
    await claimed(client)
    changes: JSONDataset = {"00404041": {"vr": "CS", "Value": ["INCOMPLETE"]}}
    if query == "body":
        changes["00081195"] = {"vr": "UI", "Value": [LOCK]}

    answer = await client.post(f"/workitems/{UID}?{query}", json=changes, headers=JSON)

    assert answer.status_code == 200, answer.text
    workitem = await client.workitem(UID)
    assert workitem["00404041"]["Value"] == ["INCOMPLETE"]
    assert "00081195" not in workitem


@pytest.mark.parametrize("path", ["state/RIS", "state?requester=RIS"])
async def test_the_requester_is_taken_in_every_spelling(client: Client, path: str) -> None:
    await client.create(UID)

    body = {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [LOCK]}}
    assert (await client.put(f"/workitems/{UID}/{path}", json=body, headers=JSON)).status_code == 200


@pytest.mark.parametrize(
    ("query", "changes", "status"),
    [
        ("", {"00741204": {"vr": "LO", "Value": ["Other"]}}, 400),
        (OTHER_LOCK, {"00741204": {"vr": "LO", "Value": ["Other"]}}, 400),
        (LOCK, {"00741204": {"vr": "LO", "Value": ["Other"]}}, 200),
        (LOCK, {"00741204": {"vr": "LO"}}, 400),
        (LOCK, {"00100020": {"vr": "LO", "Value": ["P2"]}}, 400),
        (LOCK, {"0020000D": {"vr": "UI", "Value": ["1.2"]}}, 400),
        (LOCK, {"00741000": {"vr": "CS", "Value": ["COMPLETED"]}}, 400),
        (LOCK, {"00404005": {"vr": "DT", "Value": ["noon"]}}, 400),
    ],
)
async def test_updates_while_in_progress(client: Client, query: str, changes: JSONDataset, status: int) -> None:
    await claimed(client)
    before = await client.workitem(UID)

    answer = await client.post(f"/workitems/{UID}?{query}", json=changes, headers=JSON)

    assert answer.status_code == status, answer.text
    after = await client.workitem(UID)
    assert (after["00741204"]["Value"] == ["Other"]) is (status == 200)
    assert after["00100020"] == before["00100020"]


async def test_updates_of_scheduled_and_of_finished_workitems(client: Client) -> None:
    await client.create(UID)
    change = {"00741204": {"vr": "LO", "Value": ["Other"]}}

    assert (await client.post(f"/workitems/{UID}?{LOCK}", json=change, headers=JSON)).status_code == 400
    assert (await client.post(f"/workitems/{UID}", json=change, headers=JSON)).status_code == 200
    await client.post(f"/workitems/{UID}/cancelrequest")
    assert (await client.post(f"/workitems/{UID}", json=change, headers=JSON)).status_code == 400


async def test_a_changed_start_is_found_under_the_new_date(client: Client) -> None:
    await client.create(UID)

    change = {"00404005": {"vr": "DT", "Value": ["20260305080000"]}}
    await client.post(f"/workitems/{UID}", json=change, headers=JSON)

    assert await client.found("ScheduledProcedureStepStartDateTime=20260305") == [UID]
    assert await client.found("ScheduledProcedureStepStartDateTime=20000101") == []


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
    await client.move("2.25.3", "IN PROGRESS", LOCK)
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
