"""A bounded part of what all clients share for each of them, so that who asks for much is served among the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Shares:
    """Lets each client have at most so many in work, or waiting behind those of others, at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, client: str) -> AsyncIterator[None]:
        """One of the client's, from when it may have another."""
        gate = self._gates.get(client)
        if gate is None:
            gate = self._gates[client] = asyncio.Semaphore(self._most)
        async with gate:
            yield

    def __len__(self) -> int:
        """The clients that have any now."""
        return len(self._gates)
