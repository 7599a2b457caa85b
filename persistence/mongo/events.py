"""The event log in MongoDB: reading and forgetting; `appending.py` writes."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING

from persistence.batches import Batches
from persistence.errors import CursorExpired
from persistence.filters import EventFilter
from persistence.mongo.appending import Append, Appender
from persistence.mongo.collections import ExamEventDocument
from persistence.mongo.confirmation import confirmed
from persistence.mongo.cursors import MongoCursors
from persistence.records import MAX_SEQUENCE, ExamEvent, NewExamEvent, canonical_json
from persistence.repeats import Repeats

FORGOTTEN = "forgotten-exam-events"
"""The cursor up to which events are no longer kept, though some may still be there."""
_MAX_COMMIT = 500


class MongoExamEvents(MongoCursors):
    """The log of exam events."""

    def __init__(self) -> None:
        self._batches: Batches[Append, ExamEvent] = Batches(Appender(self.last_sequence).append, _MAX_COMMIT)

    async def append_event(
        self, event: NewExamEvent, *, dedupe_seconds: float = 0, key: str | None = None
    ) -> ExamEvent:
        """Stores `event` under the next sequence number; on the disks of the majority when this returns."""
        body = canonical_json(event.body)
        repeats = Repeats.of(body, event.received_at, dedupe_seconds, key)
        return await self._batches.add(Append(event, body, repeats))

    async def events_after(
        self,
        sequence: int | None,
        *,
        limit: int,
        patient_id: str | None = None,
        modalities: Sequence[str] | None = None,
    ) -> list[ExamEvent]:
        """At most `limit` events behind `sequence`, oldest first; `None` starts at the oldest that is kept."""
        wanted = EventFilter.of(patient_id, modalities)
        if wanted.is_empty:
            return []
        start = await self._forgotten() if sequence is None else min(sequence, MAX_SEQUENCE)
        query: dict[str, Any] = {"_id": {"$gt": start}}
        if wanted.patient_id is not None:
            query["patient_id"] = wanted.patient_id
        if wanted.modalities is not None:
            query["modalities"] = {"$in": list(wanted.modalities)}
        with confirmed():
            documents = await ExamEventDocument.find(query).sort("_id").limit(limit).to_list()
        if sequence is not None and not (documents and documents[0].id == sequence + 1):
            await self._check_kept(sequence)
        return [document.event() for document in documents]

    async def event(self, sequence: int) -> ExamEvent | None:
        """The event with this sequence number, if it is kept."""
        with confirmed():
            document = await ExamEventDocument.get(min(sequence, MAX_SEQUENCE))
        return document.event() if document else None

    async def last_sequence(self) -> int:
        """The newest sequence number ever given; 0 before the first event."""
        return await self._outermost(DESCENDING) or await self._forgotten()

    async def first_sequence(self) -> int:
        """The oldest sequence number that is kept, or that the next event will get when none is."""
        oldest = await self._outermost(ASCENDING)
        return max(oldest or 0, await self._forgotten() + 1)

    async def forget_events(self, through: int) -> None:
        """Removes all events up to and with `through`.

        The mark is set first: it keeps readers from taking the gap for an end, and writers from taking a number twice.
        """
        through = min(through, await self.last_sequence())
        await self.save_cursor(FORGOTTEN, through)
        with confirmed():
            await ExamEventDocument.find({"_id": {"$lte": through}}).delete()

    async def _finish_appending(self) -> None:
        await self._batches.drain()

    async def _check_kept(self, sequence: int) -> None:
        """Called after a read: what vanished before it has left its mark."""
        if sequence < (forgotten := await self._forgotten()):
            raise CursorExpired(f"events up to {forgotten} are no longer kept")

    async def _forgotten(self) -> int:
        return await self.cursor(FORGOTTEN) or 0

    async def _outermost(self, direction: int) -> int | None:
        events = ExamEventDocument.get_pymongo_collection()
        with confirmed():
            found = await events.find_one({}, {"_id": 1}, sort=[("_id", direction)])
        return found["_id"] if found else None
