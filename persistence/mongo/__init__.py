"""The store for more than one machine: MongoDB, or a server that speaks its protocol."""

from typing import Any, Self

import pymongo
from beanie import init_beanie
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI

from persistence.mongo.access import MongoAccessRecords
from persistence.mongo.bookmarks import MongoBookmarks
from persistence.mongo.changes import MongoChanges
from persistence.mongo.collections import DOCUMENTS
from persistence.mongo.confirmation import confirmed
from persistence.mongo.deliveries import MongoWebhookDeliveries
from persistence.mongo.events import MongoExamEvents
from persistence.mongo.tokens import MongoViewerTokens
from persistence.mongo.uids import MongoIssuedUids

_DATABASE = "dicom_graph"
_OPTIONS: dict[str, Any] = {
    "timeoutMS": 5_000,
    "serverSelectionTimeoutMS": 3_000,
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "appname": "dicom-graph",
}
"""Unless the URL says otherwise. What is not on the majority's disks could be rolled back after it was acknowledged."""


class MongoStore(
    MongoExamEvents,
    MongoChanges,
    MongoIssuedUids,
    MongoBookmarks,
    MongoWebhookDeliveries,
    MongoViewerTokens,
    MongoAccessRecords,
):
    """The `Store` protocol on Beanie documents; one at a time in a process, since Beanie binds their classes."""

    _opened: "MongoStore | None" = None

    def __init__(self, client: AsyncMongoClient[dict[str, object]]) -> None:
        super().__init__()
        self._client = client

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connects, and makes the indexes that are missing; raises `ValueError` for a URL that is none."""
        if MongoStore._opened is not None:
            raise RuntimeError("one MongoDB store a process: close the other first")
        client = _connect(url)
        store = cls(client)
        MongoStore._opened = store
        try:
            with confirmed():
                await init_beanie(client.get_default_database(_DATABASE), document_models=list(DOCUMENTS))
        except BaseException:
            await store.close()
            raise
        return store

    async def ping(self) -> None:
        """Returns when a server that takes writes answers."""
        with confirmed():
            await self._client.admin.command("ping")

    async def close(self) -> None:
        """Finishes the writes under way and disconnects."""
        await self._finish_appending()
        await self._client.close()
        if MongoStore._opened is self:
            MongoStore._opened = None


def _connect(url: str) -> AsyncMongoClient[dict[str, object]]:
    try:
        given = {name.lower() for name in pymongo.uri_parser.parse_uri(url)["options"]}
        options = {name: value for name, value in _OPTIONS.items() if name.lower() not in given}
        return AsyncMongoClient(url, tz_aware=True, **options)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ValueError(f"the MongoDB URL cannot be used: {error}") from None
