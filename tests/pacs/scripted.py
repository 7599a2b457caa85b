"""A PACS that does as a test says, byte by byte, behind a real socket: it can lie, stall and break off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from pacs.adapter import Pacs
from pacs.address import PacsAddress
from tests.sockets import listening


@dataclass
class Exchange:
    """One request as it came, and the way to answer. `body` is read only when the script asks."""

    line: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def target(self) -> str:
        """Path and query, as they were sent."""
        return self.line.split(" ")[1]

    async def body(self) -> bytes:
        """The whole request body."""
        return await self.reader.readexactly(int(self.headers.get("content-length", "0")))

    async def raw(self, *pieces: bytes) -> None:
        """Sends bytes as they are."""
        self.writer.write(b"".join(pieces))
        await self.writer.drain()

    async def answer(self, status: int, body: bytes = b"", content_type: str = "application/dicom+json") -> None:
        """A proper answer."""
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
        await self.raw(head.encode(), body)

    async def json(self, value: object, status: int = 200) -> None:
        """An answer in JSON."""
        await self.answer(status, orjson.dumps(value))

    async def endless(self, content_type: str) -> None:
        """An answer that says its type and has no length."""
        await self.raw(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {content_type}\r\n\r\n".encode())


Script = Callable[[Exchange], Awaitable[None]]
"""Answers one request; when it returns the next one of the connection is read, `ConnectionError` closes it."""


@dataclass
class ScriptedPacs:
    """What came in, and how much is open."""

    url: str
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [exchange.target for exchange in self.exchanges]

    def address(self, **options: object) -> PacsAddress:
        """How to reach it, with time-outs that a busy machine does not meet."""
        return PacsAddress(**{"url": self.url, "timeout_seconds": 10.0, "connect_timeout_seconds": 10.0, **options})  # type: ignore[arg-type] # options of tests

    async def until_closed(self, seconds: float = 2.0) -> None:
        """Returns when no connection is open."""
        async with asyncio.timeout(seconds):
            while self.open:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def scripted_pacs(script: Script) -> AsyncIterator[ScriptedPacs]:
    """A server on a free port that runs `script` for every request."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pacs.connections += 1
        pacs.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
                exchange = Exchange(line, headers, reader, writer)
                pacs.exchanges.append(exchange)
                await script(exchange)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            pacs.open -= 1
            writer.close()

    async with listening(connected) as port:
        pacs = ScriptedPacs(f"http://127.0.0.1:{port}/dicom-web")
        yield pacs


@asynccontextmanager
async def pacs_that(script: Script, **options: object) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    """Such a server, and the adapter to it; `options` are those of its address. In the end no connection is open."""
    async with scripted_pacs(script) as server:
        pacs = Pacs(server.address(**options))
        try:
            yield pacs, server
        finally:
            await pacs.aclose()
            await server.until_closed()
