"""One event to many subscribers of one worker, from the post until each of them has it; and what a connection costs."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson

from pacs.uids import new_uid
from tests.benchmarks.figure import Figure, percentile
from tests.benchmarks.measuring import blocked_milliseconds, unblocked
from tests.benchmarks.watched import WatchedServer
from tests.real.server import ServerProcess, rss_bytes

_EVENTS = 15
_MANY = 1_000
_AT_ONCE = 50
_PAUSE_SECONDS = 0.5
_FIELDS = """studyInstanceUID patientID studyDate modalitiesInStudy accessionNumber studyDescription receivedAt
  cursor"""
_SUBSCRIBE = f"subscription {{ newExam {{ {_FIELDS} }} }}"


def subscribers(folder: Path) -> Iterator[Figure]:
    """One, a hundred, a thousand."""
    for count in (1, 100, _MANY):
        (folder / str(count)).mkdir()
        server = WatchedServer(folder / str(count), LOG_LEVEL="error")
        server.start()
        try:
            delays, connection_bytes, blocked = asyncio.run(_measured(server, count))
        finally:
            server.stop()
        most = {1: 100.0, _MANY: 200.0}.get(count)
        p99 = percentile(delays, 99)
        yield Figure(f"one event to {count:,} subscribers, p50", percentile(delays, 50), "ms")
        target = f"≤ {most:.0f} ms" if most else ""
        met = p99 <= most if most else None
        yield Figure(f"one event to {count:,} subscribers, p99", p99, "ms", target=target, met=met)
        if count == _MANY:
            kib = connection_bytes / 1024
            yield Figure("memory a connection", kib, "KiB", target="≤ 48 KiB", met=kib <= 48)
            yield unblocked(f"one event to {count:,} subscribers", blocked)


async def _measured(server: ServerProcess, count: int) -> tuple[list[float], float, list[float]]:
    before = rss_bytes(server.pid)
    everybody: list[_Subscriber] = []
    for start in range(0, count, _AT_ONCE):
        everybody += await asyncio.gather(*(_join(server.port) for _ in range(min(_AT_ONCE, count - start))))
    await asyncio.sleep(1)
    connection_bytes = (rss_bytes(server.pid) - before) / count
    delays: list[float] = []
    blocked: list[float] = []
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        for number in range(_EVENTS + 1):
            await asyncio.to_thread(blocked_milliseconds, server)
            started = time.perf_counter()
            body = {"StudyInstanceUID": new_uid(), "PatientID": "P", "ModalitiesInStudy": "CT", "StudyDate": "20260102"}
            (await client.post("/new-exam-callback", json=body)).raise_for_status()
            times = await asyncio.wait_for(asyncio.gather(*(one.event() for one in everybody)), 20)
            if number:
                delays += [(at - started) * 1000 for at in times]
                blocked.append(await asyncio.to_thread(blocked_milliseconds, server))
            await asyncio.sleep(_PAUSE_SECONDS)
    for one in everybody:
        one.transport.close()
    return delays, connection_bytes, blocked


class _Subscriber(asyncio.Protocol):
    """A WebSocket client that does no more than note when an event arrives: a thousand real ones would measure
    themselves."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._seen: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen.put_nowait((time.perf_counter(), data))

    async def event(self) -> float:
        """When the next event came."""
        while True:
            at, data = await self._seen.get()
            if b'"next"' in data:
                assert b'"studyInstanceUID"' in data
                return at

    async def expect(self, wanted: bytes) -> None:
        """Returns when the server has said that."""
        _, data = await self._seen.get()
        assert wanted in data, data

    def send(self, message: dict[str, object]) -> None:
        """A text frame, masked with zeros (RFC 6455 §5.2)."""
        text = orjson.dumps(message)
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self.transport.write(b"\x81" + length + bytes(4) + text)


async def _join(port: int) -> _Subscriber:
    _, one = await asyncio.get_running_loop().create_connection(_Subscriber, "127.0.0.1", port)
    key = "MDEyMzQ1Njc4OWFiY2RlZg=="  # sixteen bytes in base64; that they differ is of no use here
    head = f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    one.transport.write(f"{head}Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode())
    await one.expect(b" 101 ")
    one.send({"type": "connection_init"})
    await one.expect(b"connection_ack")
    one.send({"id": "1", "type": "subscribe", "payload": {"query": _SUBSCRIBE}})
    return one
