"""The store for more than one machine: MongoDB, or a server that speaks its protocol."""

from typing import Self

import pymongo
from pymongo import AsyncMongoClient

from persistence.mongo.access import MongoAccessRecords
from persistence.mongo.bookmarks import MongoBookmarks
from persistence.mongo.changes import MongoChanges
from persistence.mongo.confirmation import confirmed
from persistence.mongo.deliveries import MongoWebhookDeliveries
from persistence.mongo.events import MongoExamEvents
from persistence.mongo.leases import MongoLeases
from persistence.mongo.opening import connect, prepare
from persistence.mongo.tokens import MongoViewerTokens
from persistence.mongo.uids import MongoIssuedUids

_GOODBYE_SECONDS = 2.0


class MongoStore(
    MongoExamEvents,
    MongoChanges,
    MongoIssuedUids,
    MongoBookmarks,
    MongoLeases,
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
    async def open(cls, url: str, *, wait_seconds: float = 0) -> Self:
        """Connects, and makes the indexes that are missing; see `open_store`."""
        if MongoStore._opened is not None:
            raise RuntimeError("one MongoDB store a process: close the other first")
        client = connect(url)
        store = cls(client)
        MongoStore._opened = store
        try:
            await prepare(client, url, wait_seconds)
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
        with pymongo.timeout(_GOODBYE_SECONDS):  # the client's own timeoutMS does not bound this (measured)
            await self._client.close()
        if MongoStore._opened is self:
            MongoStore._opened = None
