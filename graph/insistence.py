"""Going on through outages of the store, and through whatever else interrupts work that may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from persistence.errors import StoreUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 0.5


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """The store's answer, through an outage: what is asked may be repeated."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(RETRY_SECONDS)


async def persist(work: Callable[[], Awaitable[None]]) -> None:
    """Does `work` to its end, again from its beginning whatever broke it: all of it may be repeated."""
    while True:
        try:
            return await insist(work)
        except Exception:  # whatever broke it, as the docstring says
            log.exception("work was interrupted and goes on")
            await asyncio.sleep(RETRY_SECONDS)
