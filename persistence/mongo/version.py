"""Which version of the collections a database has. SQLite keeps its own in the file (`sqlite/migrations.py`)."""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from persistence.errors import StoreUnusable

_VERSION = 1
"""Raised by a change that the code before it would read wrongly, with what makes a current database of an older one."""

_COLLECTION, _ID = "schema_version", "dicom-graph"


async def check_version(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Raises `StoreUnusable` for a database that a newer version made; without a mark it is new, or an older one."""
    mark = await database[_COLLECTION].find_one({"_id": _ID})
    if mark is not None and mark["version"] > _VERSION:
        raise StoreUnusable("the database was made by a newer version of dicom-graph: install that version")


async def mark_version(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Notes that the database is current now, whichever replica comes first; what is newer stays so."""
    try:
        await database[_COLLECTION].update_one({"_id": _ID}, {"$max": {"version": _VERSION}}, upsert=True)
    except DuplicateKeyError:  # another replica made the mark at the same moment
        await check_version(database)
