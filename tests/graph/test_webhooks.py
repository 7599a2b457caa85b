"""Webhooks to a real receiver: signed, at least once, retried, and none delayed by another."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog
from standardwebhooks.webhooks import Webhook

from graph import insistence
from graph.webhook_messages import SCHEDULE_SECONDS
from graph.webhooks import Deliverer
from persistence.feed import ExamFeed
from persistence.records import WEBHOOK_CURSOR, DeliveryState, WebhookDelivery, now
from persistence.store import Store
from tests.graph.webhook_receiver import Receiver, listening
from tests.pace import slowness
from tests.persistence.events import new_event
from tests.real.server import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
QUICK = (0, 0.05, 0.05)
DOWN_SECONDS = float(os.environ.get("RECEIVER_DOWN_SECONDS", "0.1"))
"""Stands for five minutes; with 300 it is."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening(Receiver()) as receiver:
        yield receiver


@pytest.fixture
async def feed(store: Store) -> AsyncIterator[ExamFeed]:
    feed = ExamFeed(store)
    await feed.start()
    yield feed
    await feed.aclose()


Deliver = Callable[..., Coroutine[Any, Any, Deliverer]]


@pytest.fixture
async def deliver(store: Store, feed: ExamFeed) -> AsyncIterator[Deliver]:
    """Starts a deliverer to some URLs, with quick retries."""
    started: list[Deliverer] = []

    async def start(*urls: str, secret: str | None = SECRET, **given: Any) -> Deliverer:
        options: dict[str, Any] = {"schedule_seconds": QUICK, "poll_seconds": 0.02, **given}
        started.append(Deliverer(store, feed, urls, secret, **options))
        await started[-1].start()
        return started[-1]

    yield start
    for deliverer in started:
        await deliverer.aclose()


async def settled(store: Store, how_many: int = 1) -> list[WebhookDelivery]:
    """All deliveries, once `how_many` exist and none is pending; oldest event first."""
    async with asyncio.timeout(45):
        while True:
            found = await store.deliveries(limit=1000)
            if len(found) >= how_many and all(one.state is not DeliveryState.PENDING for one in found):
                return found[::-1]
            await asyncio.sleep(0.01)


