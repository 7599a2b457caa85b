"""What is posted to a receiver of events, and what its answer means: Standard Webhooks (standardwebhooks.com)."""

import base64
import binascii
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks.webhooks import Webhook

from persistence.records import DeliveryState, ExamEvent, WebhookDelivery

SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after the one before each attempt is made (Standard Webhooks: "Deliverability and reliability")."""

GONE = 410
_MAX_RETRY_AFTER_SECONDS = 86_400
_JITTER = 0.1
_SECRET_PREFIX = "whsec_"  # noqa: S105  not a secret
_MIN_SECRET_BYTES = 24


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: a status, or why there is none."""

    status: int | None
    retry_after: str | None = None
    failure: str = ""

    @property
    def is_success(self) -> bool:
        """Only 2xx is; redirects are not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def error(self) -> str:
        """For people; without anything the receiver sent."""
        return self.failure or f"status {self.status}"


def signer(secret: str) -> Webhook:
    """What signs with `secret`: `whsec_` and base64 of at least 24 bytes; else `ValueError` with a sentence."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _MIN_SECRET_BYTES:
        raise ValueError("is no secret of Standard Webhooks: write whsec_ and the output of `openssl rand -base64 32`")
    return Webhook(key)


def request(event: ExamEvent, delivery: WebhookDelivery, sign: Webhook | None, sent_at: datetime) -> httpx.Request:
    """The event as the PACS posted it, with the same `webhook-id` on every attempt."""
    body = json.dumps(event.body, ensure_ascii=False)
    headers = {
        "content-type": "application/json",
        "user-agent": "dicom-graph",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
    }
    if sign is not None:
        headers["webhook-signature"] = sign.sign(delivery.id, sent_at.astimezone(UTC), body)
    return httpx.Request("POST", delivery.url, headers=headers, content=body.encode())


def outcome(
    delivery: WebhookDelivery, answer: Answer, ended_at: datetime, schedule_seconds: tuple[float, ...]
) -> WebhookDelivery:
    """The delivery after an attempt: delivered, failed for good, or due again."""
    attempts = delivery.attempts + 1
    changes: dict[str, object] = {"attempts": attempts, "next_attempt_at": None}
    if answer.is_success:
        changes |= {"state": DeliveryState.DELIVERED, "delivered_at": ended_at, "last_error": None}
    elif answer.status == GONE or attempts >= len(schedule_seconds):
        changes |= {"state": DeliveryState.FAILED, "last_error": answer.error}
    else:
        wait_seconds = schedule_seconds[attempts] * random.uniform(1, 1 + _JITTER)  # noqa: S311  not a secret
        wait_seconds = max(wait_seconds, _retry_after_seconds(answer.retry_after, ended_at))
        changes |= {"last_error": answer.error, "next_attempt_at": ended_at + timedelta(seconds=wait_seconds)}
    return WebhookDelivery.model_validate(dict(delivery) | changes)


def _retry_after_seconds(text: str | None, now: datetime) -> float:
    """`Retry-After` (RFC 9110 §10.2.3): seconds or a date; at most a day, and 0 when it is neither."""
    if text is None:
        return 0
    if text.isascii() and text.isdigit():
        return min(int(text.lstrip("0")[:6] or 0), _MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0), _MAX_RETRY_AFTER_SECONDS)
