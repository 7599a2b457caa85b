"""The promises of every store, kept by SQLite."""

from tests.persistence.conformance.events import ExamEventsConformance
from tests.persistence.conformance.uids import CursorsConformance, IssuedUidsConformance


class TestExamEvents(ExamEventsConformance): ...


class TestIssuedUids(IssuedUidsConformance): ...


class TestCursors(CursorsConformance): ...
