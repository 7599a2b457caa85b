"""Connections that survive the cancelling of those who use them.

A request that is cancelled at the wrong moment leaves its connection in httpcore's pool for good, neither idle nor
closed (measured on httpcore 1.0.9): after `max_connections` of them every request waits in vain. The moments are:
assigned and not begun, connected and not begun, while an answer is closed, and a second cancelling within the first.
So an exchange is a task of its own, which is cancelled once at most, and not before its connection has begun with it;
and a connection whose user has ended is closed if it is not free by then.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import httpcore
import httpx

from pacs.plain_network import PlainNetwork

T = TypeVar("T")
Consume = Callable[[httpcore.Response], Awaitable[T]]


class SteadyTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, but whatever is cancelled, its connection is closed or free for the next request."""

    def __init__(
        self, *, limits: httpx.Limits, verify: ssl.SSLContext, uds: str | None = None, is_plain: bool = False
    ) -> None:
        """`is_plain`: there is no TLS, nor a proxy."""
        super().__init__(verify=verify)
        self._pool = _Pool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            retries=1,
            uds=uds,
            network_backend=PlainNetwork() if is_plain else None,
        )
        self._exchanges: set[asyncio.Task[Any]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = _Exchange()
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
        exchange = _Exchange()
        return await self._wait(exchange, asyncio.create_task(self._read(exchange, request, consume)))

    async def aclose(self) -> None:
        """See httpx. Ends exchanges whose answers have not begun."""
        for exchange in self._exchanges:
            exchange.cancel()
        if self._exchanges:
            await asyncio.wait(self._exchanges)
        await super().aclose()

    async def _wait(self, exchange: "_Exchange", task: asyncio.Task[T]) -> T:
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

    async def _send(self, exchange: "_Exchange", request: httpx.Request) -> httpx.Response:
        _current.set(exchange)
        response = await super().handle_async_request(request)
        response.stream = _Body(cast(httpx.AsyncByteStream, response.stream), exchange)
        return response

    async def _read(self, exchange: "_Exchange", request: httpcore.Request, consume: Consume[T]) -> T:
        _current.set(exchange)
        response = await self._pool.handle_async_request(request)
        try:
            return await consume(response)
        finally:
            exchange.is_closing = True
            await response.aclose()
            if exchange.connection is not None:
                await exchange.connection.settle(exchange)


class _Exchange:
    """One request until its task has ended: with the head of its answer, or with all of it."""

    task: asyncio.Task[Any]
    connection: "_Connection | None" = None
    """That which has begun with it."""
    is_closing = False
    """Which nothing may interrupt."""
    _is_abandoned = False

    def begin(self, connection: "_Connection") -> None:
        """Raises `CancelledError` when nobody waits for it any more."""
        if self._is_abandoned:
            raise asyncio.CancelledError
        self.connection = connection

    async def abandon(self) -> None:
        """Ends it: now if it has begun, else as soon as it would begin."""
        self._is_abandoned = True
        if self.task.done() or self.connection is None:
            return
        if not self.is_closing:
            self.task.cancel()
        await asyncio.wait([self.task])


_current: ContextVar[_Exchange] = ContextVar("exchange")


class _Body(httpx.AsyncByteStream):
    """A body whose closing nobody can interrupt."""

    def __init__(self, body: httpx.AsyncByteStream, exchange: _Exchange) -> None:
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


class _Pool(httpcore.AsyncConnectionPool):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _Connection(super().create_connection(origin), self)

    async def tidy(self) -> None:
        """Drops closed connections, so that who waits for one gets a new one."""
        await self._close_connections(self._assign_requests_to_connections())


class _Connection(httpcore.AsyncConnectionInterface):
    """A connection that is closed when its first request comes to nothing, or when its last user ended in disorder."""

    def __init__(self, connection: httpcore.AsyncConnectionInterface, pool: _Pool) -> None:
        self._connection = connection
        self._pool = pool
        self._user: _Exchange | None = None
        self._asking = 0
        self._is_dead = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        self._asking += 1
        exchange = _current.get()
        try:
            exchange.begin(self)
            response = await self._connection.handle_async_request(request)
        except httpcore.ConnectionNotAvailable:
            exchange.connection = None
            raise
        except BaseException:
            if self._user is None:
                await self.aclose()
            raise
        finally:
            self._asking -= 1
        if self._user is None:
            self._unlock()
        self._user = exchange
        return response

    def _unlock(self) -> None:
        """From now on its locks, which nobody waits for, take no time.

        Those of httpcore, by anyio, make a request wait for a turn of the event loop, thrice: 20 µs of 200 in processor
        time, and 65 of 250 with six requests at once (measured).
        """
        kept: Any = self._connection
        if isinstance(getattr(kept, "_connection", None), httpcore.AsyncHTTP11Connection):
            kept._request_lock, kept._connection._state_lock = asyncio.Lock(), asyncio.Lock()

    async def settle(self, user: _Exchange) -> None:
        """Closes the connection if `user`, who has ended, had it last and it is not free."""
        if self._user is user and not self._asking and not self.is_idle():
            await self.aclose()
            await self._pool.tidy()

    async def aclose(self) -> None:
        self._is_dead = True
        await self._connection.aclose()

    def info(self) -> str:
        return self._connection.info()

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._connection.can_handle_request(origin)

    def is_available(self) -> bool:
        return not self._is_dead and self._connection.is_available()

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def is_closed(self) -> bool:
        return self._is_dead or self._connection.is_closed()
