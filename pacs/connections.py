"""Connections that survive the cancelling of those who use them.

A request that is cancelled at the wrong moment leaves its connection in httpcore's pool for good, neither idle nor
closed (measured on httpcore 1.0.9): after `max_connections` of them every request waits in vain. The moments are two:
between connecting and the first request, and while an answer is being closed.
"""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import cast

import httpcore
import httpx

if find_spec("sniffio") is None:
    # httpcore asks for it at each of its locks. Where it is not installed, Python searches the disk for it every time:
    # 0.3 ms a request (measured). With None here the import fails at once, as the import system documents.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # the type leaves that out


class SteadyTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, but whatever is cancelled, its connection is closed or free for the next request."""

    def __init__(
        self, *, limits: httpx.Limits | None = None, verify: ssl.SSLContext | None = None, uds: str | None = None
    ) -> None:
        context = verify or httpx.create_ssl_context()
        super().__init__(verify=context)
        limits = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)
        self._pool = _Pool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            retries=1,
            uds=uds,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        response = await super().handle_async_request(request)
        response.stream = _Body(cast(httpx.AsyncByteStream, response.stream))
        return response


class _Body(httpx.AsyncByteStream):
    """A body whose closing nobody can interrupt."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece

    async def aclose(self) -> None:
        closing = asyncio.ensure_future(self._body.aclose())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
            raise


class _Pool(httpcore.AsyncConnectionPool):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _Connection(super().create_connection(origin))


class _Connection(httpcore.AsyncConnectionInterface):
    """A connection that is closed when its first request, the only one there is then, comes to nothing."""

    def __init__(self, connection: httpcore.AsyncConnectionInterface) -> None:
        self._connection = connection
        self._has_answered = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            response = await self._connection.handle_async_request(request)
        except BaseException:
            if not self._has_answered:
                await self._connection.aclose()
            raise
        self._has_answered = True
        return response

    async def aclose(self) -> None:
        await self._connection.aclose()

    def info(self) -> str:
        return self._connection.info()

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._connection.can_handle_request(origin)

    def is_available(self) -> bool:
        return self._connection.is_available()

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def is_closed(self) -> bool:
        return self._connection.is_closed()
