"""The server as it is started by people: what uvicorn by itself would let through (`graph.slow_clients`)."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.slow_clients import HEADER_SECONDS, SILENCE_SECONDS
from tests.real.server import ServerProcess

_HEAD = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_MOST = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path, MAX_CONNECTIONS=str(_MOST))
    server.start()
    yield server
    server.stop()


async def until_closed(server: ServerProcess, *pieces: bytes) -> tuple[bytes, float]:
    """Sends the pieces and gives what came until the server closed, and the seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    started = time.monotonic()
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(reader.read(), 2 * SILENCE_SECONDS)
    writer.close()
    return answer, time.monotonic() - started


async def test_slow_clients_are_let_go_in_time(server: ServerProcess) -> None:
    silent, header, body = await asyncio.gather(
        until_closed(server),
        until_closed(server, _HEAD),
        until_closed(server, _HEAD + b"Content-Length: 1000\r\n\r\n", b"{"),
    )
    assert (silent[0], header[0]) == (b"", b"")
    assert silent[1] < HEADER_SECONDS + 2
    assert header[1] < HEADER_SECONDS + 2
    assert body[0].startswith(b"HTTP/1.1 408")
    assert body[1] < SILENCE_SECONDS + 3


async def test_connections_beyond_the_bound_are_told_so_and_the_server_recovers(server: ServerProcess) -> None:
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(_MOST)]
    request = b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    refused, _ = await until_closed(server, request)
    for _, writer in held:
        writer.close()
    await asyncio.sleep(0.2)
    served, _ = await until_closed(server, request)

    assert refused.startswith(b"HTTP/1.1 503")
    assert served.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\nHost: a\r\n" + b"X-A: " + b"b" * 70_000 + b"\r\n",
    ],
)
async def test_no_answer_names_what_the_server_runs_on(server: ServerProcess, request_bytes: bytes) -> None:
    answer, _ = await until_closed(server, request_bytes)
    assert answer.startswith(b"HTTP/1.1 4")
    lowered = answer.lower()
    assert not any(name in lowered for name in (b"server:", b"uvicorn", b"starlette", b"python", b"websockets/"))
