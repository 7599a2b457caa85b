"""Webhook deliveries in MongoDB."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from persistence.mongo.collections import DisabledWebhookDocument, WebhookDeliveryDocument
from persistence.mongo.confirmation import confirmed, duplicates
from persistence.mongo.documents import Documents
from persistence.records import LONGEST_WAIT, MAX_SEQUENCE, DeliveryState, WebhookDelivery, delivery_prefix

_RECORDS = Documents(WebhookDelivery)
_AGAIN = {"state": DeliveryState.PENDING, "attempts": 0, "delivered_at": None, "claim": None}


class MongoWebhookDeliveries:
    """What was, is, and is to be posted to the receivers of events."""

    async def plan_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Adds those that are not there yet."""
        if not deliveries:
            return
        documents = [WebhookDeliveryDocument.model_validate(_RECORDS.document(delivery)) for delivery in deliveries]
        with confirmed():
            try:
                await WebhookDeliveryDocument.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                duplicates(error)

    async def claim_delivery(self, url: str, now: datetime, *, lease_seconds: float) -> WebhookDelivery | None:
        """The longest due pending delivery to `url`, leased to the caller."""
        lease = {"claim": uuid.uuid4().hex, "next_attempt_at": now + timedelta(seconds=lease_seconds)}
        for due in ({"$lte": now}, {"$gt": now + LONGEST_WAIT}):
            pending = {"url": url, "state": DeliveryState.PENDING, "next_attempt_at": due}
            with confirmed():
                claimed = await WebhookDeliveryDocument.get_pymongo_collection().find_one_and_update(
                    pending,
                    {"$set": lease},
                    sort=[("next_attempt_at", ASCENDING)],
                    return_document=ReturnDocument.AFTER,
                )
            if claimed is not None:
                return _RECORDS.record(claimed)
        return None

    async def settle_delivery(self, delivery: WebhookDelivery) -> bool:
        """Writes the outcome of a claimed delivery and ends the lease; false if the lease was lost."""
        mine = {"_id": delivery.id, "claim": delivery.claim}
        outcome = delivery.model_dump(include={"state", "attempts", "last_error", "next_attempt_at", "delivered_at"})
        with confirmed():
            result = await WebhookDeliveryDocument.get_pymongo_collection().update_one(
                mine, {"$set": {**outcome, "claim": None}}
            )
        return result.matched_count == 1

    async def delivery(self, id: str) -> WebhookDelivery | None:
        """The delivery with this id."""
        with confirmed():
            return _RECORDS.record(await WebhookDeliveryDocument.get_pymongo_collection().find_one({"_id": id}))

    async def deliveries(
        self, *, limit: int, state: DeliveryState | None = None, before: str | None = None
    ) -> list[WebhookDelivery]:
        """At most `limit` deliveries whose ids sort below `before`, newest event first."""
        wanted = {"state": state, "_id": {"$lt": before} if before is not None else None}
        query = {name: value for name, value in wanted.items() if value is not None}
        with confirmed():
            found = WebhookDeliveryDocument.get_pymongo_collection().find(query).sort("_id", DESCENDING).limit(limit)
            return _RECORDS.records(await found.to_list())

    async def oldest_pending_delivery(self) -> WebhookDelivery | None:
        """The pending delivery of the oldest event."""
        with confirmed():
            oldest = await WebhookDeliveryDocument.get_pymongo_collection().find_one(
                {"state": DeliveryState.PENDING}, sort=[("_id", ASCENDING)]
            )
        return _RECORDS.record(oldest)

    async def redeliver(self, id: str, now: datetime) -> WebhookDelivery | None:
        """Makes a delivery pending and due at `now`, with all its attempts before it."""
        with confirmed():
            again = await WebhookDeliveryDocument.get_pymongo_collection().find_one_and_update(
                {"_id": id}, {"$set": {**_AGAIN, "next_attempt_at": now}}, return_document=ReturnDocument.AFTER
            )
        return _RECORDS.record(again)

    async def forget_deliveries(self, through: int) -> None:
        """Removes the deliveries of all events up to and with number `through`."""
        end = delivery_prefix(min(through, MAX_SEQUENCE - 1) + 1)
        with confirmed():
            await WebhookDeliveryDocument.get_pymongo_collection().delete_many({"_id": {"$lt": end}})

    async def disable_webhook(self, url: str) -> None:
        """Remembers that the receiver does not want to be called any more."""
        with confirmed():
            try:
                await DisabledWebhookDocument(id=_key(url)).insert()
            except DuplicateKeyError:
                return

    async def enable_webhook(self, url: str) -> None:
        """Forgets `disable_webhook`."""
        with confirmed():
            await DisabledWebhookDocument.get_pymongo_collection().delete_one({"_id": _key(url)})

    async def is_webhook_disabled(self, url: str) -> bool:
        """Whether the receiver was disabled."""
        with confirmed():
            return await DisabledWebhookDocument.get(_key(url)) is not None


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
