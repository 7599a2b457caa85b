"""Bookmarks in other systems' logs, in MongoDB."""

from persistence.mongo.collections import BookmarkDocument
from persistence.mongo.confirmation import confirmed


class MongoBookmarks:
    """How far each reader of another system's log has come."""

    async def bookmark(self, name: str) -> str | None:
        """The text saved last under `name`."""
        with confirmed():
            saved = await BookmarkDocument.get(name)
        return saved.text if saved else None

    async def save_bookmark(self, name: str, text: str) -> None:
        """Saves `text` under `name`, in place of what was there."""
        document = {"_id": name, "text": text}
        with confirmed():
            await BookmarkDocument.get_pymongo_collection().replace_one({"_id": name}, document, upsert=True)
