"""Old events go, oldest first, but none that a receiver has not had."""

from datetime import timedelta

import pytest

from persistence.errors import CursorExpired
from persistence.records import WEBHOOK_CURSOR, WebhookDelivery
from persistence.retention import Retention
from persistence.store import Store
from tests.persistence.events import NOON, append, sequences

DAY = timedelta(days=1)


async def kept(store: Store) -> list[int]:
    return sequences(await store.events_after(None, limit=5000))


async def test_events_are_kept_for_ever_unless_told(store: Store) -> None:
    await append(store, 3)
    await Retention(store, None, for_webhooks=False).sweep(NOON + 10_000 * DAY)
    assert await kept(store) == [1, 2, 3]


async def test_old_events_go_and_their_cursors_expire(store: Store) -> None:
    await append(store, 700)
    await append(store, 2, received_at=NOON + 2 * DAY)
    await Retention(store, 1, for_webhooks=False).sweep(NOON + 2 * DAY)
    assert await kept(store) == [701, 702]
    with pytest.raises(CursorExpired):
        await store.events_after(5, limit=1)


async def test_only_a_beginning_of_the_log_goes(store: Store) -> None:
    await append(store, 2)
    await append(store, 1, received_at=NOON + 2 * DAY)  # by a replica whose clock is ahead
    await append(store, 2)
    await Retention(store, 1, for_webhooks=False).sweep(NOON + 2 * DAY)
    assert await kept(store) == [3, 4, 5]


async def test_nothing_goes_before_every_receiver_has_had_it(store: Store) -> None:
    await append(store, 5)
    retention = Retention(store, 1, for_webhooks=True)
    await retention.sweep(NOON + 2 * DAY)
    assert await kept(store) == [1, 2, 3, 4, 5]  # none dispatched yet

    await store.plan_deliveries([WebhookDelivery.plan(sequence, "http://a.example/", NOON) for sequence in (3, 4)])
    await store.save_cursor(WEBHOOK_CURSOR, 4)
    await retention.sweep(NOON + 2 * DAY)
    assert await kept(store) == [3, 4, 5]
    assert len(await store.deliveries(limit=10)) == 2
