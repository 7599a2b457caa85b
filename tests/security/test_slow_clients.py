"""Slowloris in its forms, on a real socket. uvicorn by itself waits for ever in all of them (measured, 0.54)."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from graph import slow_clients
from graph.app import create_app
from graph.settings import Settings
from tests.graph.guarded import guarded

_HOST = b"Host: 127.0.0.1\r\n"
_GRAPHQL = b"POST /graphql HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_clients, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(slow_clients, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(slow_clients, "READING_SECONDS", 0.5)


@pytest.fixture
async def port(settings: Settings) -> AsyncIterator[int]:
    """The whole server behind the guarded protocol."""
    async with guarded(create_app(settings)) as port:
        yield port


async def drip(port: int, first: bytes, drop: bytes = b"", keeps_on: bool = False) -> tuple[bytes, float]:
    """Sends `first`, then a drop at a time; gives the answer, and the seconds until the server had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()

    async def drips() -> None:
        while drop:
            writer.write(drop)
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drips())
    answer = b""
    writer.write(first)
    try:
        async with asyncio.timeout(5):
            answer = await reader.read(65536)
            if not keeps_on:
                dripping.cancel()  # a drop that meets a closed connection would take the answer with it
            answer += await reader.read()
    except ConnectionError:
        pass
    finally:
        dripping.cancel()
        writer.close()
    return answer, time.monotonic() - started


@pytest.mark.attack("slowloris: a connection that says nothing")
async def test_a_silent_connection_is_closed(port: int) -> None:
    answer, seconds = await drip(port, b"")
    assert (answer, seconds < 2) == (b"", True)


@pytest.mark.attack("slowloris: a header that never ends")
async def test_a_header_that_drips_is_closed(port: int) -> None:
    answer, seconds = await drip(port, b"GET /graphql HTTP/1.1\r\n" + _HOST, b"X-A: b\r\n")
    assert (answer, seconds < 2) == (b"", True)


@pytest.mark.attack("slowloris: the second request of a connection")
async def test_a_second_header_that_drips_is_closed(port: int) -> None:
    answer, seconds = await drip(port, b"GET /health/live HTTP/1.1\r\n" + _HOST + b"\r\n", b"G", keeps_on=True)
    assert answer.startswith(b"HTTP/1.1 200")
    assert seconds < 3


@pytest.mark.attack("a header without end, fast")
async def test_a_header_is_bounded(port: int) -> None:
    line = b"X-A: " + b"b" * 1000 + b"\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /graphql HTTP/1.1\r\n" + _HOST)
    sent = 0
    try:
        while not reader.at_eof() and sent < 100_000_000:
            writer.write(line * 16)
            sent += len(line) * 16
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    writer.close()
    assert sent < 20_000_000  # what lies in buffers of sockets on the way


@pytest.mark.attack("slowloris: a body that never comes")
async def test_a_body_that_stops_is_answered_408(port: int) -> None:
    answer, seconds = await drip(port, _GRAPHQL + b'{"query":')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    assert seconds < 2


@pytest.mark.attack("slowloris: a body that drips")
@pytest.mark.parametrize("path", [b"/graphql", b"/new-exam-callback"])
async def test_a_body_that_drips_is_answered_408(port: int, path: bytes) -> None:
    answer, seconds = await drip(port, _GRAPHQL.replace(b"/graphql", path) + b"{", b" ")
    assert answer.startswith(b"HTTP/1.1 408")
    assert seconds < 3


@pytest.mark.attack("slowloris: a body that stops, behind a whole one")
async def test_a_second_body_that_stops_is_answered_408_though_the_first_was_whole(port: int) -> None:
    whole = _GRAPHQL.replace(b"Content-Length: 100000", b"Content-Length: 2") + b"{}"
    answer, seconds = await drip(port, whole + _GRAPHQL + b'{"query":')
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.rindex(b"HTTP/1.1 ") == answer.index(b"HTTP/1.1 408")
    assert seconds < 2


@pytest.mark.attack("slowloris: an upload that drips")
async def test_an_upload_that_drips_is_answered_408(port: int) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\n" + _HOST + b"GraphQL-Require-Preflight: 1\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    part = b'--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\n'
    answer, seconds = await drip(port, head + b"%x\r\n%s\r\n" % (len(part), part), b"1\r\nx\r\n")
    assert answer.startswith(b"HTTP/1.1 408")
    assert seconds < 3


@pytest.mark.attack("a body that goes on behind its answer")
async def test_a_body_that_nobody_wants_is_cut(port: int) -> None:
    head = _GRAPHQL.replace(b"application/json", b"text/plain")
    answer, seconds = await drip(port, head, b"x" * 100, keeps_on=True)
    assert answer.startswith(b"HTTP/1.1 415")
    assert seconds < 3


@pytest.mark.attack("a client that does not read its answer")
async def test_a_client_that_does_not_read_is_let_go() -> None:
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
                if await disconnected(receive):
                    break
        finally:
            ended.set()

    async def disconnected(receive: Receive) -> bool:
        try:
            async with asyncio.timeout(0.001):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async with guarded(endless) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n")
        async with asyncio.timeout(5):
            await ended.wait()
        writer.transport.abort()


async def test_a_socket_outlives_the_time_for_its_header(port: int) -> None:
    handshake = (
        b"GET /graphql HTTP/1.1\r\n"
        + _HOST
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health/live HTTP/1.1\r\n" + _HOST + b"\r\n" + handshake)
    await asyncio.sleep(1.2)
    answer = await reader.read(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"101 Switching Protocols" in answer
    assert not reader.at_eof()
    writer.close()
