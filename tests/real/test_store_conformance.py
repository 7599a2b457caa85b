"""The promises of every store, kept by MongoDB or a server that speaks its protocol."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from persistence.store import Store, open_store
from tests.persistence.conformance import Reopen
from tests.persistence.conformance.access import AccessRecordsConformance, ViewerTokensConformance
from tests.persistence.conformance.deliveries import WebhookDeliveriesConformance
from tests.persistence.conformance.events import ExamEventsConformance
from tests.persistence.conformance.uids import (
    BookmarksConformance,
    CursorsConformance,
    IssuedUidsConformance,
    LeasesConformance,
)

NO_DIRECTORY = Path("/nonexistent")


@pytest.fixture
async def url(database: str) -> AsyncIterator[str]:
    yield database
    async with AsyncMongoClient[dict[str, object]](database) as client:
        await client.drop_database(client.get_default_database())


@pytest.fixture
async def stores(url: str) -> AsyncIterator[list[Store]]:
    opened = [await open_store(url, NO_DIRECTORY)]
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: list[Store]) -> Store:
    return stores[0]


@pytest.fixture
def reopen(stores: list[Store], url: str) -> Reopen:
    async def close_and_open() -> Store:
        await stores[-1].close()
        stores.append(await open_store(url, NO_DIRECTORY))
        return stores[-1]

    return close_and_open


class TestExamEvents(ExamEventsConformance): ...


class TestIssuedUids(IssuedUidsConformance): ...


class TestCursors(CursorsConformance): ...


class TestBookmarks(BookmarksConformance): ...


class TestLeases(LeasesConformance): ...


class TestWebhookDeliveries(WebhookDeliveriesConformance): ...


class TestViewerTokens(ViewerTokensConformance): ...


class TestAccessRecords(AccessRecordsConformance): ...
