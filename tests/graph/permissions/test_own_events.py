"""A patient's events: their own alone. In a house of their own, since others count what was announced in theirs."""

import asyncio
from typing import Any

import orjson
import pytest
import websockets

from graph.access import Role
from tests.graph.permissions.conftest import House, announce
from tests.samples import Sample

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_event_with_the_own_id_does_not_open_anothers_study(house: House) -> None:
    false = Sample(b"", house.own.patient_id, house.other.study, "", "")
    await announce(house, false)
    query = "{ examEvents { nodes { studyInstanceUID study { patientID series { seriesInstanceUID } } } } }"
    answer = await house.ask(Role.PATIENT, query)
    found = {node["studyInstanceUID"]: node["study"] for node in answer["data"]["examEvents"]["nodes"]}
    assert found[house.other.study] is None


@pytest.mark.parametrize("after", [True, False], ids=["replayed", "live"])
async def test_a_subscription_brings_a_patients_own_events_alone(house: House, after: bool) -> None:
    """Without a patientID; the other's event comes first, so that it would have been seen."""
    first = "{ examEvents(first: 1) { nodes { cursor } } }"
    cursor = (await house.ask(Role.ADMIN, first))["data"]["examEvents"]["nodes"][0]["cursor"]
    query = "subscription ($a: String) { newExam(after: $a) { patientID study { studyInstanceUID } } }"
    message: dict[str, Any] = {"query": query, "variables": {"a": cursor if after else None}}
    async with websockets.connect(
        house.url.replace("http", "ws", 1) + "/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": house.headers(Role.PATIENT)}).decode())
        await socket.recv()
        await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": message}).decode())
        await asyncio.sleep(0.3)
        for image in (house.other, house.own):
            more = Sample(b"", image.patient_id, f"{image.study[:50]}.{int(after)}", "", "")
            await announce(house, more)
        seen = [orjson.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(1)]
    assert [one["payload"]["data"]["newExam"]["patientID"] for one in seen] == [house.own.patient_id]
