"""When is a new event one that is stored already?"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Repeats:
    """A stored event is the same if it has this digest and was received after `since`; with None, none is."""

    digest: str
    since: datetime | None

    @classmethod
    def of(cls, body: str, received_at: datetime, dedupe_seconds: float, key: str | None) -> Self:
        """By `key`, however long ago; without one, by the body's `canonical_json`, within `dedupe_seconds`."""
        if key is not None:
            return cls(hashlib.sha256(b"key:" + key.encode()).hexdigest(), _EVER)  # no body's JSON begins so
        since = received_at - timedelta(seconds=dedupe_seconds) if dedupe_seconds > 0 else None
        return cls(hashlib.sha256(body.encode()).hexdigest(), since)
