"""Writing the event log in MongoDB, from any number of processes at once.

A number is taken by inserting under it: `_id` one above the newest, again on a duplicate key. So a number becomes
visible only after all below it, and there are no gaps; a counter document would break both (measured).
"""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pymongo.errors import BulkWriteError

from persistence.mongo.collections import ExamEventDocument
from persistence.mongo.confirmation import confirmed, duplicates
from persistence.records import ExamEvent, NewExamEvent
from persistence.repeats import Repeats

_MAX_JITTER_SECONDS = 0.005


@dataclass(frozen=True)
class Append:
    """An event on its way into the log."""

    event: NewExamEvent
    body: str
    """The event's, as `canonical_json`."""
    repeats: Repeats
    writer: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def digest(self) -> str:
        """What events that are the same have in common."""
        return self.repeats.digest

    def is_stored_as(self, document: ExamEventDocument) -> bool:
        """Whether `document` is the same event."""
        since, until = self.repeats.since, self.repeats.until
        return since is not None and document.digest == self.digest and since < document.received_at < until


class Appender:
    """Appends batches of events."""

    def __init__(self, last_sequence: Callable[[], Awaitable[int]]) -> None:
        self._last_sequence = last_sequence

    async def append(self, batch: list[Append]) -> list[ExamEvent | Exception]:
        """The stored event for each of `batch`: a new one, or the one that it repeats.

        Repeats are looked for after the newest number is read, and the insert behind that number succeeds only if
        nobody came in between: so of the same event posted to several replicas at once, one is stored.
        """
        stored: dict[str, ExamEvent] = {}  # by writer
        while waiting := [append for append in batch if append.writer not in stored]:
            last = await self._last_sequence()
            stored |= await _find_repeated(waiting)
            new = _without_twins([append for append in waiting if append.writer not in stored])
            stored |= await _insert(last, new)
        return [stored[append.writer] for append in batch]


async def _find_repeated(batch: Sequence[Append]) -> dict[str, ExamEvent]:
    """Looked for apart: one body may be in the log any number of times, but only once or twice of late."""
    found: dict[str, ExamEvent] = {}
    for is_for_ever in (True, False):
        sought = [
            append for append in batch if append.repeats.since is not None and append.repeats.is_for_ever is is_for_ever
        ]
        if sought:
            found |= await _find_same(sought)
    return found


async def _find_same(sought: Sequence[Append]) -> dict[str, ExamEvent]:
    since = min(append.repeats.since for append in sought if append.repeats.since is not None)
    query = {"digest": {"$in": [append.digest for append in sought]}, "received_at": {"$gt": since}}
    with confirmed():
        documents = await ExamEventDocument.find(query).sort("_id").to_list()
    return {
        append.writer: document.event()
        for append in sought
        for document in reversed(documents)
        if append.is_stored_as(document)
    }


def _without_twins(batch: Sequence[Append]) -> list[Append]:
    """`batch` without those that may repeat an earlier one of it: they take another turn, and find it stored."""
    first = {append.digest: append.writer for append in reversed(batch)}
    return [append for append in batch if append.repeats.since is None or first[append.digest] == append.writer]


async def _insert(last: int, batch: Sequence[Append]) -> dict[str, ExamEvent]:
    """What went in behind `last`: all of `batch`, or those before the first whose number was taken."""
    if not batch:
        return {}
    documents = [_document(number, append) for number, append in enumerate(batch, last + 1)]
    inserted = len(documents)
    with confirmed():
        try:
            await ExamEventDocument.insert_many(documents)
        except BulkWriteError as error:
            inserted = min(duplicates(error))
            if own := await _count_own(documents[inserted:]):  # the driver had repeated the insert after a lost answer
                inserted += own
            else:
                await asyncio.sleep(random.uniform(0, _MAX_JITTER_SECONDS))  # noqa: S311  not a secret
    return {append.writer: append.event.stored(number) for number, append in enumerate(batch[:inserted], last + 1)}


async def _count_own(documents: Sequence[ExamEventDocument]) -> int:
    """How many of them, from the first on, are in the log."""
    query = {"_id": {"$in": [document.id for document in documents]}}
    found = ExamEventDocument.get_pymongo_collection().find(query, {"writer": 1})
    writers = {there["_id"]: there["writer"] for there in await found.to_list()}
    others = (number for number, document in enumerate(documents) if writers.get(document.id) != document.writer)
    return next(others, len(documents))


def _document(sequence: int, append: Append) -> ExamEventDocument:
    event = append.event
    return ExamEventDocument(
        id=sequence,
        received_at=event.received_at,
        study_instance_uid=event.study_instance_uid,
        patient_id=event.patient_id,
        modalities=event.modalities,
        body=append.body,
        digest=append.digest,
        writer=append.writer,
    )
