"""Answers on a real socket: the head comes with the beginning of the body, and never too late."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from graph.whole_answers import WholeAnswer
from tests.graph.guarded import guarded

HEAD: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
NOTHING: Message = {"type": "http.response.start", "status": 204, "headers": []}


async def answered(*messages: Message, method: str = "GET", more: str = "") -> bytes:
    """All that a client gets before the connection ends, which it asks for."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await receive()
        for message in messages:
            await send(message)

    async with guarded(app) as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n".encode())
        try:
            return await reader.read()
        finally:
            writer.close()


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "method", "begin", "end"),
    [
        ((HEAD, body(b"full")), "GET", b"HTTP/1.1 200", b"\r\n\r\nfull"),
        ((HEAD, body(b"fu", more=True), body(b"ll")), "GET", b"HTTP/1.1 200", b"\r\n\r\nfull"),
        ((HEAD, body(b"")), "HEAD", b"HTTP/1.1 200", b"\r\n\r\n"),
        ((NOTHING, body(b"")), "GET", b"HTTP/1.1 204", b"\r\n\r\n"),
        ((HEAD,), "GET", b"HTTP/1.1 200", b"\r\n\r\n"),
    ],
    ids=["at once", "in pieces", "HEAD", "nothing", "broken off"],
)
async def test_an_answer_comes_whole(messages: tuple[Message, ...], method: str, begin: bytes, end: bytes) -> None:
    answer = await answered(*messages, method=method)
    assert answer.startswith(begin)
    assert answer.endswith(end)
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_client_that_waits_for_it_is_told_to_go_on() -> None:
    answer = await answered(HEAD, body(b"full"), method="POST", more="Expect: 100-continue\r\nContent-Length: 0\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    assert answer.endswith(b"full")


class _Written(asyncio.Transport):
    """What the operating system is given, call by call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def write(self, data: Any) -> None:
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.calls.append(b"".join(list_of_data))


def test_a_head_and_the_beginning_of_its_body_are_one_write() -> None:
    transport = _Written()
    answer = WholeAnswer(transport)
    for piece in (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"first", b"HTTP/1.1 second", b""):
        answer.write(piece)
    assert transport.calls == [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nfirst",
        b"HTTP/1.1 second",
        b"",
    ]
