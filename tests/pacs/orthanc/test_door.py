"""Whether there is an Orthanc is asked once, and nobody who can do without it waits for the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pacs.orthanc import door as doors
from pacs.orthanc.api import api_address
from pacs.orthanc.door import OrthancDoor
from tests.graph.engine.serving import eventually
from tests.pacs.orthanc.indexed import SYSTEM
from tests.pacs.scripted import Exchange, Script, ScriptedPacs, scripted_pacs


@asynccontextmanager
async def door_to(script: Script) -> AsyncIterator[tuple[OrthancDoor, ScriptedPacs]]:
    async with scripted_pacs(script) as pacs:
        address = api_address(pacs.address())
        assert address is not None
        door = OrthancDoor(address)
        try:
            yield door, pacs
        finally:
            await door.aclose()
            await pacs.until_closed()


async def never(exchange: Exchange) -> None:
    await exchange.reader.read()


async def test_an_orthanc_is_seen_after_a_while_and_asked_once() -> None:
    async with door_to(lambda exchange: exchange.json(SYSTEM)) as (door, pacs):
        assert [door.is_seen_open() for _ in range(3)] == [False] * 3
        await eventually(door.is_seen_open)
        assert await door.is_open()
        assert pacs.targets == ["/system"]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_who_says_no_is_believed(status: int) -> None:
    async with door_to(lambda exchange: exchange.answer(status)) as (door, pacs):
        assert not await door.is_open()
        assert not door.is_seen_open()
        assert pacs.targets == ["/system"]


async def test_who_is_away_is_not_asked_again_at_once() -> None:
    async with door_to(lambda exchange: exchange.answer(503)) as (door, pacs):
        for _ in range(50):
            assert not door.is_seen_open()
            await asyncio.sleep(0.01)
        assert pacs.targets == ["/system"]


async def test_who_is_back_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_PAUSE_SECONDS", 0.0)
    statuses = iter([503, 503, 200])

    async def script(exchange: Exchange) -> None:
        await exchange.json(SYSTEM, next(statuses))

    async with door_to(script) as (door, pacs):
        await eventually(door.is_seen_open)
        assert pacs.targets == ["/system"] * 3


async def test_who_is_silent_is_let_go_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_GLANCE_SECONDS", 0.5)
    async with door_to(never) as (door, pacs):
        assert not door.is_seen_open()
        await eventually(lambda: pacs.targets == ["/system"])
        await pacs.until_closed()


async def test_a_look_ends_with_the_door() -> None:
    async with door_to(never) as (door, pacs):
        assert not door.is_seen_open()
        await eventually(lambda: pacs.targets == ["/system"])
