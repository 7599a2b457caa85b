"""What MongoDB's answers mean for the caller."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from persistence.errors import StoreUnavailable

_DUPLICATE_KEY = 11000


@contextmanager
def confirmed() -> Iterator[None]:
    """Makes `StoreUnavailable` of every failure: a lost connection, a time-out, any refusal.

    Only code 11000 means "exists already", and is handled inside (`duplicates`). A gateway whose engine is gone
    answers with codes of its own (measured).
    """
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"the database did not answer: {type(error).__name__}") from error


def duplicates(error: DuplicateKeyError | BulkWriteError) -> set[int]:
    """Positions in the batch whose key exists already; raises `error` again if it is about anything else."""
    if isinstance(error, DuplicateKeyError):
        return {0}
    details = error.details
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
        raise error
    return {failure["index"] for failure in failures}
