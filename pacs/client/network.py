"""Connections for httpcore, with TLS or without: whatever has come is read at once, not piece by piece.

httpcore's own, by anyio, hands out the pieces as the kernel had them ready, at 50 µs of processor time each: 17 for an
answer of 0.5 MB from the same machine, which so takes 1.0 ms, and 0.5 ms by this way. With TLS the pieces are its
records, of 16 KiB: a file of 100 MB took 780 ms, and takes 270 ms by this way (measured).
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socket import SOCK_STREAM
from typing import Any

import httpcore

_MOST_BUFFERED_BYTES = 1 << 18
_INFO = {"client_addr": "sockname", "server_addr": "peername", "socket": "socket", "ssl_object": "ssl_object"}


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections, by the event loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                stream = await _connected(host, port, timeout, (local_address, 0) if local_address else None)
        for option in socket_options or ():
            stream.get_extra_info("socket").setsockopt(*option)
        return stream

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # there are none to set
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                return (await asyncio.get_running_loop().create_unix_connection(Stream, path))[1]

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await asyncio.sleep(seconds)


class Stream(httpcore.AsyncNetworkStream, asyncio.Protocol):
    """An open connection. Of a broken one, what came before is still read: a server may answer, and hang up at once."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._come: list[bytes] = []
        self._come_bytes = 0
        self._is_over = self._is_paused = self._is_encrypted = False
        self._failure: Exception | None = None
        self._reading: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # see the return
        """All that has come, which httpcore takes in any amount; empty at the end."""
        with _as(httpcore.ReadTimeout, httpcore.ReadError):
            if not (self._come or self._is_over or self._failure):
                self._reading = asyncio.get_running_loop().create_future()
                async with asyncio.timeout(timeout):
                    await self._reading
            if self._failure is not None and not (self._come or self._is_over):
                raise self._failure
        come = b"".join(self._come)  # of one piece, that piece
        self._come.clear()
        self._come_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return come

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns when there is room for more."""
        if not buffer:
            return
        with _as(httpcore.WriteTimeout, httpcore.WriteError):
            if self._has_ended:
                raise self._failure or ConnectionResetError
            self._transport.write(buffer)
            if not self._writable.is_set():
                async with asyncio.timeout(timeout):
                    await self._writable.wait()
            if self._failure is not None:
                raise self._failure

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """See httpcore. Whom it does not trust, it says nothing to."""
        loop = asyncio.get_running_loop()
        try:
            with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    own = self._transport
                    encrypted = await loop.start_tls(own, self, ssl_context, server_hostname=server_hostname)
                if encrypted is None:  # the server hung up meanwhile
                    raise ConnectionResetError
        except BaseException:
            await self.aclose()
            raise
        self._transport, self._is_encrypted = encrypted, True
        return self

    async def aclose(self) -> None:
        """Ends the connection, whatever was still to be sent."""
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """See httpcore. An idle connection is readable when the server has ended it, or says what nobody asked."""
        if info == "is_readable":
            return bool(self._come) or self._is_over or self._has_ended
        return self._transport.get_extra_info(_INFO[info]) if info in _INFO else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment]  # of a stream, and no other is made

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._come.append(data)
        self._come_bytes += len(data)
        if self._come_bytes >= _MOST_BUFFERED_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """See asyncio. What is being sent may go on, which TLS does not provide for."""
        self._is_over = True
        self._wake()
        return not self._is_encrypted

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._is_paused = False
        self._failure = exc or ConnectionResetError()
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._writable.set()

    @property
    def _has_ended(self) -> bool:
        return self._failure is not None or self._transport.is_closing()

    def _wake(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)


async def _connected(host: str, port: int, seconds: float | None, local: tuple[str, int] | None) -> Stream:
    """By one address of the name after the other, none of which may take all the time."""
    loop = asyncio.get_running_loop()
    addresses = [host] if _is_address(host) else await _addresses(host, port)
    failure: OSError = ConnectionError("the name has no address")
    for address in addresses:
        try:
            async with asyncio.timeout(seconds / len(addresses) if seconds else None):
                return (await loop.create_connection(Stream, address, port, local_addr=local))[1]
        except OSError as error:
            failure = error
    raise failure


async def _addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _is_address(host: str) -> bool:
    """Then no thread has to look it up."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


@contextmanager
def _as(late: Callable[[], Exception], broken: Callable[[], Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late() from error
    except OSError as error:
        raise broken() from error
