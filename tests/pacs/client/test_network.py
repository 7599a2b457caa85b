"""Connections with TLS and without, on both event loops: asyncio's own, and the one that serves."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpcore
import pytest
import uvloop

from pacs.client.network import Network
from tests.certificates import Authority
from tests.sockets import listening

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
Use = Callable[[httpcore.AsyncNetworkStream], Awaitable[None]]
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def meet(request: pytest.FixtureRequest, loop: Any, authority: Authority) -> Callable[[Peer, Use], None]:
    """Runs both ends of one connection."""

    def run(peer: Peer, use: Use) -> None:
        async def uses(stream: httpcore.AsyncNetworkStream) -> None:
            if request.param:
                stream = await stream.start_tls(trusting(authority), server_hostname="127.0.0.1", timeout=5)
            await use(stream)

        connected(loop, peer, uses, authority.server() if request.param else None)

    return run


def connected(loop: Any, peer: Peer, use: Use, tls: ssl.SSLContext | None = None) -> None:
    """Runs both ends of one connection, of which `use` has its end without TLS."""

    async def serves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        finally:
            writer.transport.abort()

    async def both() -> None:
        async with listening(serves, tls) as port:
            stream = await Network().connect_tcp("localhost", port, timeout=5)
            try:
                await use(stream)
            finally:
                await stream.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(both())


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.ca_pem)


async def writes(stream: httpcore.AsyncNetworkStream, content: bytes) -> None:
    for start in range(0, len(content), 1 << 20):
        await stream.write(content[start : start + (1 << 20)], timeout=0.05)


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
            await writes(stream, bytes(64 << 20))

    meet(sleeps, waits)


async def test_nobody_there_is_an_error_of_connecting() -> None:
    with pytest.raises(httpcore.ConnectError):
        await Network().connect_tcp("127.0.0.1", 1, timeout=5)
    with pytest.raises(httpcore.ConnectError):
        await Network().connect_unix_socket("/nowhere", timeout=5)


def test_nothing_is_said_to_a_server_that_is_not_trusted(loop: Any, authority: Authority) -> None:
    heard: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))

    async def distrusts(stream: httpcore.AsyncNetworkStream) -> None:
        with pytest.raises(httpcore.ConnectError) as caught:
            await stream.start_tls(ssl.create_default_context(), server_hostname="127.0.0.1", timeout=5)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert stream.get_extra_info("is_readable")

    connected(loop, listens, distrusts, authority.server())
    assert heard == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["hangs up", "speaks no TLS"])
def test_a_server_without_tls_is_an_error_of_connecting(loop: Any, answer: bytes) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def begins(stream: httpcore.AsyncNetworkStream) -> None:
        with pytest.raises(httpcore.ConnectError):
            await stream.start_tls(ssl.create_default_context(), server_hostname="127.0.0.1", timeout=5)

    connected(loop, refuses, begins)


def test_a_server_that_begins_no_tls_is_a_time_out(loop: Any) -> None:
    ended = []

    async def is_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        ended.append(True)

    async def begins(stream: httpcore.AsyncNetworkStream) -> None:
        with pytest.raises(httpcore.ConnectTimeout):
            await stream.start_tls(ssl.create_default_context(), server_hostname="127.0.0.1", timeout=0.05)
        await asyncio.sleep(0.05)
        assert ended

    connected(loop, is_silent, begins)
