"""The graphql-transport-ws protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md) on one WebSocket.

Whatever a client sends, the answer is a message or a close code, never a traceback. Each operation is a task; all of
them end, and their generators are closed, before `serve` returns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.types.execution import PreExecutionError

from graph.engine.encoding import encode
from graph.engine.errors import masked
from graph.engine.operation import Operation, current_operation
from graph.engine.requests import GraphQLRequest, decode, parameters
from graph.engine.schema import ContractSchema
from graph.errors import ContractError, ErrorCode
from graph.rates import Bucket
from graph.socket_counts import SocketCounts

log = structlog.get_logger(__name__)

PROTOCOL = "graphql-transport-ws"

_REFUSALS = {
    ErrorCode.UNAUTHENTICATED: (4401, "Unauthorized"),
    ErrorCode.FORBIDDEN: (4403, "Forbidden"),
    ErrorCode.RATE_LIMITED: (1013, "Too many requests"),
    ErrorCode.INTERNAL_SERVER_ERROR: (1011, "Internal server error"),
}
"""How a socket closes where its context is refused; 1013 makes clients come back later, the others do not."""


@dataclass(frozen=True)
class SocketOptions:
    """How much one socket takes."""

    max_message_bytes: int
    max_operations: int
    messages_per_second: float
    message_burst: int
    connection_init_timeout_seconds: float
    operation_timeout_seconds: float | None
    counts: SocketCounts
    client_of: Callable[[HTTPConnection, Any], str]
    """Whose sockets are counted together; the context is None before connection_init."""
    allowed_origins: frozenset[str]


class _Closed(Exception):
    """The socket ends with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Socket:
    """One client's connection."""

    def __init__(
        self,
        websocket: WebSocket,
        schema: ContractSchema,
        context: Callable[[HTTPConnection], Awaitable[Any]],
        options: SocketOptions,
        lifetime_seconds: Callable[[Any], float | None],
    ) -> None:
        self._websocket = websocket
        self._schema = schema
        self._context = context
        self._options = options
        self._lifetime_seconds = lifetime_seconds
        self._messages = Bucket(options.messages_per_second, options.message_burst)
        self._initialised = False
        self._acknowledged = False
        self._closed = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Talks to the client until either side ends it."""
        if not _may_open(self._websocket, self._options.allowed_origins):
            await self._websocket.close(1008)  # before accepting: the handshake is answered 403
            return
        if PROTOCOL not in self._websocket.scope["subprotocols"]:
            await self._websocket.accept()
            await self._websocket.close(4406, "Subprotocol not acceptable")
            return
        await self._websocket.accept(PROTOCOL)
        with self._options.counts.slot() as self._slot:
            try:
                await self._talk()
            finally:
                await self._end_tasks()

    async def _talk(self) -> None:
        init_timer = self._close_after(
            self._options.connection_init_timeout_seconds, 4408, "Connection initialisation timeout"
        )
        with suppress(WebSocketDisconnect):
            try:
                self._count(None)
                while True:
                    message = await self._receive()
                    self._admit_message()
                    await self._handle(message)
                    if self._initialised:
                        init_timer.cancel()
            except _Closed as closed:
                await self._close(closed.code, closed.reason)
            except WebSocketDisconnect:
                raise
            except Exception as error:
                closing = _closing(masked(error))
                await self._close(closing.code, closing.reason)

    async def _receive(self) -> Any:
        event = await self._websocket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1006))
        text = event.get("text")
        if text is None:
            raise _Closed(4400, "Messages are text")
        data = text.encode(errors="surrogatepass")
        if len(data) > self._options.max_message_bytes:
            raise _Closed(1009, "Message too big")
        try:
            return decode(data)
        except ContractError:
            raise _Closed(4400, "Messages are JSON") from None

    def _admit_message(self) -> None:
        """Operations count as their client's requests also; pings and whatever else, here alone."""
        try:
            self._messages.take()
        except ContractError as error:
            raise _closing(error) from None

    async def _handle(self, message: Any) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise _Closed(4400, "Unknown message")
        await handler(self, message)

    async def _on_connection_init(self, message: dict[str, Any]) -> None:
        if self._initialised:
            raise _Closed(4429, "Too many initialisation requests")
        self._initialised = True
        payload = message.get("payload")
        if not isinstance(payload, dict | None):
            raise _Closed(4400, "The payload of connection_init is an object")
        self._websocket.state.connection_params = payload or {}
        try:
            context = await self._make_context()
        except ContractError as error:
            raise _closing(error) from None
        self._count(context)
        lifetime_seconds = self._lifetime_seconds(context)
        if lifetime_seconds is not None:
            self._close_after(lifetime_seconds, *_REFUSALS[ErrorCode.UNAUTHENTICATED])
        await self._send({"type": "connection_ack"})
        self._acknowledged = True

    def _count(self, context: Any) -> None:
        try:
            self._slot.count_for(self._options.client_of(self._websocket, context))
        except ContractError as error:
            raise _closing(error) from None

    async def _on_ping(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        await self._send({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})

    async def _on_pong(self, message: dict[str, Any]) -> None:
        """Nothing to do: that it came is all it says."""

    async def _on_subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise _Closed(4401, "Unauthorized")
        operation_id = _id(message)
        if operation_id in self._operations:
            raise _Closed(4409, f"Subscriber for {operation_id} already exists"[:120])
        try:
            asked = parameters(message.get("payload"))
        except ContractError as error:
            raise _Closed(4400, error.message[:120]) from None
        if len(self._operations) >= self._options.max_operations:
            most = self._options.max_operations
            refusal = ContractError(ErrorCode.RATE_LIMITED, f"A socket has at most {most} operations at once.")
            await self._send({"id": operation_id, "type": "error", "payload": [refusal.formatted]})
            return
        task = self._operations[operation_id] = self._start(self._operate(operation_id, asked))
        task.add_done_callback(partial(self._forget, operation_id))

    async def _on_complete(self, message: dict[str, Any]) -> None:
        task = self._operations.pop(_id(message), None)
        if task is not None:
            task.cancel()

    async def _operate(self, operation_id: str, asked: GraphQLRequest) -> None:
        operation = Operation()
        current_operation.set(operation)
        try:
            async with operation.within(self._options.operation_timeout_seconds):
                await self._run(operation_id, asked)
        except WebSocketDisconnect:
            operation.outcome = "disconnected"
        except ContractError as error:
            operation.end([error])
            await self._refuse(operation_id, error)
        except asyncio.CancelledError:
            operation.outcome = "cancelled"
            raise
        finally:
            log.info("graphql operation", operation=operation.name, kind=operation.kind, outcome=operation.outcome)

    async def _run(self, operation_id: str, asked: GraphQLRequest) -> None:
        results = await self._schema.stream(
            asked.query,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
            context_value=await self._make_context(),
        )
        async with aclosing(results):
            async for result in results:
                errors = [error.formatted for error in result.errors or ()]
                if isinstance(result, PreExecutionError):
                    await self._last({"id": operation_id, "type": "error", "payload": errors})
                    return
                _raise_if_unknown(result.errors)
                payload = {"data": result.data, "errors": errors} if errors else {"data": result.data}
                await self._send({"id": operation_id, "type": "next", "payload": payload})
        await self._last({"id": operation_id, "type": "complete"})

    async def _refuse(self, operation_id: str, error: ContractError) -> None:
        with suppress(WebSocketDisconnect):
            if error.code is ErrorCode.UNAUTHENTICATED:
                await self._close(*_REFUSALS[error.code])
            else:
                await self._last({"id": operation_id, "type": "error", "payload": [error.formatted]})

    async def _make_context(self) -> Any:
        try:
            return await self._context(self._websocket)
        except ContractError:
            raise
        except Exception as error:
            raise masked(error) from error

    async def _last(self, message: dict[str, Any]) -> None:
        self._operations.pop(message["id"], None)  # before the client knows, so that it may use the id again
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        if self._closed:
            raise WebSocketDisconnect
        await self._websocket.send_text(encode(message).decode())

    async def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            await self._websocket.close(code, reason)

    def _close_after(self, seconds: float, code: int, reason: str) -> asyncio.Task[None]:
        async def close() -> None:
            await asyncio.sleep(seconds)
            with suppress(WebSocketDisconnect):
                await self._close(code, reason)

        return self._start(close())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _forget(self, operation_id: str, task: asyncio.Task[None]) -> None:
        if self._operations.get(operation_id) is task:
            del self._operations[operation_id]

    async def _end_tasks(self) -> None:
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_HANDLERS: dict[str, Callable[[Socket, dict[str, Any]], Awaitable[None]]] = {
    "connection_init": Socket._on_connection_init,
    "ping": Socket._on_ping,
    "pong": Socket._on_pong,
    "subscribe": Socket._on_subscribe,
    "complete": Socket._on_complete,
}


def _id(message: dict[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise _Closed(4400, "The id of an operation is a string")
    return operation_id


def _raise_if_unknown(errors: list[GraphQLError] | None) -> None:
    """A client that is no longer known in the middle of a subscription loses its socket, as before it."""
    for error in errors or ():
        if (error.extensions or {}).get("code") == ErrorCode.UNAUTHENTICATED:
            raise ContractError(ErrorCode.UNAUTHENTICATED, error.message)


def _closing(error: ContractError) -> _Closed:
    return _Closed(*_REFUSALS.get(error.code, (4400, error.code.value)))


def _may_open(websocket: WebSocket, allowed_origins: frozenset[str]) -> bool:
    """Browsers name the page's origin, other clients name none; a strange page must not use its visitor's network."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in allowed_origins:
        return True
    return urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower()
