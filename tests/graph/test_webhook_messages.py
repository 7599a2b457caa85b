"""What an attempt's end means for its delivery, and what a secret must look like."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.webhook_messages import SCHEDULE_SECONDS, Answer, outcome, signer
from persistence.records import LONGEST_WAIT, DeliveryState, WebhookDelivery

NOON = datetime(2025, 3, 14, 12, tzinfo=UTC)
PENDING = WebhookDelivery.plan(1, "http://receiver.example/", NOON).model_copy(update={"claim": "mine"})


def after(answer: Answer, attempts_before: int = 0) -> WebhookDelivery:
    return outcome(PENDING.model_copy(update={"attempts": attempts_before}), answer, NOON, SCHEDULE_SECONDS)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_only_2xx_is_success(status: int) -> None:
    delivery = after(Answer(status))
    assert (delivery.state, delivery.delivered_at, delivery.attempts) == (DeliveryState.DELIVERED, NOON, 1)


@pytest.mark.parametrize("status", [199, 301, 307, 400, 401, 404, 429, 500, 503, None])
def test_anything_else_is_tried_again_in_five_seconds(status: int | None) -> None:
    delivery = after(Answer(status, failure="" if status else "no answer: ConnectError"))
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert delivery.last_error == (f"status {status}" if status else "no answer: ConnectError")
    assert delivery.next_attempt_at is not None
    assert 5 <= (delivery.next_attempt_at - NOON).total_seconds() <= 5.5


def test_the_waits_grow_to_a_day_and_then_it_has_failed() -> None:
    for attempts, seconds in enumerate(SCHEDULE_SECONDS[1:]):
        due = after(Answer(500), attempts).next_attempt_at
        assert due is not None
        assert seconds <= (due - NOON).total_seconds() <= seconds * 1.1
        assert due - NOON < LONGEST_WAIT
    last = after(Answer(500), len(SCHEDULE_SECONDS) - 1)
    assert (last.state, last.next_attempt_at, last.attempts) == (DeliveryState.FAILED, None, 10)


def test_410_fails_at_once() -> None:
    assert after(Answer(410)).state is DeliveryState.FAILED


@pytest.mark.parametrize(
    ("text", "least_seconds"),
    [
        ("120", 120),
        ("0000000120", 120),
        ("99999999999999999999", 86_400),
        ("Fri, 14 Mar 2025 12:02:00 GMT", 120),
        ("Fri, 14 Mar 2024 12:02:00 GMT", 5),
        ("Fri, 14 Mar 2035 12:02:00 GMT", 86_400),
        ("Fri, 14 Mar 99999999999999999999 12:02:00 GMT", 5),
        ("Fri, 14 Mar 2025 12:02:00 +99999999999999999999", 5),
        ("-5", 5),
        ("soon", 5),
        ("٣", 5),
        ("", 5),
    ],
)
def test_retry_after_is_honoured_within_a_day(text: str, least_seconds: int) -> None:
    due = after(Answer(503, text)).next_attempt_at
    assert due is not None
    assert timedelta(seconds=least_seconds) <= due - NOON <= timedelta(seconds=least_seconds * 1.1)


@pytest.mark.parametrize("secret", ["", "whsec_", "hunter2!", "whsec_aHVudGVyMg==", "not base64 " * 9])
def test_a_weak_or_malformed_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        signer(secret)
