"""Names of receivers, looked up apart: a DNS server that does not answer holds a thread for many seconds.

asyncio looks names up in the few threads that files are written in, too; eight posts to one such receiver would stop
uploads, and connections to the PACS.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx


class ReceiverNames(httpcore.AnyIOBackend):
    """Connects as httpcore does, once a thread that is the name's own has found the name."""

    def __init__(self) -> None:
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def serve(self, client: httpx.AsyncClient) -> None:
        """Lets `client` connect by this; its proxies, if the environment names some, are looked up by asyncio."""
        transport = client._transport
        if not isinstance(transport, httpx.AsyncHTTPTransport):
            raise TypeError("the client has another transport than httpx's")
        transport._pool._network_backend = self

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        threads = self._threads.setdefault(host, ThreadPoolExecutor(1, "webhook-names"))
        try:
            await asyncio.get_running_loop().run_in_executor(threads, socket.getaddrinfo, host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return await super().connect_tcp(host, port, timeout, local_address, socket_options)

    def close(self) -> None:
        """Looks nothing up any more."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
