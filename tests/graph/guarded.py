"""An application behind the protocol that the server speaks, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from graph.slow_clients import GuardedProtocol


@asynccontextmanager
async def guarded(app: object) -> AsyncIterator[int]:
    """The port of the ASGI application, as long as it is served."""
    config = uvicorn.Config(app, port=0, http=GuardedProtocol, log_config=None)  # type: ignore[arg-type]  # any ASGI application
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
