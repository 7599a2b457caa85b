import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pacs.archive.ups_events import Subscribers
from tests.pacs.archive.ups_server import JSON, Client, serving, ups

UID, OTHER_UID, LOCK = "2.25.1", "2.25.2", "2.25.100"
GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5


@asynccontextmanager
async def listening(client: Client, uid: str, ae_title: str = "WATCHER", query: str = "") -> AsyncIterator["Reports"]:
    """A WebSocket opened first, so that nothing is missed, then the subscription."""
    root = str(client.base_url).replace("http", "ws", 1)
    async with connect(f"{root}subscribers/{ae_title}", proxy=None) as socket:
        answer = await client.post(f"/workitems/{uid}/subscribers/{ae_title}?{query}")
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-location"] == f"{root}subscribers/{ae_title}"
        yield Reports(socket)


class Reports:
    """The reports that arrive at a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        frame = await asyncio.wait_for(self.socket.recv(), 5)
        assert isinstance(frame, str)
        return dict(orjson.loads(frame))

    async def next_event(self) -> tuple[str, int, str | None]:
        """Workitem, event type, and the state in it."""
        report = await self.next()
        state = report.get("00741000", {}).get("Value", [None])[0]
        return report["00001000"]["Value"][0], report["00001002"]["Value"][0], state

    async def none_came(self) -> bool:
        try:
            await asyncio.wait_for(self.socket.recv(), 0.05)
        except TimeoutError:
            return True
        return False


async def test_a_subscription_begins_with_the_state_and_hears_every_change(client: Client) -> None:
    await client.create(UID)

    async with listening(client, UID) as reports:
        assert await reports.next_event() == (UID, STATE_REPORT, "SCHEDULED")
        await client.move(UID, "IN PROGRESS", LOCK)
        assert await reports.next_event() == (UID, STATE_REPORT, "IN PROGRESS")
        await client.move(UID, "CANCELED", LOCK)
        last = await reports.next()

    assert last["00741000"]["Value"] == ["CANCELED"]
    assert last["0074100E"]["Value"]
    assert last["00000002"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
    assert last["00000110"]["Value"] == [3]
    assert list(last) == sorted(last)


async def test_a_cancel_request_reaches_the_performer(client: Client) -> None:
    await client.create(UID)
    await client.move(UID, "IN PROGRESS", LOCK)
    body = {"00741238": {"vr": "LT", "Value": ["Wrong patient"]}, "0074100C": {"vr": "LO", "Value": ["Desk 1"]}}

    async with listening(client, UID) as reports:
        await reports.next()
        await client.post(f"/workitems/{UID}/cancelrequest/RIS", json=body, headers=JSON)
        report = await reports.next()

    assert report["00001002"]["Value"] == [CANCEL_REQUESTED]
    assert report["00741236"]["Value"] == ["RIS"]
    assert report["00741238"]["Value"] == ["Wrong patient"]
    assert report["0074100C"]["Value"] == ["Desk 1"]


async def test_a_cancel_request_on_scheduled_is_reported_through_both_states(client: Client) -> None:
    await client.create(UID)

    async with listening(client, UID) as reports:
        await reports.next()
        await client.post(f"/workitems/{UID}/cancelrequest")
        events = [await reports.next_event() for _ in range(3)]

    assert [event[1:] for event in events] == [
        (CANCEL_REQUESTED, None),
        (STATE_REPORT, "IN PROGRESS"),
        (STATE_REPORT, "CANCELED"),
    ]


async def test_updates_are_reported_by_what_they_change(client: Client) -> None:
    await client.create(UID)
    await client.move(UID, "IN PROGRESS", LOCK)
    progress = {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [50]}}]}}
    readiness = {"00404041": {"vr": "CS", "Value": ["INCOMPLETE"]}}
    station = {"00404025": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["CT2"]}}]}}
    label = {"00741204": {"vr": "LO", "Value": ["Other"]}}

    async with listening(client, UID) as reports:
        await reports.next()
        for change in (label, progress, readiness, station):
            (await client.post(f"/workitems/{UID}?{LOCK}", json=change, headers=JSON)).raise_for_status()
        kinds = [(await reports.next_event())[1] for _ in range(3)]

    assert kinds == [PROGRESS_REPORT, STATE_REPORT, ASSIGNED]


async def test_a_global_subscriber_hears_of_new_workitems(client: Client) -> None:
    await client.create(OTHER_UID)

    async with listening(client, GLOBAL) as reports:
        await client.create(UID)
        assert await reports.next_event() == (UID, STATE_REPORT, "SCHEDULED")
        assert (await reports.next_event())[:2] == (UID, ASSIGNED)
        await client.move(OTHER_UID, "IN PROGRESS", LOCK)
        assert await reports.next_event() == (OTHER_UID, STATE_REPORT, "IN PROGRESS")


async def test_a_global_subscription_with_lock_begins_with_every_workitem(client: Client) -> None:
    await client.create(UID)
    await client.create(OTHER_UID)

    async with listening(client, GLOBAL, query="deletionlock=true") as reports:
        assert {(await reports.next_event())[0] for _ in range(2)} == {UID, OTHER_UID}


@pytest.mark.parametrize(
    "query",
    ["PatientID=P1", "filter=PatientID=P1", "filter=PatientID%3DP1%2CScheduledProcedureStepPriority%3DMEDIUM"],
)
async def test_a_filtered_subscriber_hears_of_what_matches(client: Client, query: str) -> None:
    await client.create("2.25.10", ups(patient_id="P1"))
    await client.create("2.25.20", ups(patient_id="P2"))

    async with listening(client, FILTERED, query=query) as reports:
        await client.create("2.25.21", ups(patient_id="P2"))
        await client.create("2.25.11", ups(patient_id="P1"))
        assert (await reports.next_event())[0] == "2.25.11"
        await reports.next()
        await client.move("2.25.20", "IN PROGRESS", LOCK)
        await client.move("2.25.10", "IN PROGRESS", LOCK)
        assert await reports.next_event() == ("2.25.10", STATE_REPORT, "IN PROGRESS")


async def test_a_suspended_subscription_keeps_what_it_had(client: Client) -> None:
    await client.create(UID)

    async with listening(client, GLOBAL) as reports:
        assert (await client.post(f"/workitems/{GLOBAL}/subscribers/WATCHER/suspend")).status_code == 200
        await client.create(OTHER_UID)
        await client.move(UID, "IN PROGRESS", LOCK)
        assert await reports.next_event() == (UID, STATE_REPORT, "IN PROGRESS")


@pytest.mark.parametrize("uid", [UID, GLOBAL])
async def test_who_unsubscribed_hears_nothing(client: Client, uid: str) -> None:
    await client.create(UID)

    async with listening(client, UID) as reports:
        await reports.next()
        assert (await client.delete(f"/workitems/{uid}/subscribers/WATCHER")).status_code == 200
        await client.move(UID, "IN PROGRESS", LOCK)
        assert await reports.none_came()


async def test_reports_go_to_their_subscriber_only(client: Client) -> None:
    await client.create(UID)

    async with listening(client, UID, "ONE") as one:
        await one.next()
        async with listening(client, UID, "TWO") as two:
            await two.next()
            assert await one.none_came()


async def test_subscriptions_outlive_the_server(tmp_path: Path) -> None:
    path = tmp_path / "worklist.sqlite"
    async with serving(path) as url, Client(base_url=url, trust_env=False) as client:
        await client.create(UID)
        await client.post(f"/workitems/{UID}/subscribers/WATCHER")

    async with (
        serving(path) as url,
        Client(base_url=url, trust_env=False) as client,
        connect(url.replace("http", "ws", 1) + "/subscribers/WATCHER", proxy=None) as socket,
    ):
        await client.move(UID, "IN PROGRESS", LOCK)
        assert (await Reports(socket).next_event())[2] == "IN PROGRESS"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"/workitems/{UID}/subscribers/WATCHER", 404),
        ("DELETE", f"/workitems/{UID}/subscribers/WATCHER", 404),
        ("POST", f"/workitems/{UID}/subscribers/WATCHER/suspend", 400),
        ("POST", f"/workitems/{GLOBAL}/subscribers/{'X' * 17}", 400),
        ("POST", f"/workitems/{GLOBAL}/subscribers/%20", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/WATCHER?filter=Nonsense=1", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/WATCHER?ScheduledProcedureStepStartDateTime=soon", 400),
    ],
)
async def test_subscriptions_that_are_none(client: Client, method: str, path: str, status: int) -> None:
    assert (await client.request(method, path)).status_code == status


async def test_a_stopping_server_says_goodbye(tmp_path: Path) -> None:
    async with serving(tmp_path / "worklist.sqlite") as url:
        socket = await connect(url.replace("http", "ws", 1) + "/subscribers/WATCHER", proxy=None)
        await asyncio.sleep(0.05)

    with pytest.raises(ConnectionClosed):
        await socket.recv()
    assert socket.close_code in (1001, 1012)  # going away, or uvicorn's own: service restart


async def test_who_does_not_read_is_cut_off_and_costs_no_more_memory() -> None:
    subscribers = Subscribers()
    with subscribers.listen("SLOW") as queue:
        for _ in range(5_000):
            subscribers.send(["SLOW"], {})

        assert queue.qsize() == 1_001
        reports = [queue.get_nowait() for _ in range(queue.qsize())]

    assert reports[-1] is None
    assert None not in reports[:-1]
