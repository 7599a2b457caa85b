"""An application behind the protocol that the server speaks, on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.slow_clients import GuardedProtocol
from tests.served import served


@asynccontextmanager
async def guarded(app: object) -> AsyncIterator[int]:
    """The port of the ASGI application, as long as it is served."""
    async with served(app, http=GuardedProtocol) as port:
        yield port
