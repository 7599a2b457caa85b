"""The service's memory: one protocol for every store, a noun each."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from persistence.records import AccessRecord, DeliveryState, ExamEvent, NewExamEvent, ViewerToken, WebhookDelivery


class ExamEvents(Protocol):
    """The log of exam events."""

    async def append_event(
        self, event: NewExamEvent, *, dedupe_seconds: float = 0, key: str | None = None
    ) -> ExamEvent:
        """Stores `event` under the next sequence number; durable when this returns.

        With `dedupe_seconds`, an event with the same body received within that time is answered, and nothing stored.
        With `key` it is the event stored under the same key, whatever its body, for as long as it is kept.
        """
        ...

    async def events_after(
        self,
        sequence: int | None,
        *,
        limit: int,
        patient_id: str | None = None,
        modalities: Sequence[str] | None = None,
    ) -> list[ExamEvent]:
        """At most `limit` events behind `sequence`, oldest first; `None` starts at the oldest that is kept.

        An event matches `modalities` when any of its own is among them. Raises `CursorExpired` when events
        behind `sequence` have been removed.
        """
        ...

    async def event(self, sequence: int) -> ExamEvent | None:
        """The event with this sequence number, if it is kept."""
        ...

    async def last_sequence(self) -> int:
        """The newest sequence number ever given; 0 before the first event."""
        ...

    async def first_sequence(self) -> int:
        """The oldest sequence number that is kept, or that the next event will get when none is."""
        ...

    async def forget_events(self, through: int) -> None:
        """Removes all events up to and with `through`; their numbers are never given again."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Hints that another process may have appended; ends at once where the store cannot tell."""
        ...


class IssuedUids(Protocol):
    """The UIDs that were issued."""

    async def reserve_uids(self, uids: Sequence[str]) -> list[str]:
        """Records `uids` as issued; returns those that had not been, in order. No UID is ever returned twice."""
        ...


class Cursors(Protocol):
    """How far each reader of the event log has come."""

    async def cursor(self, name: str) -> int | None:
        """The sequence number saved under `name`."""
        ...

    async def save_cursor(self, name: str, sequence: int) -> None:
        """Saves `sequence` under `name`; a cursor never moves back."""
        ...


class Bookmarks(Protocol):
    """How far each reader of another system's log has come, in words of its own."""

    async def bookmark(self, name: str) -> str | None:
        """The text saved last under `name`."""
        ...

    async def save_bookmark(self, name: str, text: str) -> None:
        """Saves `text` under `name`, in place of what was there."""
        ...


class Leases(Protocol):
    """What one worker at a time may do, in whichever process."""

    async def take_lease(self, name: str, holder: str, now: datetime, *, lease_seconds: float) -> bool:
        """Whether `holder`, who is nobody else and comes once, has the lease from now on.

        Nobody else gets it until it is ended or its time is over; clocks of replicas may differ, so give it room.
        """
        ...

    async def end_lease(self, name: str, holder: str) -> None:
        """Ends it, if `holder` still has it."""
        ...


class WebhookDeliveries(Protocol):
    """What was, is, and is to be posted to the receivers of events."""

    async def plan_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Adds those that are not there yet; planning the same again changes nothing."""
        ...

    async def claim_delivery(self, url: str, now: datetime, *, lease_seconds: float) -> WebhookDelivery | None:
        """The longest due pending delivery to `url`, leased to the caller; `None` when none is due.

        One that is due later than `LONGEST_WAIT` from now is due as well: the clock was ahead when it was planned.

        Until the lease ends nobody else gets it; if it has not been settled by then, it is due again.
        """
        ...

    async def settle_delivery(self, delivery: WebhookDelivery) -> bool:
        """Writes the outcome of a claimed delivery and ends the lease; false, and nothing written, if it was lost."""
        ...

    async def delivery(self, id: str) -> WebhookDelivery | None:
        """The delivery with this id."""
        ...

    async def deliveries(
        self, *, limit: int, state: DeliveryState | None = None, before: str | None = None
    ) -> list[WebhookDelivery]:
        """At most `limit` deliveries whose ids sort below `before`, newest event first."""
        ...

    async def oldest_pending_delivery(self) -> WebhookDelivery | None:
        """The pending delivery of the oldest event."""
        ...

    async def redeliver(self, id: str, now: datetime) -> WebhookDelivery | None:
        """Makes a delivery pending and due at `now` with all its attempts before it; `None` if there is none."""
        ...

    async def forget_deliveries(self, through: int) -> None:
        """Removes the deliveries of all events up to and with number `through`."""
        ...

    async def disable_webhook(self, url: str) -> None:
        """Remembers that the receiver does not want to be called any more."""
        ...

    async def enable_webhook(self, url: str) -> None:
        """Forgets `disable_webhook`."""
        ...

    async def is_webhook_disabled(self, url: str) -> bool:
        """Whether the receiver was disabled."""
        ...


class ViewerTokens(Protocol):
    """Links into the viewer that work once."""

    async def save_token(self, token: ViewerToken) -> None:
        """Keeps `token`."""
        ...

    async def redeem_token(self, digest: str, now: datetime) -> ViewerToken | None:
        """The token with this digest, marked as redeemed, if it had not been and has not expired.

        Of any number of racing callers one gets it.
        """
        ...

    async def forget_tokens(self, expired_before: datetime) -> None:
        """Removes tokens that expired before that moment."""
        ...


class AccessRecords(Protocol):
    """Who saw or changed which patient's data."""

    async def append_access(self, records: Sequence[AccessRecord]) -> None:
        """Keeps `records`; the same id again changes nothing."""
        ...

    async def access_records(
        self,
        *,
        limit: int,
        patient_id: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
    ) -> list[AccessRecord]:
        """At most `limit` records whose ids sort below `before`, newest first; `since` ≤ time < `until`."""
        ...


class Store(
    ExamEvents, IssuedUids, Cursors, Bookmarks, Leases, WebhookDeliveries, ViewerTokens, AccessRecords, Protocol
):
    """Everything the service remembers. Any method may raise `StoreUnavailable`."""

    async def ping(self) -> None:
        """Returns when the store answers."""
        ...

    async def close(self) -> None:
        """Finishes what is being written and lets go of the store."""
        ...