async def test_a_receiver_gets_the_event_as_it_came_and_signed(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    await feed.append(new_event())  # before webhooks were ever on
    await deliver(receiver.url)
    body = {
        "StudyInstanceUID": "1.2.3",
        "PatientName": "山田^太郎",
        "NumberOfStudyRelatedSeries": "2",
        "Vendor": [None],
    }
    event = await feed.append(new_event(body=body))
    await receiver.wait_for(1)
    (headers, posted) = receiver.got[0]
    assert Webhook(SECRET).verify(posted, headers) == body
    assert headers["content-type"] == "application/json"
    (delivery,) = await settled(store)
    assert (delivery.event_sequence, delivery.state, delivery.attempts) == (event.sequence, DeliveryState.DELIVERED, 1)
    assert headers["webhook-id"] == delivery.id


async def test_without_a_secret_posts_are_not_signed(receiver: Receiver, feed: ExamFeed, deliver: Deliver) -> None:
    await deliver(receiver.url, secret=None)
    await feed.append(new_event())
    await receiver.wait_for(1)
    assert "webhook-signature" not in receiver.got[0][0]


async def test_a_failing_receiver_is_tried_again_with_the_same_id(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.statuses = [500, 302, 200]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    await deliver(receiver.url)
    await feed.append(new_event())
    (delivery,) = await settled(store)
    assert (delivery.state, delivery.attempts, len(receiver.got)) == (DeliveryState.DELIVERED, 3, 3)
    assert len(set(receiver.ids)) == 1


async def test_a_delivery_that_failed_is_kept_and_can_be_sent_again(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.statuses = [500, 500, 500, 204]
    await deliver(receiver.url)
    await feed.append(new_event())
    (failed,) = await settled(store)
    assert (failed.state, failed.attempts, failed.last_error) == (DeliveryState.FAILED, 3, "status 500")
    await store.redeliver(failed.id, now())
    await receiver.wait_for(4)
    (delivery,) = await settled(store)
    assert delivery.state is DeliveryState.DELIVERED
    assert len(set(receiver.ids)) == 1


async def test_nobody_listening_is_a_failed_attempt(feed: ExamFeed, store: Store, deliver: Deliver) -> None:
    await deliver("http://127.0.0.1:9/hook?key=secret")
    await feed.append(new_event())
    (delivery,) = await settled(store)
    assert (delivery.state, delivery.last_error) == (DeliveryState.FAILED, "no answer: ConnectError")


async def test_a_url_that_nothing_can_be_posted_to_fails_as_others_do(
    feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    with structlog.testing.capture_logs() as lines:
        await deliver("http://127.0.0.1:99999/hook")  # settings refuse it
        await feed.append(new_event())
        (delivery,) = await settled(store)
    assert [line["delivery"] for line in lines if line["log_level"] == "error"] == [delivery.id] * len(QUICK)
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, len(QUICK))
    assert (delivery.last_error or "").startswith("not posted: ")


async def test_a_receiver_that_does_not_answer_in_time_has_failed(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.wait_seconds = 0.5
    await deliver(receiver.url, timeout_seconds=0.05, schedule_seconds=(0,))
    await feed.append(new_event())
    (delivery,) = await settled(store)
    assert (delivery.state, delivery.last_error) == (DeliveryState.FAILED, "no answer in 0.05 seconds")


async def test_a_name_that_no_dns_server_answers_for_holds_up_nobody_else(
    receiver: Receiver, feed: ExamFeed, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, answered, asked = socket.getaddrinfo, threading.Event(), threading.Event()

    def look_up(host: str, *given: Any, **options: Any) -> Any:
        if host == "silent.example":
            asked.set()
            answered.wait(20)
            raise socket.gaierror("no answer")
        return honest(host, *given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(asyncio.get_running_loop(), "_default_executor", ThreadPoolExecutor(8))
    try:
        await deliver("http://silent.example/", receiver.url.replace("127.0.0.1", "localhost"))
        for _ in range(10):
            await feed.append(new_event())
        await receiver.wait_for(10)
        async with asyncio.timeout(5):
            await asyncio.to_thread(asked.wait)
            await asyncio.gather(*(asyncio.to_thread(len, "file") for _ in range(20)))
    finally:
        answered.set()


async def test_410_disables_the_receiver_until_something_is_sent_again(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.statuses = [410, 204]
    await deliver(receiver.url)
    await feed.append(new_event())
    await settled(store)
    await feed.append(new_event())
    first, second = await settled(store, 2)
    assert (first.last_error, len(receiver.got)) == ("status 410", 1)
    assert second.last_error is not None
    assert "disabled" in second.last_error
    await store.enable_webhook(receiver.url)
    await store.redeliver(second.id, now())
    await receiver.wait_for(2)
    assert receiver.ids[1] == second.id


async def test_a_slow_receiver_delays_no_other_and_is_called_eight_times_at_once(
    feed: ExamFeed, deliver: Deliver
) -> None:
    async with listening(Receiver(wait_seconds=0.5 * slowness())) as slow, listening(Receiver()) as quick:
        await deliver(slow.url, quick.url)
        for _ in range(20):
            await feed.append(new_event())
        await quick.wait_for(20)
        assert len(slow.got) < 20
        await slow.wait_for(20)
        assert slow.most_at_once == 8


async def test_a_receiver_that_was_down_gets_everything_afterwards(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.statuses = [503] * 30 + [204]
    await deliver(receiver.url, schedule_seconds=(0,) + (0.05,) * 20)
    events = [await feed.append(new_event()) for _ in range(10)]
    delivered = await settled(store, 10)
    assert [one.event_sequence for one in delivered] == [event.sequence for event in events]
    assert all(one.state is DeliveryState.DELIVERED for one in delivered)


@pytest.mark.timeout(120 + 2 * DOWN_SECONDS)
async def test_a_receiver_that_is_gone_for_five_minutes_gets_everything_once(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    scale = DOWN_SECONDS / 300
    gone = Receiver(url=f"http://127.0.0.1:{free_port()}/hook")
    await deliver(gone.url, receiver.url, schedule_seconds=tuple(scale * seconds for seconds in SCHEDULE_SECONDS))
    events = [await feed.append(new_event()) for _ in range(40)]
    await asyncio.sleep(DOWN_SECONDS)
    await receiver.wait_for(40)
    async with listening(gone, urlsplit(gone.url).port or 0), asyncio.timeout(10 + DOWN_SECONDS):
        while await store.oldest_pending_delivery() is not None:
            await asyncio.sleep(0.01)
    assert len(gone.ids) == len(set(gone.ids)) == 40
    assert sorted(gone.studies) == sorted(event.study_instance_uid for event in events)
    delivered = [one for one in await store.deliveries(limit=1000) if one.url == gone.url]
    assert {one.state for one in delivered} == {DeliveryState.DELIVERED}
    assert max(one.attempts for one in delivered) > 1


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    receiver.statuses, receiver.headers = [429], {"retry-after": "120"}
    await deliver(receiver.url)
    await feed.append(new_event())
    async with asyncio.timeout(10):
        while not ((waiting := (await store.deliveries(limit=1))) and waiting[0].last_error):
            await asyncio.sleep(0.01)
    assert waiting[0].next_attempt_at is not None
    assert timedelta(seconds=110) < waiting[0].next_attempt_at - now() <= timedelta(seconds=121)
    assert (waiting[0].state, waiting[0].attempts, len(receiver.got)) == (DeliveryState.PENDING, 1, 1)


async def test_what_came_while_no_deliverer_ran_is_delivered_when_one_does(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    await (await deliver(receiver.url)).aclose()
    events = [await feed.append(new_event()) for _ in range(250)]
    await deliver(receiver.url)
    delivered = await settled(store, 250)
    assert [one.event_sequence for one in delivered] == [event.sequence for event in events]
    assert len(receiver.got) == 250


async def test_a_log_that_was_restored_to_an_older_state_is_dispatched_on(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    await feed.append(new_event())
    await store.save_cursor(WEBHOOK_CURSOR, 100)
    await deliver(receiver.url)
    given = await feed.append(new_event())
    await receiver.wait_for(1)
    assert receiver.studies == [given.study_instance_uid]


async def test_two_replicas_post_each_event_once(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    await deliver(receiver.url)
    await deliver(receiver.url)
    for _ in range(50):
        await feed.append(new_event())
    await settled(store, 50)
    assert len(receiver.ids) == len(set(receiver.ids)) == 50


@pytest.mark.parametrize("method", ["claim_delivery", "plan_deliveries", "deliveries"])
async def test_an_error_that_nobody_foresaw_ends_nothing(
    method: str, receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, failures = getattr(store, method), [RuntimeError("nobody foresaw this")]

    async def failing_once(*given: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await honest(*given, **options)

    monkeypatch.setattr(insistence, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(store, method, failing_once)
    await deliver(receiver.url)
    await feed.append(new_event())
    await receiver.wait_for(1)
    assert not failures


async def test_what_was_pending_for_a_receiver_that_is_gone_from_the_settings_has_failed(
    receiver: Receiver, feed: ExamFeed, store: Store, deliver: Deliver
) -> None:
    former = "http://former.example/"
    tomorrow = now() + timedelta(days=1.1)
    plan = [WebhookDelivery.plan(sequence, former, due) for sequence, due in enumerate((now(), now(), tomorrow), 1)]
    await store.plan_deliveries(plan)
    await deliver(receiver.url)
    assert {one.last_error for one in await settled(store, 3)} == {"the receiver is no longer in CALLBACK_URLS"}


def test_secrets_in_urls_do_not_reach_the_log_line() -> None:
    """The id in the log is a digest of the URL."""
    delivery = WebhookDelivery.plan(7, "http://user:pass@receiver.example/?key=secret", now())
    assert not any(secret in json.dumps(delivery.id) for secret in ("pass", "secret", "receiver"))
