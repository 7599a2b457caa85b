"""A relay in front of a server, which counts and keeps what clients send through it, and can stop midway."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.sockets import listening

_BLOCK = 1 << 16
_KEPT = 1 << 20


@dataclass
class Relay:
    """What went through."""

    port: int
    count: int = 0
    """Bytes from clients to the server; set it to 0 to count anew."""
    sent: bytearray = field(default_factory=bytearray)
    """The first of them."""
    exchange_seconds: float = 0.0
    """All exchanges of HTTP/1.1 together, also those at the same time: of each, from its request's first block to its
    answer's last."""
    open: int = 0
    """Connections of clients."""
    stop_after: int | None = None
    """Nothing more goes through once one direction of a connection has had so many bytes from now on."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has come to that."""

    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    """Both ends of each."""

    def hang_up(self) -> None:
        """Ends all connections at once, without a word."""
        for writer in self.writers:
            writer.transport.abort()

    @property
    def http_url(self) -> str:
        """Of the DICOMweb services behind it."""
        return f"http://127.0.0.1:{self.port}/dicom-web"

    @property
    def https_url(self) -> str:
        """The same by HTTPS, which goes through unread."""
        return f"https://127.0.0.1:{self.port}/dicom-web"


@dataclass
class _Exchange:
    """The one that a connection is busy with."""

    since: float = 0.0
    is_answered: bool = True

    def passed(self, *, is_request: bool) -> float:
        """How many seconds it has taken since this was last asked, of which those before its request do not count."""
        now = time.perf_counter()
        taken = 0.0 if is_request and self.is_answered else now - self.since
        self.since, self.is_answered = now, not is_request
        return taken


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Reads on, so that the end is seen, and forgets it."""
    while await reader.read(_BLOCK):
        pass


@asynccontextmanager
async def relay(to_port: int) -> AsyncIterator[Relay]:
    """A relay to a port of this machine."""

    async def forward(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: _Exchange, *, is_request: bool
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while block := await reader.read(_BLOCK):
                passed = 0 if between.stop_after is None else passed + len(block)
                if between.stop_after is not None and passed > between.stop_after:
                    between.stopped.set()
                    await _until_closed(reader)
                    return
                between.exchange_seconds += exchange.passed(is_request=is_request)
                if is_request:
                    between.count += len(block)
                    between.sent += block[: _KEPT - len(between.sent)]
                writer.write(block)
                await writer.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        between.open += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to_port)
            ways: list[asyncio.Task[None]] = []
            exchange = _Exchange()
            between.writers |= {writer, far_writer}
            try:
                ways += [
                    asyncio.create_task(forward(reader, far_writer, exchange, is_request=True)),
                    asyncio.create_task(forward(far_reader, writer, exchange, is_request=False)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                between.writers -= {writer, far_writer}
                far_writer.close()
        except OSError:
            pass
        finally:
            between.open -= 1
            writer.close()

    async with listening(connected) as port:
        between = Relay(port)
        yield between
