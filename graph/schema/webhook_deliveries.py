"""Webhook deliveries: what became of each post to CALLBACK_URLS, and posting again."""

import datetime as dt
import re
from enum import Enum
from urllib.parse import urlsplit

import strawberry

from graph.access_records.actions import READ_DELIVERY, REDELIVER
from graph.context import Info
from graph.errors import ContractError, ErrorCode
from graph.schema.exam_events import ExamEvent
from graph.schema.pagination import Cursors, PageInfo, check_first
from persistence import records

_CURSORS = Cursors("delivery", (str,))
_HIDDEN = "***"
_WORD = re.compile("[a-z_-]{0,16}")


@strawberry.enum(description="How a webhook delivery stands.")
class WebhookDeliveryState(Enum):
    """PENDING until the receiver takes it or all attempts have failed."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@strawberry.type(description="One event for one receiver in CALLBACK_URLS.")
class WebhookDelivery:
    """The GraphQL side of a stored delivery."""

    id: strawberry.ID
    url: str
    state: WebhookDeliveryState
    attempts: int
    last_error: str | None
    next_attempt_at: dt.datetime | None
    delivered_at: dt.datetime | None
    event_sequence: strawberry.Private[int]

    @classmethod
    def of(cls, record: records.WebhookDelivery) -> "WebhookDelivery":
        """The GraphQL side of a stored delivery."""
        return cls(
            id=strawberry.ID(record.id),
            url=_without_secrets(record.url),
            state=WebhookDeliveryState(record.state.value),
            attempts=record.attempts,
            last_error=record.last_error,
            next_attempt_at=record.next_attempt_at,
            delivered_at=record.delivered_at,
            event_sequence=record.event_sequence,
        )

    @strawberry.field(description="The event that is delivered.")
    async def event(self, info: Info) -> ExamEvent:
        """Read from the log; deliveries are removed before their events."""
        record = await info.context.store.event(self.event_sequence)
        if record is None:
            raise ContractError(ErrorCode.NOT_FOUND, "the event is no longer kept")
        info.context.trail.note(READ_DELIVERY, record.patient_id, record.study_instance_uid)
        return ExamEvent.of(record)


@strawberry.type(description="A delivery and its place in the list.")
class WebhookDeliveryEdge:
    """Relay's edge."""

    cursor: str
    node: WebhookDelivery


@strawberry.type(description="A page of deliveries.")
class WebhookDeliveryConnection:
    """Relay's connection."""

    edges: list[WebhookDeliveryEdge]
    nodes: list[WebhookDelivery]
    page_info: PageInfo


@strawberry.type(description="What redeliverWebhook answers.")
class RedeliverWebhookPayload:
    """The delivery, pending again."""

    delivery: WebhookDelivery


@strawberry.type
class WebhookDeliveryQueries:
    """The part of Query that reads deliveries."""

    @strawberry.field(description="Newest event first.")
    async def webhook_deliveries(
        self,
        info: Info,
        state: WebhookDeliveryState | None = strawberry.UNSET,
        first: int = 50,
        after: str | None = strawberry.UNSET,
    ) -> WebhookDeliveryConnection:
        """One page of deliveries."""
        found = await info.context.store.deliveries(
            limit=check_first(first) + 1,
            state=records.DeliveryState(state.value) if state else None,
            before=str(_CURSORS.decode(after)[0]) if after else None,
        )
        shown = found[:first]
        page = _CURSORS.page(shown, [(one.id,) for one in shown], more=len(found) > first, after=after or None)
        nodes = [WebhookDelivery.of(record) for record in page.rows]
        edges = [
            WebhookDeliveryEdge(cursor=cursor, node=node) for cursor, node in zip(page.cursors, nodes, strict=True)
        ]
        return WebhookDeliveryConnection(edges=edges, nodes=nodes, page_info=page.info)


@strawberry.type
class WebhookDeliveryMutations:
    """The part of Mutation that posts again."""

    @strawberry.mutation(description="Posts an event again, whatever became of it; a disabled receiver is enabled.")
    async def redeliver_webhook(self, info: Info, id: strawberry.ID) -> RedeliverWebhookPayload:
        """Makes the delivery due now, with all its attempts before it."""
        store = info.context.store
        record = await store.delivery(id)
        if record is None:
            raise ContractError(ErrorCode.NOT_FOUND, "there is no such delivery")
        if record.url not in info.context.settings.callback_urls:
            raise ContractError(
                ErrorCode.CONFLICT, "the receiver is no longer in CALLBACK_URLS: nothing is posted to it"
            )
        await store.enable_webhook(record.url)
        again = await store.redeliver(id, records.now())
        event = await store.event(record.event_sequence)
        if event is not None:
            info.context.trail.note(REDELIVER, event.patient_id, event.study_instance_uid)
        return RedeliverWebhookPayload(delivery=WebhookDelivery.of(again or record))


def _without_secrets(url: str) -> str:
    """The URL without user name and password, of its query the names alone, of its path what is no secret.

    Values of a query are often tokens, and of chats' webhooks the path is one. Two receivers that look the same so have
    deliveries of different ids, which end with the same digest for one receiver.
    """
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
    query = "&".join(f"{name}={_HIDDEN}" if equals else _HIDDEN for name, equals, _ in pairs)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, path=_beginning(parts.path), query=query, fragment="").geturl()


def _beginning(path: str) -> str:
    """The first segment if it is a plain word, e.g. `/hook`; of what follows, that there is more."""
    first, slash, rest = path.removeprefix("/").partition("/")
    if not _WORD.fullmatch(first):
        return f"/{_HIDDEN}"
    return f"/{first}{slash}{_HIDDEN if rest else ''}"
