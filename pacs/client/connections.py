"""Connections to one server that survive the cancelling of those who use them.

A request that is cancelled at the wrong moment leaves its connection in httpcore's own pool for good, neither idle nor
closed (measured on httpcore 1.0.9): after `max_connections` of them every request waits in vain. Here a connection has
one user, and is closed when that has ended and it is not free for the next. Closing waits for nothing, so that nothing
can interrupt it.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import httpcore

from pacs.client.network import Network

_KEEP_ALIVE_SECONDS = 0.9  # Orthanc closes idle connections after 1 s
_CONNECTING = (httpcore.ConnectError, httpcore.ConnectTimeout)


class Connections:
    """At most `most` to a server, by a Unix socket where there is one; in place of `httpcore.AsyncConnectionPool`.

    How long a request waits for one that is free is up to who asks.
    """

    def __init__(self, most: int, tls: ssl.SSLContext, socket: str | None) -> None:
        self._tls = tls
        self._tls.set_alpn_protocols(["http/1.1"])
        self._socket = socket
        self._network = Network()
        self._room = asyncio.Semaphore(most)
        self._free: deque[httpcore.AsyncHTTP11Connection] = deque()
        self._used: set[httpcore.AsyncHTTP11Connection] = set()
        self._is_closed = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """See httpcore. The connection is the answer's until that is closed."""
        await self._room.acquire()
        connection = None
        try:
            connection = await self._free_one() or await self._new(request)
            if self._is_closed:
                raise httpcore.ConnectError("closed")
            self._used.add(connection)
            response = await connection.handle_async_request(request)
        except BaseException:
            await self._end_use(connection)
            raise
        response.stream = _Body(response.stream, connection, self)
        return response

    async def aclose(self) -> None:
        """Closes all connections. Whoever is using one hears that it is broken."""
        self._is_closed = True
        for connection in (*self._free, *self._used):
            await connection.aclose()

    async def give_back(self, connection: httpcore.AsyncHTTP11Connection) -> None:
        """Ends the use of a connection: it is free if its exchange was whole, else closed."""
        if connection.is_idle():
            self._used.discard(connection)
            self._free.append(connection)
            self._room.release()
        else:
            await self._end_use(connection)

    async def _end_use(self, connection: httpcore.AsyncHTTP11Connection | None) -> None:
        if connection is not None:
            self._used.discard(connection)
            await connection.aclose()
        self._room.release()

    async def _free_one(self) -> httpcore.AsyncHTTP11Connection | None:
        """The one used last, if it still stands; those that do not are closed."""
        while self._free and self._free[0].has_expired():
            await self._free.popleft().aclose()
        while self._free:
            connection = self._free.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _new(self, request: httpcore.Request) -> httpcore.AsyncHTTP11Connection:
        try:
            stream = await self._connect(request)
        except _CONNECTING:
            stream = await self._connect(request)
        connection = httpcore.AsyncHTTP11Connection(request.url.origin, stream, _KEEP_ALIVE_SECONDS)
        # Nobody waits for it; httpcore's, by anyio, makes each request wait for two turns of the event loop (measured).
        connection._state_lock = asyncio.Lock()  # type: ignore[assignment]  # it is all that a connection uses
        return connection

    async def _connect(self, request: httpcore.Request) -> httpcore.AsyncNetworkStream:
        origin, seconds = request.url.origin, request.extensions["timeout"]["connect"]
        host = origin.host.decode("ascii")
        if self._socket is not None:
            return await self._network.connect_unix_socket(self._socket, timeout=seconds)
        stream = await self._network.connect_tcp(host, origin.port, timeout=seconds)
        if origin.scheme == b"https":
            return await stream.start_tls(self._tls, server_hostname=host, timeout=seconds)
        return stream


class _Body:
    """The body of an answer, with whose closing the use of its connection ends."""

    def __init__(self, body: Any, connection: httpcore.AsyncHTTP11Connection, connections: Connections) -> None:
        self._body = body
        self._connection = connection
        self._connections: Connections | None = connections

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: AsyncIterator[bytes] = aiter(self._body)
        return pieces

    async def aclose(self) -> None:
        connections, self._connections = self._connections, None
        if connections is not None:
            await self._body.aclose()
            await connections.give_back(self._connection)
