"""Authentication on WebSockets: by connection_init, and no longer than the token lasts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import websockets

from graph.access import Role
from graph.authentication.api_keys import new_key
from graph.settings import Settings
from tests.graph.authentication.conftest import CALLBACK_TOKEN
from tests.graph.authentication.issuer import with_secret
from tests.graph.conftest import serving

_EVENTS = {"id": "1", "type": "subscribe", "payload": {"query": "subscription { newExam { patientID } }"}}


@pytest.fixture
async def url(secured: Settings) -> AsyncIterator[str]:
    async with serving(secured) as url:
        yield url


@asynccontextmanager
async def socket(url: str, payload: Any = None, **headers: str) -> AsyncIterator[websockets.ClientConnection]:
    """A socket that has sent its connection_init."""
    async with websockets.connect(
        url.replace("http", "ws", 1) + "/graphql",
        subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
    ) as client:
        await send(client, {"type": "connection_init", "payload": payload})
        yield client


async def send(client: websockets.ClientConnection, message: object) -> None:
    await client.send(orjson.dumps(message).decode())


async def received(client: websockets.ClientConnection) -> Any:
    return orjson.loads(await asyncio.wait_for(client.recv(), 10))


async def close_code(client: websockets.ClientConnection) -> int | None:
    with suppress(websockets.ConnectionClosed):
        while True:
            await received(client)
    return client.close_code


@pytest.mark.parametrize("form", ["Authorization", "authorization", "AUTHORIZATION", "headers"])
async def test_the_token_comes_with_connection_init(url: str, form: str) -> None:
    value = f"Bearer {with_secret(sub='eva')}"
    payload = {"headers": {"Authorization": value}} if form == "headers" else {form: value}
    async with socket(url, payload) as client:
        assert (await received(client))["type"] == "connection_ack"
        await send(client, {"id": "1", "type": "subscribe", "payload": {"query": "{ me { subject } }"}})
        assert (await received(client))["payload"] == {"data": {"me": {"subject": "eva"}}}


async def test_clients_that_can_may_send_the_header_instead(url: str) -> None:
    async with socket(url, Authorization=f"Bearer {with_secret()}") as client:
        assert (await received(client))["type"] == "connection_ack"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": 5},
        {"Authorization": None},
        {"Authorization": {"Bearer": "x"}},
        {"headers": ["Authorization"]},
        {"token": "x"},
    ],
    ids=str,
)
async def test_without_a_good_token_the_socket_closes(url: str, payload: Any) -> None:
    async with socket(url, payload, Cookie=f"Authorization=Bearer {with_secret()}") as client:
        assert await close_code(client) == 4401


async def test_what_connection_init_says_comes_before_the_header(url: str) -> None:
    async with socket(url, {"Authorization": "Bearer wrong"}, Authorization=f"Bearer {with_secret()}") as client:
        assert await close_code(client) == 4401


async def test_a_client_without_a_role_is_forbidden(url: str) -> None:
    async with socket(url, {"Authorization": f"Bearer {with_secret(role='nurse')}"}) as client:
        assert await close_code(client) == 4403


async def test_a_token_that_expires_closes_the_socket(url: str) -> None:
    expires_at = int(time.time()) + 2
    async with socket(url, {"Authorization": f"Bearer {with_secret(exp=expires_at)}"}) as client:
        assert (await received(client))["type"] == "connection_ack"
        await send(client, _EVENTS)
        assert await close_code(client) == 4401
        assert expires_at <= time.time() < expires_at + 2


async def test_the_callback_has_a_token_of_its_own(url: str) -> None:
    event = {"StudyInstanceUID": "1.2", "PatientID": "P1"}
    async with httpx.AsyncClient(base_url=url) as pacs:
        for token, status in ((with_secret(role="ADMIN"), 401), (CALLBACK_TOKEN, 204)):
            answer = await pacs.post("/new-exam-callback", json=event, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


async def test_a_key_that_is_removed_ends_its_subscriptions(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = new_key(file, "portal", Role.DIAGNOSTIC)
    changes = {"auth": "api-key", "api_key_file": file}
    event = {"StudyInstanceUID": "1.2", "PatientID": "P1"}
    async with (
        serving(settings.model_copy(update=changes)) as url,
        socket(url, {"Authorization": f"Bearer {key}"}) as client,
        httpx.AsyncClient(base_url=url) as pacs,
    ):
        assert (await received(client))["type"] == "connection_ack"
        await send(client, _EVENTS)
        await asyncio.sleep(0.3)
        assert (await pacs.post("/new-exam-callback", json=event)).status_code == 204
        assert (await received(client))["payload"]["data"]["newExam"]["patientID"] == "P1"
        file.write_text("")
        await asyncio.sleep(1.5)
        assert (await pacs.post("/new-exam-callback", json=event | {"PatientID": "P2"})).status_code == 204
        with pytest.raises(websockets.ConnectionClosed):
            await received(client)
        assert client.close_code == 4401
