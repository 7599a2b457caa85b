"""What the service remembers: plain, frozen models that know neither DICOM nor a database."""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, JsonValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _to_utc_milliseconds(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    excess = moment.microsecond % 1000
    return moment - timedelta(microseconds=excess) if excess else moment


MAX_SEQUENCE = 2**63 - 1
"""The largest number that every store can be asked about."""

Instant = Annotated[AwareDatetime, AfterValidator(_to_utc_milliseconds)]
"""A moment in UTC, in whole milliseconds: what every store can keep and give back unchanged."""


def now() -> datetime:
    """The present moment, as an `Instant`."""
    return _to_utc_milliseconds(datetime.now(UTC))


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def canonical_json(value: JsonValue) -> str:
    """The one JSON text of `value`: ASCII, keys in order. NaN and infinities are a `ValueError`."""
    return _CANONICAL.encode(value)


class Record(BaseModel):
    """The base of all: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewExamEvent(Record):
    """A notification of the PACS, not stored yet."""

    received_at: Instant
    study_instance_uid: str
    patient_id: str
    modalities: list[str]
    """The modalities of the study, as subscribers filter by them."""
    body: dict[str, JsonValue]
    """The event as it came, with the fields that nobody here knows."""

    def stored(self, sequence: int) -> "ExamEvent":
        """The same event under its sequence number; what was checked before is not checked again."""
        return ExamEvent.model_construct(sequence=sequence, **vars(self))


class ExamEvent(NewExamEvent):
    """A stored notification. Sequence numbers start at 1, have no gaps, and become visible in their order."""

    sequence: int


WEBHOOK_CURSOR = "webhooks"
"""The saved cursor up to which deliveries have been planned."""


class DeliveryState(StrEnum):
    """How a webhook delivery stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


LONGEST_WAIT = timedelta(days=2)
"""No attempt waits for longer: what is due later than so long from now was planned while the clock was ahead."""


class WebhookDelivery(Record):
    """One event for one receiver; ids sort by event."""

    id: str
    event_sequence: int
    url: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    """Since the delivery was planned, or last asked for again."""
    last_error: str | None = None
    next_attempt_at: Instant | None
    """When it is due; while a worker has it, when the worker's lease ends."""
    delivered_at: Instant | None = None
    claim: str | None = None
    """The lease under which a worker has it."""

    @classmethod
    def plan(cls, event_sequence: int, url: str, due_at: datetime) -> Self:
        """The delivery of an event to `url`; the same for both is the same delivery, whoever plans it."""
        target = hashlib.sha256(url.encode()).hexdigest()[:16]
        return cls(
            id=f"{delivery_prefix(event_sequence)}:{target}",
            event_sequence=event_sequence,
            url=url,
            next_attempt_at=due_at,
        )


def delivery_prefix(event_sequence: int) -> str:
    """The beginning of the ids of an event's deliveries: they sort as numbers do."""
    return f"{event_sequence:019d}"


class ViewerToken(Record):
    """A link into the viewer that works once. Only the digest of the token is kept."""

    digest: str
    study_instance_uid: str
    patient_id: str | None
    user: str | None
    role: str
    expires_at: Instant
    redeemed_at: Instant | None = None


class AccessRecord(Record):
    """Who saw or changed which patient's data. Ids sort by time."""

    id: str
    occurred_at: Instant
    subject: str
    role: str
    action: str
    """`source:subject:action`, e.g. `graphql:study:read`."""
    patient_id: str | None
    study_instance_uid: str | None
    outcome: str
    request_id: str
    address: str | None

    @classmethod
    def new(cls, occurred_at: datetime, **fields: str | None) -> Self:
        """A record with an id of its own."""
        unique = random.getrandbits(64)  # unique, no secret
        return cls.model_validate(
            {"id": f"{access_prefix(occurred_at)}-{unique:016x}", "occurred_at": occurred_at, **fields}
        )


def access_prefix(moment: datetime) -> str:
    """The beginning of the ids of the access records of that millisecond: they sort as moments do."""
    return f"{to_milliseconds(moment):015d}"
