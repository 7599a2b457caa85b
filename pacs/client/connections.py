"""Connections that survive the cancelling of those who use them.

A request that is cancelled at the wrong moment leaves its connection in httpcore's pool for good, neither idle nor
closed (measured on httpcore 1.0.9): after `max_connections` of them every request waits in vain. The moments are:
assigned and not begun, connected and not begun, while an answer is closed, and a second cancelling within the first.
So an exchange is a task of its own, which is cancelled once at most, and not before its connection has begun with it;
and a connection whose user has ended is closed if it is not free by then.
"""

import asyncio
from contextvars import ContextVar
from typing import Any

import httpcore


class Exchange:
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


current_exchange: ContextVar[Exchange] = ContextVar("exchange")


class Pool(httpcore.AsyncConnectionPool):
    """httpcore's, of such connections."""

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _Connection(super().create_connection(origin), self)

    async def tidy(self) -> None:
        """Drops closed connections, so that who waits for one gets a new one."""
        await self._close_connections(self._assign_requests_to_connections())


class _Connection(httpcore.AsyncConnectionInterface):
    """A connection that is closed when its first request comes to nothing, or when its last user ended in disorder."""

    def __init__(self, connection: httpcore.AsyncConnectionInterface, pool: Pool) -> None:
        self._connection = connection
        self._pool = pool
        self._user: Exchange | None = None
        self._asking = 0
        self._is_dead = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        self._asking += 1
        exchange = current_exchange.get()
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

    async def settle(self, user: Exchange) -> None:
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
