"""What MongoDB's answers mean for the caller."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from persistence.errors import StoreUnavailable

_DUPLICATE_KEY = 11000


@contextmanager
def confirmed() -> Iterator[None]:
    """Makes `StoreUnavailable` of every failure: a lost connection, a time-out, any refusal.

    Only code 11000 means "exists already", and is handled inside (`duplicates`). A gateway whose engine is gone
    answers with codes of its own (measured). A cancellation that the driver has swallowed is raised here.
    """
    before = _cancellations()
    try:
        yield
    except PyMongoError as error:
        _raise_if_cancelled(before)
        raise StoreUnavailable(f"the database did not answer: {type(error).__name__}") from error
    _raise_if_cancelled(before)


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _raise_if_cancelled(before: int) -> None:
    """While it looks for a server the driver waits by `asyncio.wait_for`, which may lose a cancellation.

    Measured on Python 3.11: a loop that tries again after each failure then never ends.
    """
    if _cancellations() > before:
        raise asyncio.CancelledError


def duplicates(error: DuplicateKeyError | BulkWriteError) -> set[int]:
    """Positions in the batch whose key exists already; raises `error` again if it is about anything else."""
    if isinstance(error, DuplicateKeyError):
        return {0}
    details = error.details
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
        raise error
    return {failure["index"] for failure in failures}
