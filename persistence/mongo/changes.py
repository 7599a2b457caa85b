"""Hints that something was appended; never the source of order or data."""

import asyncio
from collections.abc import AsyncIterator

import structlog
from pymongo.errors import OperationFailure

from persistence.errors import StoreUnavailable
from persistence.mongo.collections import ExamEventDocument
from persistence.mongo.confirmation import confirmed

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0
_APPENDED = [{"$match": {"operationType": "insert"}}]


class MongoChanges:
    """Change streams, where the server has them: a replica set of MongoDB itself does."""

    async def changes(self) -> AsyncIterator[None]:
        """Yields whenever somebody appended an event; ends at once where the server refuses to tell.

        It is asked that once: a stream that was open is opened again after any failure.
        """
        events = ExamEventDocument.get_pymongo_collection()
        was_open = False
        while True:
            try:
                with confirmed():
                    async with await events.watch(_APPENDED) as stream:
                        was_open = True
                        async for _ in stream:
                            yield
            except StoreUnavailable as failure:
                refusal = failure.__cause__
                if isinstance(refusal, OperationFailure) and not was_open:
                    log.info("the database gives no change hints: polling alone", code=refusal.code)
                    return
            await asyncio.sleep(_RETRY_SECONDS)
