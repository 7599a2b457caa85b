"""The promises of every store, kept by MongoDB or a server that speaks its protocol."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from persistence.errors import StoreUnusable
from persistence.mongo.version import mark_version
from persistence.store import open_store
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
from tests.persistence.events import new_event

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


@pytest.fixture
async def marks(place: tuple[str, Path]) -> AsyncIterator[Any]:
    """The collection that has the database's version."""
    async with AsyncMongoClient[dict[str, object]](place[0]) as client:
        yield client.get_default_database()["schema_version"]


async def test_a_database_of_a_newer_version_is_explained_and_left_alone(place: tuple[str, Path], marks: Any) -> None:
    await marks.insert_one({"_id": "dicom-graph", "version": 1000})
    for _ in range(2):
        with pytest.raises(StoreUnusable, match="newer version of dicom-graph: install that version"):
            await open_store(*place)
    assert await marks.database.list_collection_names() == ["schema_version"]
    assert await marks.find().to_list() == [{"_id": "dicom-graph", "version": 1000}]


async def test_a_database_from_before_versions_is_read_and_marked(place: tuple[str, Path], marks: Any) -> None:
    before = await open_store(*place)
    event = await before.append_event(new_event())
    await before.close()
    await marks.drop()
    for _ in range(2):
        again = await open_store(*place)
        assert await again.event(event.sequence) == event
        await again.close()
        assert await marks.find().to_list() == [{"_id": "dicom-graph", "version": 1}]


async def test_replicas_that_start_at_once_make_one_mark(place: tuple[str, Path], marks: Any) -> None:
    async with AsyncMongoClient[dict[str, object]](place[0]) as client:
        await asyncio.gather(*(mark_version(client.get_default_database()) for _ in range(8)))
    assert await marks.count_documents({}) == 1
