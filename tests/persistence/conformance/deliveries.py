"""Webhook deliveries."""

import asyncio
from datetime import datetime, timedelta

from persistence.records import LONGEST_WAIT, MAX_SEQUENCE, DeliveryState, WebhookDelivery
from persistence.store import Store
from tests.persistence.conformance import Reopen
from tests.persistence.events import NOON

A, B = "https://a.example/hook?key=1", "https://b.example/hook"


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def plan(*sequences: int, url: str = A, due_at: datetime = NOON) -> list[WebhookDelivery]:
    return [WebhookDelivery.plan(sequence, url, due_at) for sequence in sequences]


def numbers(deliveries: list[WebhookDelivery]) -> list[int]:
    return [delivery.event_sequence for delivery in deliveries]


class WebhookDeliveriesConformance:
    """`Store.plan_deliveries`, `claim_delivery`, `settle_delivery` and their relatives."""

    async def test_planning_again_changes_nothing(self, store: Store, reopen: Reopen) -> None:
        (planned,) = plan(1)
        await store.plan_deliveries([planned])
        claimed = await store.claim_delivery(A, NOON, lease_seconds=60)
        await store.plan_deliveries([])
        await store.plan_deliveries([*plan(1, due_at=later(9)), *plan(2), *plan(1, url=B)])
        store = await reopen()
        assert await store.delivery(planned.id) == claimed
        assert numbers(await store.deliveries(limit=10)) == [2, 1, 1]
        assert await store.delivery("nothing") is None

    async def test_the_longest_due_delivery_of_a_url_is_claimed(self, store: Store) -> None:
        await store.plan_deliveries(plan(1, due_at=later(5)) + plan(2, due_at=later(3)) + plan(3, url=B))
        assert await store.claim_delivery(A, later(2.999), lease_seconds=60) is None
        claimed = await store.claim_delivery(A, later(10), lease_seconds=60)
        assert claimed is not None
        assert (claimed.event_sequence, claimed.url, claimed.next_attempt_at) == (2, A, later(70))
        assert claimed.claim

    async def test_what_was_planned_while_the_clock_was_ahead_does_not_wait_for_it(self, store: Store) -> None:
        ahead = NOON + LONGEST_WAIT
        await store.plan_deliveries(plan(1, due_at=ahead) + plan(2, due_at=ahead + timedelta(days=999)) + plan(3))
        claimed = [await store.claim_delivery(A, NOON, lease_seconds=60) for _ in range(3)]
        assert [delivery and delivery.event_sequence for delivery in claimed] == [3, 2, None]

    async def test_of_sixteen_workers_none_gets_what_another_has(self, store: Store) -> None:
        await store.plan_deliveries(plan(*range(1, 51)))
        claimed: list[int] = []

        async def work() -> None:
            while delivery := await store.claim_delivery(A, NOON, lease_seconds=60):
                claimed.append(delivery.event_sequence)

        await asyncio.gather(*(work() for _ in range(16)))
        assert sorted(claimed) == list(range(1, 51))

    async def test_an_expired_lease_is_claimed_again_and_the_first_worker_writes_nothing(self, store: Store) -> None:
        await store.plan_deliveries(plan(1))
        first = await store.claim_delivery(A, NOON, lease_seconds=60)
        assert first is not None
        assert await store.claim_delivery(A, later(59), lease_seconds=60) is None
        second = await store.claim_delivery(A, later(60), lease_seconds=60)
        assert second is not None
        done = {"state": DeliveryState.DELIVERED, "attempts": 1, "delivered_at": later(61), "next_attempt_at": None}
        assert not await store.settle_delivery(first.model_copy(update=done))
        assert await store.delivery(first.id) == second
        assert await store.settle_delivery(second.model_copy(update=done))
        assert await store.delivery(first.id) == second.model_copy(update=done | {"claim": None})
        assert not await store.settle_delivery(second.model_copy(update=done))
        assert await store.claim_delivery(A, later(1000), lease_seconds=60) is None

    async def test_a_failed_attempt_is_due_again_when_it_says(self, store: Store) -> None:
        await store.plan_deliveries(plan(1))
        claimed = await store.claim_delivery(A, NOON, lease_seconds=60)
        assert claimed is not None
        retry = {"attempts": 1, "last_error": "status 500", "next_attempt_at": later(5)}
        assert await store.settle_delivery(claimed.model_copy(update=retry))
        assert await store.claim_delivery(A, later(4), lease_seconds=60) is None
        again = await store.claim_delivery(A, later(5), lease_seconds=60)
        assert again is not None
        assert (again.attempts, again.last_error) == (1, "status 500")

    async def test_pages_run_from_the_newest_event_to_the_oldest_by_state(self, store: Store) -> None:
        await store.plan_deliveries(plan(9, 10, 100, 2) + plan(100, url=B))
        claimed = await store.claim_delivery(B, NOON, lease_seconds=60)
        assert claimed is not None
        failed = {"state": DeliveryState.FAILED, "next_attempt_at": None}
        assert await store.settle_delivery(claimed.model_copy(update=failed))
        assert numbers(await store.deliveries(limit=9, state=DeliveryState.FAILED)) == [100]
        first = await store.deliveries(limit=2, state=DeliveryState.PENDING)
        second = await store.deliveries(limit=2, state=DeliveryState.PENDING, before=first[-1].id)
        assert numbers(first + second) == [100, 10, 9, 2]
        oldest = await store.oldest_pending_delivery()
        assert oldest is not None
        assert oldest.event_sequence == 2

    async def test_a_delivery_can_be_asked_for_again(self, store: Store) -> None:
        await store.plan_deliveries(plan(1))
        claimed = await store.claim_delivery(A, NOON, lease_seconds=60)
        assert claimed is not None
        outcome = {"state": DeliveryState.FAILED, "attempts": 10, "last_error": "no answer", "next_attempt_at": None}
        await store.settle_delivery(claimed.model_copy(update=outcome))
        again = await store.redeliver(claimed.id, later(100))
        assert again is not None
        assert (again.state, again.attempts, again.next_attempt_at) == (DeliveryState.PENDING, 0, later(100))
        assert again.last_error == "no answer"
        assert (await store.claim_delivery(A, later(100), lease_seconds=60)) is not None
        assert await store.redeliver("nothing", NOON) is None

    async def test_forgetting_follows_the_events(self, store: Store) -> None:
        await store.plan_deliveries(plan(9, 10, 11) + plan(9, url=B))
        await store.forget_deliveries(10)
        assert numbers(await store.deliveries(limit=10)) == [11]
        await store.forget_deliveries(MAX_SEQUENCE)
        assert await store.deliveries(limit=10) == []
        assert await store.oldest_pending_delivery() is None

    async def test_a_receiver_is_disabled_until_it_is_enabled(self, store: Store, reopen: Reopen) -> None:
        await store.disable_webhook(A)
        await store.disable_webhook(A)
        store = await reopen()
        assert (await store.is_webhook_disabled(A), await store.is_webhook_disabled(B)) == (True, False)
        await store.enable_webhook(A)
        await store.enable_webhook(B)
        assert not await store.is_webhook_disabled(A)
