"""Clients that are slow on purpose, or gone without a word: none holds a connection for nothing.

uvicorn 0.54 bounds only the pause between two requests of a connection. Measured: it waits for ever for the first byte,
for the rest of a header and of a body, and for a client to read; and it takes a header of any size (51 MiB in 8 s).
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graph.errors import bad_input
from graph.whole_answers import WholeAnswer

HEADER_SECONDS = 10.0
"""From a connection's, or request's, first byte to the end of its header."""
MAX_HEADER_BYTES = 64 * 1024
READING_SECONDS = 60.0
"""For which a client may leave an answer unread: 64 KiB that wait for it, so about 1 KiB/s."""
SILENCE_SECONDS = 30.0
"""Within a body."""
LEAST_BYTES_PER_SECOND = 1024
"""Of a body, beyond the first `SILENCE_SECONDS`."""

_WHOLE = "has_whole_body"
"""In `scope["state"]`, when nothing of the body is to come any more."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 6585 §5
)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which lets go of clients that send no header, too much of it, or do not read."""

    _header_timer: asyncio.TimerHandle | None = None
    _reading_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """The header must come now."""
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a header; what comes behind an answer is one, or a body that nobody wants."""
        if self._header_timer is not None:
            self._header_bytes += len(data)
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # a WebSocket now
            self.parser = None  # type: ignore[assignment]  # they hold each other, and would wait for the search for garbage
            return
        if self.transport.is_closing():
            return
        if self._header_timer is not None and self._header_bytes > MAX_HEADER_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif getattr(self.cycle, "response_complete", False):  # there is no cycle before the first request
            self._await_header()

    def on_headers_complete(self) -> None:
        """The header is there."""
        self._stop_waiting()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD":
            self.cycle.transport = WholeAnswer(self.transport)  # type: ignore[assignment]  # it has all that a cycle uses

    def on_message_complete(self) -> None:
        """The body is there, most often before the application is called; see `SlowBodies`."""
        self.scope["state"][_WHOLE] = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._reading_timer = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._stop_reading_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        self._stop_reading_timer()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_bytes = 0
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_reading_timer(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None


class SlowBodies:
    """Middleware that answers 408 to a body that stops coming, or comes too slowly; time of our own does not count."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = _Body(scope.get("state", {}), receive, send)
            await self._app(scope, body.receive, body.send)
        else:
            await self._app(scope, receive, send)


class _Body:
    def __init__(self, state: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self._state = state
        self._receive = receive
        self._send = send
        self._received_bytes = 0
        self._waited_seconds = 0.0
        self._is_complete = False
        self._is_late = False

    async def receive(self) -> Message:
        if self._is_complete or _WHOLE in self._state:  # what is waited for is the client's leaving, if anything
            return await self._receive()
        allowed = SILENCE_SECONDS + self._received_bytes / LEAST_BYTES_PER_SECOND - self._waited_seconds
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(SILENCE_SECONDS, allowed)):
                message = await self._receive()
        except TimeoutError:
            self._is_late = True
            raise bad_input("The body of the request did not come in time.", status=408) from None
        self._waited_seconds += time.monotonic() - began
        self._received_bytes += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._is_late and message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        await self._send(message)
