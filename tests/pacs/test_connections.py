"""Cancelled at every moment of an exchange: the only connection is there for the next one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pacs.dicomweb import DicomWeb, pieces
from tests.pacs.scripted import Exchange, Script, scripted_pacs

MOMENTS = 40
"""More turns of the event loop than an exchange takes."""

Use = Callable[[DicomWeb], Awaitable[object]]


async def keeps_connections(exchange: Exchange) -> None:
    await exchange.json([])


async def closes_connections(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]")
    raise ConnectionError


async def searches(web: DicomWeb) -> None:
    await web.search("studies")


async def streams(web: DicomWeb) -> None:
    async with web.stream("studies/1") as response:
        async for _ in pieces(response):
            pass


async def looks_at_the_head(web: DicomWeb) -> None:
    async with web.stream("studies/1"):
        pass


async def after_turns(turns: int, task: asyncio.Task[object]) -> bool:
    """Cancels the task after so many turns of the loop; whether it had not ended by then."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return task.cancel()


@pytest.mark.parametrize("script", [keeps_connections, closes_connections])
@pytest.mark.parametrize("use", [searches, streams, looks_at_the_head])
async def test_a_cancelled_exchange_leaves_its_connection_to_the_next(use: Use, script: Script) -> None:
    async with scripted_pacs(script) as pacs:
        web = DicomWeb(pacs.address(max_connections=1, timeout_seconds=2))
        cancelled = 0
        for turns in range(MOMENTS):
            task = asyncio.ensure_future(use(web))
            cancelled += await after_turns(turns, task)
            await asyncio.wait([task])
            await web.search("studies")
        await web.aclose()
        await pacs.until_closed()
    assert 8 < cancelled < MOMENTS
