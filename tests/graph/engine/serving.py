"""Ways to talk to an application: in process, and over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.served import served


@asynccontextmanager
async def in_process(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@asynccontextmanager
async def real_server(app: Any, **config: Any) -> AsyncIterator[str]:
    """Serves the application with uvicorn on a free port; gives `127.0.0.1:port`."""
    options: dict[str, Any] = {
        "log_level": "critical",
        "lifespan": "off",
        "timeout_graceful_shutdown": 5,
        "access_log": False,
    }
    async with served(app, **options, **config) as port:
        yield f"127.0.0.1:{port}"


async def eventually(condition: Any, timeout_seconds: float = 5.0) -> None:
    """Waits until `condition()` holds."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():  # the conditions are any
            await asyncio.sleep(0.01)
