"""The collections and their indexes, as Beanie documents.

Natural keys are `_id`: it is the one unique index that every server keeps right under contention (measured).
Fields are flat and always present; the body of an event is its JSON text, since MongoDB forbids some field names.
"""

import json
from datetime import datetime
from typing import Any, ClassVar

from beanie import Document
from pymongo import ASCENDING, IndexModel

from persistence.records import ExamEvent


def _index(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields])


class _Keyed(Document):
    """A document with a natural key of any type in place of Beanie's ObjectId."""

    id: Any


class ExamEventDocument(_Keyed):
    """An exam event; `_id` is its sequence number."""

    id: int
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


class IssuedUidDocument(_Keyed):
    """A UID that was issued."""

    id: str

    class Settings:
        """Beanie's."""

        name = "issued_uids"


class CursorDocument(_Keyed):
    """How far a reader of the event log has come; `_id` is its name."""

    id: str
    sequence: int

    class Settings:
        """Beanie's."""

        name = "cursors"


class BookmarkDocument(_Keyed):
    """How far a reader of another system's log has come; `_id` is its name."""

    id: str
    text: str

    class Settings:
        """Beanie's."""

        name = "bookmarks"


class LeaseDocument(_Keyed):
    """Who may do something alone; `_id` is its name."""

    id: str
    holder: str
    ends_at: datetime

    class Settings:
        """Beanie's."""

        name = "leases"
        indexes: ClassVar = [_index("ends_at")]


class WebhookDeliveryDocument(_Keyed):
    """A `WebhookDelivery`."""

    id: str
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


class DisabledWebhookDocument(_Keyed):
    """A receiver that does not want to be called; `_id` is its URL's digest."""

    id: str

    class Settings:
        """Beanie's."""

        name = "disabled_webhooks"


class ViewerTokenDocument(_Keyed):
    """A `ViewerToken`; `_id` is the token's digest."""

    id: str
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


class AccessRecordDocument(_Keyed):
    """An `AccessRecord`."""

    id: str
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
