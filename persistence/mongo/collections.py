"""The collections and their indexes, as Beanie documents.

Natural keys are `_id`: it is the one unique index that every server keeps right under contention (measured).
Fields are flat and always present; the body of an event is its JSON text, since MongoDB forbids some field names.
"""

import json
from datetime import datetime
from typing import ClassVar

from beanie import Document
from pymongo import ASCENDING, IndexModel

from persistence.records import ExamEvent


def _index(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields])


class ExamEventDocument(Document):
    """An exam event; `_id` is its sequence number."""

    id: int  # type: ignore[assignment]  # a natural key in place of Beanie's ObjectId, here and below
    received_at: datetime
    study_instance_uid: str
    patient_id: str
    modalities: list[str]
    body: str
    digest: str
    writer: str
    """Made anew for each append: tells whether an event that is there already is one's own."""

    def event(self) -> ExamEvent:
        """The record that this keeps."""
        return ExamEvent(
            sequence=self.id,
            received_at=self.received_at,
            study_instance_uid=self.study_instance_uid,
            patient_id=self.patient_id,
            modalities=self.modalities,
            body=json.loads(self.body),
        )

    class Settings:
        """Beanie's."""

        name = "exam_events"
        indexes: ClassVar = [_index("patient_id", "_id"), _index("modalities", "_id"), _index("digest", "received_at")]


class IssuedUidDocument(Document):
    """A UID that was issued."""

    id: str  # type: ignore[assignment]

    class Settings:
        """Beanie's."""

        name = "issued_uids"


class CursorDocument(Document):
    """How far a reader of the event log has come; `_id` is its name."""

    id: str  # type: ignore[assignment]
    sequence: int

    class Settings:
        """Beanie's."""

        name = "cursors"


class BookmarkDocument(Document):
    """How far a reader of another system's log has come; `_id` is its name."""

    id: str  # type: ignore[assignment]
    text: str

    class Settings:
        """Beanie's."""

        name = "bookmarks"


class LeaseDocument(Document):
    """Who may do something alone; `_id` is its name."""

    id: str  # type: ignore[assignment]
    holder: str
    ends_at: datetime

    class Settings:
        """Beanie's."""

        name = "leases"
        indexes: ClassVar = [_index("ends_at")]


class WebhookDeliveryDocument(Document):
    """A `WebhookDelivery`."""

    id: str  # type: ignore[assignment]
    event_sequence: int
    url: str
    state: str
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    claim: str | None

    class Settings:
        """Beanie's."""

        name = "webhook_deliveries"
        indexes: ClassVar = [_index("url", "state", "next_attempt_at"), _index("state", "_id")]


class DisabledWebhookDocument(Document):
    """A receiver that does not want to be called; `_id` is its URL's digest."""

    id: str  # type: ignore[assignment]

    class Settings:
        """Beanie's."""

        name = "disabled_webhooks"


class ViewerTokenDocument(Document):
    """A `ViewerToken`; `_id` is the token's digest."""

    id: str  # type: ignore[assignment]
    study_instance_uid: str
    patient_id: str | None
    user: str | None
    role: str
    expires_at: datetime
    redeemed_at: datetime | None

    class Settings:
        """Beanie's."""

        name = "viewer_tokens"
        indexes: ClassVar = [_index("expires_at")]


class AccessRecordDocument(Document):
    """An `AccessRecord`."""

    id: str  # type: ignore[assignment]
    occurred_at: datetime
    subject: str
    role: str
    action: str
    patient_id: str | None
    study_instance_uid: str | None
    outcome: str
    request_id: str
    address: str | None

    class Settings:
        """Beanie's."""

        name = "access_records"
        indexes: ClassVar = [_index("patient_id", "_id"), _index("subject", "_id")]


DOCUMENTS: tuple[type[Document], ...] = (
    ExamEventDocument,
    IssuedUidDocument,
    CursorDocument,
    BookmarkDocument,
    LeaseDocument,
    WebhookDeliveryDocument,
    DisabledWebhookDocument,
    ViewerTokenDocument,
    AccessRecordDocument,
)
