"""A fresh store where the fixture `place` says: a database URL, or none for SQLite, and a folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.store import Store, open_store
from tests.persistence.conformance import Reopen


@pytest.fixture
async def stores(place: tuple[str | None, Path]) -> AsyncIterator[list[Store]]:
    """Every store opened there, the newest last; all are closed in the end."""
    opened = [await open_store(*place)]
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: list[Store]) -> Store:
    return stores[0]


@pytest.fixture
def reopen(stores: list[Store], place: tuple[str | None, Path]) -> Reopen:
    async def close_and_open() -> Store:
        await stores[-1].close()
        stores.append(await open_store(*place))
        return stores[-1]

    return close_and_open
