"""Connections without TLS, on both event loops: asyncio's own, and the one that serves."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import pytest
import uvloop

from pacs.plain_network import PlainNetwork

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Use = Callable[[httpcore.AsyncNetworkStream], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def meet(request: pytest.FixtureRequest) -> Callable[[Peer, Use], None]:
    """Runs both ends of one connection."""

    async def both(peer: Peer, use: Use) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await peer(reader, writer)
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        stream = await PlainNetwork().connect_tcp("localhost", server.sockets[0].getsockname()[1], timeout=5)
        try:
            await use(stream)
        finally:
            await stream.aclose()
            server.close()
            await server.wait_closed()

    def run(peer: Peer, use: Use) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(both(peer, use))

    return run


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_all_that_comes_is_read_though_it_is_more_than_is_kept_at_once(meet: Any) -> None:
    async def sends(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(3_000_000))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def reads(stream: httpcore.AsyncNetworkStream) -> None:
        pieces = []
        while piece := await stream.read(1, timeout=5):
            pieces.append(len(piece))
            await asyncio.sleep(0.002)
        assert sum(pieces) == 3_000_000
        assert max(pieces) <= 1 << 19
        assert stream.get_extra_info("is_readable")

    meet(sends, reads)


def test_what_came_before_a_connection_broke_is_still_read(meet: Any) -> None:
    async def answers_and_resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"answer")
        await writer.drain()
        await asyncio.sleep(0.05)
        await _reset(writer)

    async def reads_late(stream: httpcore.AsyncNetworkStream) -> None:
        await asyncio.sleep(0.2)
        assert stream.get_extra_info("is_readable")
        assert await stream.read(100, timeout=5) == b"answer"
        with pytest.raises(httpcore.ReadError):
            await stream.read(100, timeout=5)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"more", timeout=5)

    meet(answers_and_resets, reads_late)


def test_silence_is_a_time_out_both_ways(meet: Any) -> None:
    async def sleeps(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    async def waits(stream: httpcore.AsyncNetworkStream) -> None:
        assert not stream.get_extra_info("is_readable")
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(100, timeout=0.05)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(bytes(64 << 20), timeout=0.05)

    meet(sleeps, waits)


async def test_nobody_there_is_an_error_of_connecting() -> None:
    with pytest.raises(httpcore.ConnectError):
        await PlainNetwork().connect_tcp("127.0.0.1", 1, timeout=5)
    with pytest.raises(httpcore.ConnectError):
        await PlainNetwork().connect_unix_socket("/nowhere", timeout=5)
