"""The WebSocket that a subscriber opens for the event reports of workitems (PS3.18 §8.10.4, §8.10.5)."""

import asyncio

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from pacs.archive.ups_events import Report, Subscribers

_GOING_AWAY = 1001


async def report_to(socket: WebSocket, subscribers: Subscribers) -> None:
    """One event, one text frame, until one side closes. What a client sends is read and passed over."""
    await socket.accept()
    with subscribers.listen(socket.path_params["ae_title"].strip()) as queue:
        sending = asyncio.create_task(_send_reports(socket, queue))
        receiving = asyncio.create_task(_drain(socket))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send_reports(socket: WebSocket, queue: "asyncio.Queue[Report | None]") -> None:
    while (report := await queue.get()) is not None:
        await socket.send_text(orjson.dumps(report).decode())
    await socket.close(_GOING_AWAY)


async def _drain(socket: WebSocket) -> None:
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
    except WebSocketDisconnect:
        return
