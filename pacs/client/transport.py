"""httpx's transport over connections that nobody's leaving can harm."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpcore
import httpx

from pacs.address import PacsAddress
from pacs.client.connections import Connections

T = TypeVar("T")
Consume = Callable[[httpcore.Response], Awaitable[T]]


class SteadyTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, but whatever is cancelled, its connection is closed or free for the next request."""

    def __init__(self, address: PacsAddress) -> None:
        tls = address.tls()
        super().__init__(verify=tls)
        socket = str(address.socket) if address.socket else None
        self._pool = Connections(address.max_connections, tls, socket)  # type: ignore[assignment]  # all that is used

    async def read(self, request: httpcore.Request, consume: Consume[T]) -> T:
        """What `consume` makes of the answer, which it is given before the body is read; raises what httpcore does.

        For small answers: without the layers of `httpx.AsyncClient`.
        """
        response = await self._pool.handle_async_request(request)
        try:
            return await consume(response)
        finally:
            await response.aclose()
