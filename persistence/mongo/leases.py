"""Leases in MongoDB: a document is one, and its key is what only one holder can insert."""

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from persistence.mongo.collections import LeaseDocument
from persistence.mongo.confirmation import confirmed


class MongoLeases:
    """What one worker at a time may do."""

    async def take_lease(self, name: str, holder: str, now: datetime, *, lease_seconds: float) -> bool:
        """Whether `holder` has the lease from now on."""
        leases = LeaseDocument.get_pymongo_collection()
        lease = {"_id": name, "holder": holder, "ends_at": now + timedelta(seconds=lease_seconds)}
        with confirmed():
            await leases.delete_many({"ends_at": {"$lte": now}})
            try:
                await leases.insert_one(lease)
            except DuplicateKeyError:  # one's own, when the driver had repeated the insert after a lost answer
                return await leases.find_one({"_id": name, "holder": holder}) is not None
        return True

    async def end_lease(self, name: str, holder: str) -> None:
        """Ends it, if `holder` still has it."""
        with confirmed():
            await LeaseDocument.get_pymongo_collection().delete_one({"_id": name, "holder": holder})
