"""The promises of every store, kept by SQLite."""

from tests.persistence.conformance.access import AccessRecordsConformance, ViewerTokensConformance
from tests.persistence.conformance.deliveries import WebhookDeliveriesConformance
from tests.persistence.conformance.events import ExamEventsConformance
from tests.persistence.conformance.uids import (
    BookmarksConformance,
    CursorsConformance,
    IssuedUidsConformance,
    LeasesConformance,
)


class TestExamEvents(ExamEventsConformance): ...


class TestIssuedUids(IssuedUidsConformance): ...


class TestCursors(CursorsConformance): ...


class TestBookmarks(BookmarksConformance): ...


class TestLeases(LeasesConformance): ...


class TestWebhookDeliveries(WebhookDeliveriesConformance): ...


class TestViewerTokens(ViewerTokensConformance): ...


class TestAccessRecords(AccessRecordsConformance): ...
