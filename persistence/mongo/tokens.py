"""Viewer tokens in MongoDB."""

from datetime import datetime

from pymongo import ReturnDocument

from persistence.mongo.collections import ViewerTokenDocument
from persistence.mongo.confirmation import confirmed
from persistence.mongo.documents import Documents
from persistence.records import ViewerToken

_RECORDS = Documents(ViewerToken, key="digest")


class MongoViewerTokens:
    """Links into the viewer that work once."""

    async def save_token(self, token: ViewerToken) -> None:
        """Keeps `token`."""
        with confirmed():
            await ViewerTokenDocument.model_validate(_RECORDS.document(token)).insert()

    async def redeem_token(self, digest: str, now: datetime) -> ViewerToken | None:
        """The token with this digest, marked as redeemed, if it had not been and has not expired."""
        valid = {"_id": digest, "redeemed_at": None, "expires_at": {"$gt": now}}
        with confirmed():
            redeemed = await ViewerTokenDocument.get_pymongo_collection().find_one_and_update(
                valid, {"$set": {"redeemed_at": now}}, return_document=ReturnDocument.AFTER
            )
        return _RECORDS.record(redeemed)

    async def forget_tokens(self, expired_before: datetime) -> None:
        """Removes tokens that expired before that moment."""
        with confirmed():
            await ViewerTokenDocument.get_pymongo_collection().delete_many({"expires_at": {"$lt": expired_before}})
