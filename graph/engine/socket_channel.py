"""The messages of one WebSocket: JSON objects as text, of bounded size and number, and one end."""

from typing import Any
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from graph.engine.encoding import encode
from graph.engine.requests import decode
from graph.engine.socket_closing import Closed, closing
from graph.errors import ContractError
from graph.rates import Bucket

PROTOCOL = "graphql-transport-ws"


class Channel:
    """One client's WebSocket. `bucket` says how often messages may come."""

    __slots__ = ("_bucket", "_is_closed", "_max_message_bytes", "websocket")

    def __init__(self, websocket: WebSocket, max_message_bytes: int, bucket: Bucket) -> None:
        self.websocket = websocket
        self._max_message_bytes = max_message_bytes
        self._bucket = bucket
        self._is_closed = False

    async def open(self, allowed_origins: frozenset[str]) -> bool:
        """Accepts the client, unless a strange page sent it or it speaks another protocol."""
        if not _may_open(self.websocket, allowed_origins):
            await self.websocket.close(1008)  # before accepting: the handshake is answered 403
            return False
        if PROTOCOL not in self.websocket.scope["subprotocols"]:
            await self.websocket.accept()
            await self.websocket.close(4406, "Subprotocol not acceptable")
            return False
        await self.websocket.accept(PROTOCOL)
        return True

    async def receive(self) -> Any:
        """The next message; raises `Closed` for one that is none, and WebSocketDisconnect when the client is gone.

        Operations count as their client's requests also; pings and whatever else, here alone.
        """
        event = await self.websocket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1006))
        text = event.get("text")
        if text is None:
            raise Closed(4400, "Messages are text")
        data = text.encode(errors="surrogatepass")
        if len(data) > self._max_message_bytes:
            raise Closed(1009, "Message too big")
        try:
            message = decode(data)
        except ContractError:
            raise Closed(4400, "Messages are JSON") from None
        try:
            self._bucket.take()
        except ContractError as error:
            raise closing(error) from None
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Sends a message; raises WebSocketDisconnect when either side has ended the socket."""
        if self._is_closed:
            raise WebSocketDisconnect
        await self.websocket.send_text(encode(message).decode())

    async def close(self, code: int, reason: str) -> None:
        """Ends the socket, unless it has ended."""
        if not self._is_closed:
            self._is_closed = True
            await self.websocket.close(code, reason)

    def end(self) -> None:
        """Sends nothing any more."""
        self._is_closed = True


def _may_open(websocket: WebSocket, allowed_origins: frozenset[str]) -> bool:
    """Browsers name the page's origin, other clients name none; a strange page must not use its visitor's network."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in allowed_origins:
        return True
    return urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower()
