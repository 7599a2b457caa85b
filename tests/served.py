"""An ASGI application behind uvicorn on a real socket, in the loop of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

_POLL_SECONDS = 0.002


@asynccontextmanager
async def served(app: Any, *, port: int = 0, **options: Any) -> AsyncIterator[int]:
    """The port of the application, a free one unless it is given, from when it answers until it has stopped.

    `options` are uvicorn's. It starts and stops as `uvicorn.Server.serve` does, without the 0.2 seconds of its polling,
    which hundreds of tests would wait for.
    """
    config = uvicorn.Config(app, port=port, **{"log_config": None, **options})
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    await server.on_tick(0)  # the headers of every answer
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    for listening in server.servers:
        listening.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(server.config.timeout_graceful_shutdown):
            while state.connections or state.tasks:
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        for task in state.tasks:
            task.cancel()
    await server.lifespan.shutdown()
