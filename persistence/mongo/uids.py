"""Issued UIDs in MongoDB."""

from collections.abc import Sequence

from pymongo.errors import BulkWriteError

from persistence.mongo.collections import IssuedUidDocument
from persistence.mongo.confirmation import confirmed, duplicates


class MongoIssuedUids:
    """The UIDs that were issued."""

    async def reserve_uids(self, uids: Sequence[str]) -> list[str]:
        """Records `uids` as issued; returns those that had not been, in order."""
        wanted = list(dict.fromkeys(uids))
        if not wanted:
            return []
        taken: set[int] = set()
        with confirmed():
            try:
                await IssuedUidDocument.insert_many([IssuedUidDocument(id=uid) for uid in wanted], ordered=False)
            except BulkWriteError as error:
                taken = duplicates(error)
        return [uid for position, uid in enumerate(wanted) if position not in taken]
