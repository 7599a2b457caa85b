"""Hints that something was appended; never the source of order or data."""

import asyncio
from collections.abc import AsyncIterator

import structlog
from pymongo.errors import OperationFailure, PyMongoError

from persistence.mongo.collections import ExamEventDocument

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0


class MongoChanges:
    """Change streams, where the server has them: a replica set of MongoDB itself does."""

    async def changes(self) -> AsyncIterator[None]:
        """Yields whenever somebody appended an event; ends at once where the server cannot tell."""
        events = ExamEventDocument.get_pymongo_collection()
        while True:
            try:
                async with await events.watch([{"$match": {"operationType": "insert"}}]) as stream:
                    async for _ in stream:
                        yield
            except OperationFailure as error:
                log.info("the database gives no change hints: polling alone", code=error.code)
                return
            except PyMongoError:
                await asyncio.sleep(_RETRY_SECONDS)
