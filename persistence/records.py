"""What the service remembers: plain, frozen models that know neither DICOM nor a database."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, JsonValue


def _to_utc_milliseconds(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


MAX_SEQUENCE = 2**63 - 1
"""The largest number that every store can be asked about."""

Instant = Annotated[AwareDatetime, AfterValidator(_to_utc_milliseconds)]
"""A moment in UTC, in whole milliseconds: what every store can keep and give back unchanged."""


def now() -> datetime:
    """The present moment, as an `Instant`."""
    return _to_utc_milliseconds(datetime.now(UTC))


def canonical_json(value: JsonValue) -> str:
    """The one JSON text of `value`: ASCII, keys in order. NaN and infinities are a `ValueError`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


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

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hexadecimal: equal for a notification that is posted twice."""
        return hashlib.sha256(canonical_json(self.body).encode()).hexdigest()


class ExamEvent(NewExamEvent):
    """A stored notification. Sequence numbers start at 1, have no gaps, and become visible in their order."""

    sequence: int
