"""When is a new event one that is stored already?"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Repeats:
    """A stored event is the same if it has this digest and was received between the two; with None, none is.

    One that is dated later than `until` is of a clock that was wrong, and is as far away as one from before `since`.
    """

    digest: str
    since: datetime | None
    until: datetime = _END

    @property
    def is_for_ever(self) -> bool:
        """Whether an event repeats another however far apart they are."""
        return self.since == _BEGINNING

    @classmethod
    def of(cls, body: str, received_at: datetime, dedupe_seconds: float, key: str | None) -> Self:
        """By `key`, however long ago; without one, by the body's `canonical_json`, within `dedupe_seconds`."""
        if key is not None:
            return cls(hashlib.sha256(b"key:" + key.encode()).hexdigest(), _BEGINNING)  # no body's JSON begins so
        window = timedelta(seconds=dedupe_seconds)
        since = received_at - window if window else None
        return cls(hashlib.sha256(body.encode()).hexdigest(), since, received_at + window)
