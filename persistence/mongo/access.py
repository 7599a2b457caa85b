"""Access records in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.errors import BulkWriteError

from persistence.mongo.collections import AccessRecordDocument
from persistence.mongo.confirmation import confirmed, duplicates
from persistence.mongo.documents import Documents
from persistence.records import AccessRecord, access_prefix

_RECORDS = Documents(AccessRecord)


class MongoAccessRecords:
    """Who saw or changed which patient's data."""

    async def append_access(self, records: Sequence[AccessRecord]) -> None:
        """Keeps `records`; the same id again changes nothing."""
        if not records:
            return
        documents = [AccessRecordDocument.model_validate(_RECORDS.document(record)) for record in records]
        with confirmed():
            try:
                await AccessRecordDocument.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                duplicates(error)

    async def access_records(
        self,
        *,
        limit: int,
        patient_id: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
    ) -> list[AccessRecord]:
        """At most `limit` records whose ids sort below `before`, newest first; `since` ≤ time < `until`."""
        ends = [end for end in (until and access_prefix(until), before) if end is not None]
        bounds = {"$gte": since and access_prefix(since), "$lt": min(ends, default=None)}
        ids = {operator: bound for operator, bound in bounds.items() if bound is not None}
        wanted: dict[str, Any] = {"patient_id": patient_id, "subject": subject, "_id": ids or None}
        query = {name: value for name, value in wanted.items() if value is not None}
        with confirmed():
            found = AccessRecordDocument.get_pymongo_collection().find(query).sort("_id", DESCENDING).limit(limit)
            return _RECORDS.records(await found.to_list())
