"""Group commit: what arrives while a commit is under way goes together into the next one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741  item
O = TypeVar("O")  # noqa: E741  outcome

_PATIENCE_SECONDS = 1.0
"""A commit that took longer until it failed has met an outage."""


class Batches(Generic[I, O]):
    """Gathers items of concurrent callers and commits them in order, at most `size` at a time.

    In an outage, those that waited for a commit fail with it: nobody waits for longer than one commit takes.
    """

    def __init__(self, commit: Callable[[list[I]], Awaitable[list[O | Exception]]], size: int) -> None:
        """`commit` answers an outcome for each item; an exception is raised at the caller that gave the item."""
        self._commit = commit
        self._size = size
        self._pending: list[tuple[I, asyncio.Future[O]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def add(self, item: I) -> O:
        """The outcome of `item`, which is committed even if the caller is cancelled."""
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._pending.append((item, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await future

    async def drain(self) -> None:
        """Returns when everything that was added is committed."""
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(0)  # what has arrived by now goes along, and need not wait for a commit of its own
                batch, self._pending = self._pending[: self._size], self._pending[self._size :]
                started = time.monotonic()
                try:
                    outcomes = await self._commit([item for item, _ in batch])
                except Exception as error:  # whatever it is, it is the outcome of each item
                    if time.monotonic() - started > _PATIENCE_SECONDS:
                        batch, self._pending = batch + self._pending, []
                    outcomes = [error] * len(batch)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    _settle(future, outcome)
        finally:
            self._committing = None


def _settle(future: asyncio.Future[O], outcome: O | Exception) -> None:
    if future.done():  # the caller was cancelled
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
