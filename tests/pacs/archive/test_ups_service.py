"""Workitems that are claimed, worked at, finished, canceled and changed over UPS-RS."""

import asyncio

import pytest

from pacs.attributes import JSONDataset
from tests.pacs.archive.ups_server import JSON, PERFORMED, Client

UID = "2.25.1"
LOCK, OTHER_LOCK = "2.25.100", "2.25.200"


async def claimed(client: Client, uid: str = UID) -> None:
    (await client.create(uid)).raise_for_status()
    (await client.move(uid, "IN PROGRESS", LOCK)).raise_for_status()


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
