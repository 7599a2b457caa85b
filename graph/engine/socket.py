"""The graphql-transport-ws protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md) on one WebSocket.

Whatever a client sends, the answer is a message or a close code, never a traceback. Each operation is a task; all of
them end, and their generators are closed, before `serve` returns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from graph.engine.errors import masked
from graph.engine.requests import parameters
from graph.engine.schema import ContractSchema
from graph.engine.socket_channel import Channel
from graph.engine.socket_closing import REFUSALS, Closed, closing
from graph.engine.socket_operation import SocketOperation
from graph.engine.socket_options import SocketOptions
from graph.errors import ContractError, ErrorCode
from graph.rates import Bucket
from graph.socket_counts import Slot


class Socket:
    """One client's connection."""

    __slots__ = (
        "_acknowledged",
        "_channel",
        "_context",
        "_initialised",
        "_lifetime_seconds",
        "_operations",
        "_options",
        "_schema",
        "_tasks",
    )

    def __init__(
        self,
        websocket: WebSocket,
        schema: ContractSchema,
        context: Callable[[HTTPConnection], Awaitable[Any]],
        options: SocketOptions,
        lifetime_seconds: Callable[[Any], float | None],
    ) -> None:
        bucket = Bucket(options.messages_per_second, options.message_burst)
        self._channel = Channel(websocket, options.max_message_bytes, bucket)
        self._schema = schema
        self._context = context
        self._options = options
        self._lifetime_seconds = lifetime_seconds
        self._initialised = False
        self._acknowledged = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Talks to the client until either side ends it."""
        if not await self._channel.open(self._options.allowed_origins):
            return
        with self._options.counts.slot() as slot:
            try:
                await self._talk(slot)
            finally:
                await self._end_tasks()

    async def _talk(self, slot: Slot) -> None:
        init_timer: asyncio.Task[None] | None = self._close_after(
            self._options.connection_init_timeout_seconds, 4408, "Connection initialisation timeout"
        )
        with suppress(WebSocketDisconnect):
            try:
                self._count(slot, None)
                while True:
                    message = await self._channel.receive()
                    await self._handle(message, slot)
                    if self._initialised and init_timer is not None:
                        init_timer.cancel()
                        init_timer = None
            except Closed as closed:
                await self._channel.close(closed.code, closed.reason)
            except WebSocketDisconnect:
                raise
            except Exception as error:  # masked: the client hears a code and an ID of the log
                end = closing(masked(error))
                await self._channel.close(end.code, end.reason)

    async def _handle(self, message: Any, slot: Slot) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._on_connection_init(message, slot)
            return
        handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise Closed(4400, "Unknown message")
        await handler(self, message)

    async def _on_connection_init(self, message: dict[str, Any], slot: Slot) -> None:
        if self._initialised:
            raise Closed(4429, "Too many initialisation requests")
        self._initialised = True
        payload = message.get("payload")
        if not isinstance(payload, dict | None):
            raise Closed(4400, "The payload of connection_init is an object")
        self._channel.websocket.state.connection_params = payload or {}
        try:
            context = await self._make_context()
        except ContractError as error:
            raise closing(error) from None
        self._count(slot, context)
        lifetime_seconds = self._lifetime_seconds(context)
        if lifetime_seconds is not None:
            self._close_after(lifetime_seconds, *REFUSALS[ErrorCode.UNAUTHENTICATED])
        await self._channel.send({"type": "connection_ack"})
        self._acknowledged = True

    def _count(self, slot: Slot, context: Any) -> None:
        try:
            slot.count_for(self._options.client_of(self._channel.websocket, context))
        except ContractError as error:
            raise closing(error) from None

    async def _on_ping(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        await self._channel.send({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})

    async def _on_pong(self, message: dict[str, Any]) -> None:
        """Nothing to do: that it came is all it says."""

    async def _on_subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise Closed(4401, "Unauthorized")
        id_ = _id(message)
        if id_ in self._operations:
            raise Closed(4409, f"Subscriber for {id_} already exists"[:120])
        try:
            asked = parameters(message.get("payload"))
        except ContractError as error:
            raise Closed(4400, error.message[:120]) from None
        if len(self._operations) >= self._options.max_operations:
            most = self._options.max_operations
            refusal = ContractError(ErrorCode.RATE_LIMITED, f"A socket has at most {most} operations at once.")
            await self._channel.send({"id": id_, "type": "error", "payload": [refusal.formatted]})
            return
        seconds = self._options.operation_timeout_seconds
        operation = SocketOperation(
            id_, asked, self._channel, self._schema, self._make_context, seconds, ended=self._ended
        )
        task = self._operations[id_] = self._start(operation.run())
        task.add_done_callback(partial(self._forget, id_))

    async def _on_complete(self, message: dict[str, Any]) -> None:
        task = self._operations.pop(_id(message), None)
        if task is not None:
            task.cancel()

    async def _make_context(self) -> Any:
        try:
            return await self._context(self._channel.websocket)
        except ContractError:
            raise
        except Exception as error:  # masked, as above
            raise masked(error) from error

    def _close_after(self, seconds: float, code: int, reason: str) -> asyncio.Task[None]:
        async def close() -> None:
            await asyncio.sleep(seconds)
            with suppress(WebSocketDisconnect):
                await self._channel.close(code, reason)

        return self._start(close())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ended(self, id_: str) -> None:
        self._operations.pop(id_, None)

    def _forget(self, id_: str, task: asyncio.Task[None]) -> None:
        if self._operations.get(id_) is task:
            del self._operations[id_]

    async def _end_tasks(self) -> None:
        self._channel.end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_HANDLERS: dict[str, Callable[[Socket, dict[str, Any]], Awaitable[None]]] = {
    "ping": Socket._on_ping,
    "pong": Socket._on_pong,
    "subscribe": Socket._on_subscribe,
    "complete": Socket._on_complete,
}


def _id(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise Closed(4400, "The id of an operation is a string")
    return id_
