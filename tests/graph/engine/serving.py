"""Ways to talk to an application: in process, and over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn


@asynccontextmanager
async def in_process(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@asynccontextmanager
async def real_server(app: Any, **config: Any) -> AsyncIterator[str]:
    """Serves the application with uvicorn on a free port; gives `127.0.0.1:port`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="critical", lifespan="off", timeout_graceful_shutdown=5, access_log=False, **config
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def eventually(condition: Any, timeout_seconds: float = 5.0) -> None:
    """Waits until `condition()` holds."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():  # the conditions are any
            await asyncio.sleep(0.01)
