"""The index of something that says it is an Orthanc, and then as a test has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pacs.caching.flights import Flights
from pacs.orthanc.api import api_address
from pacs.orthanc.door import OrthancDoor
from pacs.orthanc.index import OrthancIndex
from tests.pacs.scripted import Exchange, Script, ScriptedPacs, scripted_pacs

SYSTEM = {"DicomAet": "ORTHANC", "Version": "1.10.1"}


@asynccontextmanager
async def indexed(status: int, body: Any, **others: Any) -> AsyncIterator[OrthancIndex]:
    """An index that answers everything so, but for paths that end with one of `others`, that answer those."""

    async def script(exchange: Exchange) -> None:
        for end, other in others.items():
            if exchange.target.endswith(f"/{end}"):
                await exchange.json(other)
                return
        await exchange.json(body, status)

    async with index_that(script) as (index, _):
        yield index


@asynccontextmanager
async def index_that(script: Script, **options: object) -> AsyncIterator[tuple[OrthancIndex, ScriptedPacs]]:
    """An index that answers by `script`; `options` are those of its address."""

    async def orthanc(exchange: Exchange) -> None:
        await (exchange.json(SYSTEM) if exchange.target == "/system" else script(exchange))

    async with scripted_pacs(orthanc) as pacs:
        address = api_address(pacs.address(**options))
        assert address is not None
        door = OrthancDoor(address)
        try:
            assert await door.is_open()
            pacs.exchanges.clear()
            yield OrthancIndex(door, Flights()), pacs
        finally:
            await door.aclose()
