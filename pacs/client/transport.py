"""httpx's transport over steady connections: whatever is cancelled, it comes to an end that leaves them in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

import httpcore
import httpx

from pacs.address import PacsAddress
from pacs.client.connections import Exchange, Pool, current_exchange
from pacs.client.network import Network

_KEEP_ALIVE_SECONDS = 0.9  # Orthanc closes idle connections after 1 s

T = TypeVar("T")
Consume = Callable[[httpcore.Response], Awaitable[T]]


class SteadyTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, but whatever is cancelled, its connection is closed or free for the next request."""

    def __init__(self, address: PacsAddress) -> None:
        tls = address.tls()
        super().__init__(verify=tls)
        self._pool = Pool(
            ssl_context=tls,
            max_connections=address.max_connections,
            max_keepalive_connections=address.max_connections,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            retries=1,
            uds=str(address.socket) if address.socket else None,
            network_backend=Network(),
        )
        self._exchanges: set[asyncio.Task[Any]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = Exchange()
        task = asyncio.create_task(self._send(exchange, request))
        try:
            return await self._wait(exchange, task)
        except asyncio.CancelledError:
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().aclose()
            raise

    async def read(self, request: httpcore.Request, consume: Consume[T]) -> T:
        """What `consume` makes of the answer, which it is given before the body is read; raises what httpcore does.

        For small answers: without the layers of `httpx.AsyncClient`, and with one task from the head to the end.
        """
        exchange = Exchange()
        return await self._wait(exchange, asyncio.create_task(self._read(exchange, request, consume)))

    async def aclose(self) -> None:
        """See httpx. Ends exchanges whose answers have not begun."""
        for exchange in self._exchanges:
            exchange.cancel()
        if self._exchanges:
            await asyncio.wait(self._exchanges)
        await super().aclose()

    async def _wait(self, exchange: Exchange, task: asyncio.Task[T]) -> T:
        exchange.task = task
        self._exchanges.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await exchange.abandon()
            raise

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._exchanges.discard(task)
        if not task.cancelled():
            task.exception()  # of one that was abandoned nobody asks, which asyncio would report

    async def _send(self, exchange: Exchange, request: httpx.Request) -> httpx.Response:
        current_exchange.set(exchange)
        response = await super().handle_async_request(request)
        response.stream = _Body(cast(httpx.AsyncByteStream, response.stream), exchange)
        return response

    async def _read(self, exchange: Exchange, request: httpcore.Request, consume: Consume[T]) -> T:
        current_exchange.set(exchange)
        response = await self._pool.handle_async_request(request)
        try:
            return await consume(response)
        finally:
            exchange.is_closing = True
            await response.aclose()
            if exchange.connection is not None:
                await exchange.connection.settle(exchange)


class _Body(httpx.AsyncByteStream):
    """A body whose closing nobody can interrupt."""

    def __init__(self, body: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self._closing: asyncio.Task[None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._body.aclose()
        if self._exchange.connection is not None:
            await self._exchange.connection.settle(self._exchange)
