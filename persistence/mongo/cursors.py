"""Readers' positions in MongoDB."""

from pymongo.errors import DuplicateKeyError

from persistence.mongo.collections import CursorDocument
from persistence.mongo.confirmation import confirmed


class MongoCursors:
    """How far each reader of the event log has come."""

    async def cursor(self, name: str) -> int | None:
        """The sequence number saved under `name`."""
        with confirmed():
            saved = await CursorDocument.get(name)
        return saved.sequence if saved else None

    async def save_cursor(self, name: str, sequence: int) -> None:
        """Saves `sequence` under `name`; a cursor never moves back."""
        cursors = CursorDocument.get_pymongo_collection()
        behind, saved = {"_id": name, "sequence": {"$lt": sequence}}, {"$set": {"sequence": sequence}}
        with confirmed():
            for _ in range(2):  # a racing first save makes the insert fail: then there is something to compare with
                try:
                    await cursors.update_one(behind, saved, upsert=True)
                except DuplicateKeyError:
                    continue
                return
