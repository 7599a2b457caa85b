"""`dicom-graph serve` with a watchdog in its event loop: how long did anything else have to wait?

    python -m tests.benchmarks.watched serve

A heartbeat in the loop notes how late it is. `GET /watchdog` tells the longest delay since it was last asked, in
milliseconds.
"""

import asyncio
import time
from unittest.mock import patch

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.app import create_app
from graph.cli import main
from graph.settings import Settings
from tests.real.server import ServerProcess

_BEAT_SECONDS = 0.002


class WatchedServer(ServerProcess):
    """A server that tells how long its event loop was blocked."""

    module = "tests.benchmarks.watched"


class _Watchdog:
    """The application, and beside it the heartbeat."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._longest_seconds = 0.0
        self._heart: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._heart is None:
            self._heart = asyncio.create_task(self._beat())
        if scope["type"] == "http" and scope["path"] == "/watchdog":
            longest, self._longest_seconds = self._longest_seconds, 0.0
            await PlainTextResponse(f"{longest * 1000:.3f}")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT_SECONDS)
            self._longest_seconds = max(self._longest_seconds, time.perf_counter() - began - _BEAT_SECONDS)


def _watched(settings: Settings) -> Starlette:
    return _Watchdog(create_app(settings))  # type: ignore[return-value]  # uvicorn asks for no more than an ASGI app


if __name__ == "__main__":
    with patch("graph.http_server.create_app", _watched):
        main()
