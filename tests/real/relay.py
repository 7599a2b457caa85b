"""A relay in front of a server, which counts and keeps what clients send through it, and can cut them off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

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
    open: int = 0
    """Connections of clients."""

    @property
    def http_url(self) -> str:
        """Of the DICOMweb services behind it."""
        return f"http://127.0.0.1:{self.port}/dicom-web"

    @property
    def https_url(self) -> str:
        """The same by HTTPS, which goes through unread."""
        return f"https://127.0.0.1:{self.port}/dicom-web"


@asynccontextmanager
async def relay(to_port: int) -> AsyncIterator[Relay]:
    """A relay to a port of this machine."""
    tasks: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while block := await reader.read(_BLOCK):
                if is_request:
                    between.count += len(block)
                    between.sent += block[: _KEPT - len(between.sent)]
                writer.write(block)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        between.open += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to_port)
            try:
                there = forward(reader, far_writer, is_request=True)
                await asyncio.gather(there, forward(far_reader, writer, is_request=False))
            finally:
                far_writer.close()
        except OSError:
            pass
        finally:
            between.open -= 1
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    between = Relay(server.sockets[0].getsockname()[1])
    try:
        yield between
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
