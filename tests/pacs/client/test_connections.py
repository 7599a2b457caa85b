"""Cancelled at every moment of an exchange: the only connection is there for the next one."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import httpcore
import pytest
from anyio._backends._asyncio import AsyncIOBackend

from pacs.client import connections
from pacs.client.network import Network
from pacs.client.requests import Requests
from pacs.dicomweb import DicomWeb, pieces
from pacs.errors import PacsUnavailable
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


async def cancelled_after(turns: int, again_after: int, task: asyncio.Task[object]) -> bool:
    """Cancels the task after so many turns of the loop, and once more later; whether it had not ended by then."""
    for _ in range(turns):
        await asyncio.sleep(0)
    was_running = task.cancel()
    for _ in range(again_after):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return was_running


@pytest.mark.parametrize("again_after", [0, 1, 2, 3])
@pytest.mark.parametrize("script", [keeps_connections, closes_connections])
@pytest.mark.parametrize("use", [searches, streams, looks_at_the_head])
async def test_a_cancelled_exchange_leaves_its_connection_to_the_next(
    use: Use, script: Script, again_after: int
) -> None:
    async with scripted_pacs(script) as pacs:
        web = DicomWeb(pacs.address(max_connections=1, timeout_seconds=2))
        cancelled = 0
        for turns in range(MOMENTS):
            cancelled += await cancelled_after(turns, again_after, asyncio.ensure_future(use(web)))
            await web.search("studies")
        await web.aclose()
        await pacs.until_closed()
    assert 3 < cancelled < MOMENTS


async def test_no_request_waits_for_a_turn_of_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = 0
    turn = AsyncIOBackend.cancel_shielded_checkpoint

    async def counted() -> None:
        nonlocal waited
        waited += 1
        await turn()

    monkeypatch.setattr(AsyncIOBackend, "cancel_shielded_checkpoint", counted)
    async with scripted_pacs(keeps_connections) as pacs:
        web = DicomWeb(pacs.address())
        await web.search("studies")
        await web.search("studies")
        await web.aclose()
    assert waited == 0


@pytest.mark.parametrize("seed", range(12))
async def test_a_crowd_that_is_cancelled_at_random_leaves_all_connections(seed: int) -> None:
    random = Random(seed)

    async def impatient(use: Use) -> None:
        task = asyncio.ensure_future(use(web))
        for _ in range(random.randint(0, 3)):
            for _ in range(random.randint(0, 25)):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None

    async with scripted_pacs(random.choice([keeps_connections, closes_connections])) as pacs:
        web = DicomWeb(pacs.address(max_connections=2, timeout_seconds=5))
        for _ in range(8):
            await asyncio.gather(*(impatient(random.choice([searches, streams, looks_at_the_head])) for _ in range(8)))
        await web.search("studies")
        await web.aclose()
        await pacs.until_closed()


async def test_who_gives_up_waiting_for_a_connection_leaves_no_failure_that_nobody_hears_of() -> None:
    """The only connection is busy for longer than the time for which httpx waits for one."""
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))

    async def drips(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for _ in range(9):
            await exchange.raw(b"x")
            await asyncio.sleep(0.05)

    async with scripted_pacs(drips) as pacs:
        web = DicomWeb(pacs.address(max_connections=1, timeout_seconds=0.2))
        busy = asyncio.create_task(streams(web))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(searches(web))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([busy, waiting])
        await web.aclose()
    del waiting  # which holds what it waited for
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_many_requests_share_the_connections_that_are_allowed() -> None:
    async def takes_a_moment(exchange: Exchange) -> None:
        await asyncio.sleep(0.01)
        await exchange.json([])

    async with scripted_pacs(takes_a_moment) as pacs:
        web = DicomWeb(pacs.address(max_connections=3))
        await asyncio.gather(*(web.search(f"studies/{number}/series") for number in range(20)))
        assert (len(pacs.exchanges), pacs.connections) == (20, 3)
        await web.aclose()
        await pacs.until_closed()


async def test_a_connection_is_used_again_and_not_after_the_server_may_have_closed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "_KEEP_ALIVE_SECONDS", 0.2)
    async with scripted_pacs(keeps_connections) as pacs:
        web = DicomWeb(pacs.address())
        for _ in range(5):
            await web.search("studies")
        assert pacs.connections == 1
        await asyncio.sleep(0.25)
        await web.search("studies")
        assert (pacs.connections, pacs.open) == (2, 1)
        await web.aclose()
        await pacs.until_closed()


async def test_closing_ends_what_is_under_way_and_what_waits_for_a_connection() -> None:
    asked = asyncio.Event()

    async def says_nothing(_: Exchange) -> None:
        asked.set()
        await asyncio.sleep(10)

    async with scripted_pacs(says_nothing) as pacs:
        web = DicomWeb(pacs.address(max_connections=1))
        searches = [asyncio.create_task(web.search("studies")) for _ in range(3)]
        await asked.wait()
        await web.aclose()
        async with asyncio.timeout(2):
            ended = await asyncio.gather(*searches, return_exceptions=True)
        assert [type(error) for error in ended] == [PacsUnavailable] * 3
    assert len(pacs.exchanges) == 1


async def test_connecting_is_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    connect = Network.connect_tcp

    async def fails_once(network: Network, host: str, port: int, **options: Any) -> httpcore.AsyncNetworkStream:
        tries.append(port)
        if len(tries) == 1:
            raise httpcore.ConnectError
        return await connect(network, host, port, **options)

    monkeypatch.setattr(Network, "connect_tcp", fails_once)
    async with scripted_pacs(keeps_connections) as pacs:
        web = DicomWeb(pacs.address())
        await web.search("studies")
        await web.aclose()
    assert len(tries) == 2


async def test_of_several_free_connections_none_that_was_closed_is_used() -> None:
    async def answers(exchange: Exchange) -> None:
        is_second = "series" in exchange.target
        await asyncio.sleep(0.05 if is_second else 0.02)
        await exchange.json([])
        if is_second:
            raise ConnectionError

    async with scripted_pacs(answers) as pacs:
        web = DicomWeb(pacs.address())
        await asyncio.gather(web.search("studies"), web.search("series"))
        while pacs.open > 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        await web.request("POST", "studies", content=b"x")  # which is not sent again
        await web.aclose()
        await pacs.until_closed()
    assert pacs.connections == 2


async def test_an_answer_that_is_closed_twice_gives_its_connection_back_once() -> None:
    async with scripted_pacs(keeps_connections) as pacs:
        address = pacs.address()
        pool = connections.Connections(1, address.tls(), None)
        request = Requests(address).simple("GET", "studies", "", None, None)
        assert request is not None
        answer = await pool.handle_async_request(request)
        await answer.aread()
        await answer.aclose()
        await answer.aclose()
        again = await pool.handle_async_request(request)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.handle_async_request(request)
        await again.aread()
        await again.aclose()
        await pool.aclose()
        await pacs.until_closed()
    assert pacs.connections == 1


async def test_an_answer_that_ends_after_closing_keeps_no_connection() -> None:
    async with scripted_pacs(keeps_connections) as pacs:
        web = DicomWeb(pacs.address())
        async with web.stream("studies") as response:
            await response.aread()
            await web.aclose()
        await pacs.until_closed()
