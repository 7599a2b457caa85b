"""Exam events for the tests of the store and of the feed."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from persistence.protocol import ExamEvents
from persistence.records import ExamEvent, NewExamEvent

_NUMBERS = count(1)
NOON = datetime(2025, 3, 14, 12, 0, 0, 123_000, tzinfo=UTC)


def new_event(**fields: Any) -> NewExamEvent:
    """A notification unlike any other, unless `fields` say so."""
    number = next(_NUMBERS)
    values = {
        "received_at": NOON,
        "study_instance_uid": f"1.2.826.0.1.3680043.8.498.{number}",
        "patient_id": "46803338",
        "modalities": ["CT"],
        "body": {"StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.{number}", "EventType": "COMPLETED"},
    }
    return NewExamEvent.model_validate(values | fields)


async def append(store: ExamEvents, how_many: int, **fields: Any) -> list[ExamEvent]:
    """Stores `how_many` events, one after the other."""
    return [await store.append_event(new_event(**fields)) for _ in range(how_many)]


def sequences(events: list[ExamEvent]) -> list[int]:
    """Their sequence numbers."""
    return [event.sequence for event in events]
