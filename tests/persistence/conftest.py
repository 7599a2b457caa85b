"""A SQLite store in a fresh folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.store import Store, open_store
from tests.persistence.conformance import Reopen


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[list[Store]]:
    """Every store opened on `tmp_path`, the newest last; all are closed in the end."""
    opened = [await open_store(None, tmp_path)]
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: list[Store]) -> Store:
    return stores[0]


@pytest.fixture
def reopen(stores: list[Store], tmp_path: Path) -> Reopen:
    async def close_and_open() -> Store:
        await stores[-1].close()
        stores.append(await open_store(None, tmp_path))
        return stores[-1]

    return close_and_open
