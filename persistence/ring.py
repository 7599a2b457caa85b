"""The newest events of the log, shared by all subscriptions of a process."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from persistence.records import ExamEvent


class EventRing:
    """A gapless stretch of the log that ends at `tail`; holds at most `size` events."""

    def __init__(self, size: int) -> None:
        self._events: deque[ExamEvent] = deque(maxlen=size)
        self.tail: int | None = None
        """The newest sequence number that is known here; `None` before the log was first read."""

    def begin(self, tail: int) -> None:
        """Starts afresh behind `tail`."""
        self._events.clear()
        self.tail = tail

    def extend(self, events: Sequence[ExamEvent]) -> None:
        """Takes over the events that follow the tail."""
        if events:
            self._events.extend(events)
            self.tail = events[-1].sequence

    def covers(self, position: int) -> bool:
        """Whether every event behind `position` that is in the log up to the tail is here."""
        if self.tail is None:
            return False
        return position >= (self._events[0].sequence - 1 if self._events else self.tail)

    def after(self, position: int, limit: int) -> list[ExamEvent]:
        """At most `limit` events behind a covered `position`, oldest first."""
        if not self._events:
            return []
        start = max(0, position + 1 - self._events[0].sequence)
        return list(islice(self._events, start, start + limit))
