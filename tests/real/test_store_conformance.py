"""The promises of every store, kept by MongoDB or a server that speaks its protocol."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from tests.persistence.conformance.access import AccessRecordsConformance, ViewerTokensConformance
from tests.persistence.conformance.deliveries import WebhookDeliveriesConformance
from tests.persistence.conformance.events import ExamEventsConformance
from tests.persistence.conformance.fixtures import reopen, store, stores
from tests.persistence.conformance.uids import (
    BookmarksConformance,
    CursorsConformance,
    IssuedUidsConformance,
    LeasesConformance,
)

__all__ = ["reopen", "store", "stores"]

NO_DIRECTORY = Path("/nonexistent")


@pytest.fixture
async def place(database: str) -> AsyncIterator[tuple[str, Path]]:
    yield database, NO_DIRECTORY
    async with AsyncMongoClient[dict[str, object]](database) as client:
        await client.drop_database(client.get_default_database())


class TestExamEvents(ExamEventsConformance): ...


class TestIssuedUids(IssuedUidsConformance): ...


class TestCursors(CursorsConformance): ...


class TestBookmarks(BookmarksConformance): ...


class TestLeases(LeasesConformance): ...


class TestWebhookDeliveries(WebhookDeliveriesConformance): ...


class TestViewerTokens(ViewerTokensConformance): ...


class TestAccessRecords(AccessRecordsConformance): ...
