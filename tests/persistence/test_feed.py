"""The feed: every event once, in order, to everybody who asked for it, whatever happens in between."""

import asyncio
import contextlib
import gc
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from persistence.errors import CursorExpired, StoreUnavailable
from persistence.feed import ExamFeed
from persistence.records import ExamEvent
from persistence.sqlite import SqliteStore
from persistence.store import Store
from persistence.subscription import Subscription
from tests.pace import slowness
from tests.persistence.events import append, new_event, sequences


@pytest.fixture
async def feed(store: Store) -> AsyncIterator[ExamFeed]:
    feed = ExamFeed(store, poll_seconds=(0.02, 0.05), ring_size=64)
    await feed.start()
    yield feed
    await feed.aclose()


async def take(subscription: Subscription, how_many: int, seconds: float = 10) -> list[ExamEvent]:
    async with asyncio.timeout(seconds):
        return [await anext(subscription) for _ in range(how_many)]


async def nothing_comes(subscription: Subscription, seconds: float = 0.1) -> bool:
    try:
        await asyncio.wait_for(anext(subscription), seconds)
    except TimeoutError:
        return True
    return False


class CountingStore(SqliteStore):
    """A store that counts reads of events, and can be made to fail as one that is gone."""

    reads = 0
    down = False

    async def events_after(self, sequence: int | None, **options: Any) -> list[ExamEvent]:
        self.reads += 1
        if self.down:
            raise StoreUnavailable("down")
        return await super().events_after(sequence, **options)

    async def last_sequence(self) -> int:
        if self.down:
            raise StoreUnavailable("down")
        return await super().last_sequence()


@pytest.fixture
async def counting(tmp_path: Path) -> AsyncIterator[CountingStore]:
    store = await CountingStore.open(tmp_path / "counting" / "x.sqlite")
    yield store
    await store.close()


async def test_a_subscriber_without_a_cursor_hears_what_comes_after_the_call(feed: ExamFeed) -> None:
    await feed.append(new_event())
    subscription = feed.subscribe(None)
    given = [await feed.append(new_event()) for _ in range(3)]
    assert await take(subscription, 3) == given
    assert await nothing_comes(subscription)


async def test_a_subscriber_with_a_cursor_hears_everything_since_and_then_live(store: Store) -> None:
    old = await append(store, 250)
    feed = ExamFeed(store, ring_size=64)
    await feed.start()
    subscription = feed.subscribe(10)
    assert await take(subscription, 240) == old[10:]
    live = [await feed.append(new_event()) for _ in range(5)]
    assert await take(subscription, 5) == live
    await feed.aclose()


async def test_events_written_by_another_process_are_found(feed: ExamFeed, store: Store) -> None:
    subscription = feed.subscribe(None)
    await asyncio.sleep(0.05)
    given = await append(store, 3)  # past the feed, as another replica would
    assert await take(subscription, 3, seconds=2) == given


async def test_filters_hold_in_replay_and_live(feed: ExamFeed) -> None:
    async def post(patient_id: str, *modalities: str) -> int:
        return (await feed.append(new_event(patient_id=patient_id, modalities=list(modalities)))).sequence

    expected = [await post("A", "CT"), await post("A", "CT", "SR")]
    for patient_id, modality in [("B", "CT"), ("A", "US"), ("a", "CT")] * 60:  # more than the ring holds
        await post(patient_id, modality)
    subscription = feed.subscribe(0, patient_id="A", modalities=["CT", "MR"])
    assert sequences(await take(subscription, 2)) == expected
    for patient_id in "BBBB":
        await post(patient_id, "CT")
    expected = [await post("A", "MR")]
    assert sequences(await take(subscription, 1)) == expected
    with pytest.raises(ValueError, match="modalities"):
        feed.subscribe(None, modalities=[str(number) for number in range(65)])


async def test_an_event_that_nobody_asked_for_wakes_nobody_and_reads_nothing(counting: CountingStore) -> None:
    feed = ExamFeed(counting, ring_size=4)
    await feed.start()
    subscription = feed.subscribe(None, patient_id="A")
    waiting = asyncio.create_task(anext(subscription))
    for _ in range(20):
        await feed.append(new_event(patient_id="B"))
    await asyncio.sleep(0.1)
    before = counting.reads
    given = await feed.append(new_event(patient_id="A"))
    assert await asyncio.wait_for(waiting, 5) == given
    assert counting.reads - before <= 2  # the follower's own, none of the subscriber that lay far behind the ring
    await feed.aclose()


async def test_a_thousand_subscribers_cost_no_more_reads_than_one_and_hear_at_once(counting: CountingStore) -> None:
    feed = ExamFeed(counting)
    await feed.start()
    await feed.append(new_event())
    subscriptions = [feed.subscribe(None) for _ in range(1000)]
    await asyncio.sleep(0.05)
    before = counting.reads
    started = time.perf_counter()
    waiting = [asyncio.create_task(anext(subscription)) for subscription in subscriptions]
    given = await feed.append(new_event())
    assert await asyncio.gather(*waiting) == [given] * 1000
    assert time.perf_counter() - started < slowness()  # a few tens of ms, measured
    assert counting.reads - before <= 10
    await feed.aclose()


async def test_what_this_process_appends_is_heard_without_a_look_into_the_store(counting: CountingStore) -> None:
    feed = ExamFeed(counting, poll_seconds=(60, 60))
    await feed.start()
    subscription = feed.subscribe(None)
    await asyncio.sleep(0.05)
    before = counting.reads
    given = await asyncio.gather(*(feed.append(new_event()) for _ in range(50)))
    assert await take(subscription, 50) == list(given)
    assert counting.reads == before
    await feed.aclose()


async def test_own_events_are_forgotten_when_they_are_heard(counting: CountingStore) -> None:
    feed = ExamFeed(counting, poll_seconds=(60, 60))
    await feed.start()
    subscription = feed.subscribe(None)
    await asyncio.sleep(0.05)
    before = counting.reads
    for _ in range(520):  # more than are kept
        given = await feed.append(new_event())
        assert await take(subscription, 1) == [given]
    assert counting.reads == before
    await feed.aclose()


class TellingStore(CountingStore):
    """A store that says when there is something new, and takes its time to look."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told, self.looks, self.answers = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self.told.wait()
            self.told.clear()
            yield

    async def events_after(self, sequence: int | None, **options: Any) -> list[ExamEvent]:
        found = await super().events_after(sequence, **options)
        self.looks.set()
        await self.answers.wait()
        return found


async def test_an_event_of_others_that_the_store_tells_of_does_not_wait_behind_own_ones(tmp_path: Path) -> None:
    store = await TellingStore.open(tmp_path / "telling" / "x.sqlite")
    feed = ExamFeed(store, poll_seconds=(60, 60))
    await feed.start()
    subscription = feed.subscribe(None)
    await asyncio.sleep(0.05)
    store.looks.clear()
    store.answers.clear()
    store.told.set()
    await store.looks.wait()
    given = [await feed.append(new_event()), *await append(store, 1)]
    store.told.set()
    await asyncio.sleep(0.05)
    store.answers.set()
    assert await take(subscription, 2, seconds=2) == given
    await feed.aclose()
    await store.close()


async def test_own_and_others_events_are_heard_in_the_order_of_the_log(feed: ExamFeed, store: Store) -> None:
    subscription = feed.subscribe(None)
    given = []
    for _ in range(20):
        given += [await feed.append(new_event()), *await append(store, 1), await feed.append(new_event())]
    assert await take(subscription, 60) == given


async def test_a_burst_larger_than_what_is_kept_of_ones_own_is_heard_whole(counting: CountingStore) -> None:
    feed = ExamFeed(counting, poll_seconds=(60, 60))
    await feed.start()
    subscription = feed.subscribe(None)
    given = await asyncio.gather(*(feed.append(new_event()) for _ in range(1200)))
    assert await take(subscription, 1200) == list(given)
    await feed.aclose()


async def test_a_slow_subscriber_holds_a_page_and_misses_nothing(feed: ExamFeed, store: Store) -> None:
    subscription = feed.subscribe(None)
    first = await feed.append(new_event())
    assert await take(subscription, 1) == [first]
    given = await append(store, 500)  # the ring holds 64
    await asyncio.sleep(0.2)
    taken = []
    for _ in given:
        taken += await take(subscription, 1)
        assert len(subscription._page) <= 100
    assert taken == given


async def test_subscriptions_stay_through_an_outage(counting: CountingStore) -> None:
    feed = ExamFeed(counting, poll_seconds=(0.02, 0.05), ring_size=8)
    await feed.start()
    old = [await feed.append(new_event()) for _ in range(20)]
    live = feed.subscribe(None)
    counting.down = True
    resumed = feed.subscribe(5)
    waiting = [asyncio.create_task(take(live, 1)), asyncio.create_task(take(resumed, 16))]
    [given] = await append(counting, 1)
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    counting.down = False
    assert await asyncio.gather(*waiting) == [[given], [*old[5:], given]]
    await feed.aclose()


async def test_a_feed_that_starts_during_an_outage_begins_afterwards(counting: CountingStore) -> None:
    counting.down = True
    feed = ExamFeed(counting, poll_seconds=(0.02, 0.05))
    await feed.start()
    subscription = feed.subscribe(None)
    assert await nothing_comes(subscription)
    counting.down = False
    assert await nothing_comes(subscription, 0.3)
    given = await feed.append(new_event())
    assert await take(subscription, 1) == [given]
    await feed.aclose()


async def test_a_subscriber_of_an_outage_hears_the_very_first_event_after_it_and_none_from_before(
    counting: CountingStore,
) -> None:
    old = new_event()
    await counting.append_event(old)
    counting.down = True
    feed = ExamFeed(counting, poll_seconds=(0.02, 0.05))
    await feed.start()
    waiting = asyncio.create_task(anext(feed.subscribe(None)))
    await asyncio.sleep(0.01)
    await feed.append(old.model_copy(update={"received_at": old.received_at + timedelta(seconds=1)}), dedupe_seconds=60)
    given = await feed.append(new_event())
    counting.down = False
    assert await asyncio.wait_for(waiting, 2) == given
    await feed.aclose()


async def test_a_cursor_behind_what_is_kept_is_an_error(store: Store) -> None:
    await append(store, 100)
    await store.forget_events(90)
    feed = ExamFeed(store)  # which remembers nothing of what is forgotten
    await feed.start()
    subscription = feed.subscribe(5)
    with pytest.raises(CursorExpired, match="up to 90"):
        await take(subscription, 1)
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)
    assert sequences(await take(feed.subscribe(90), 10)) == list(range(91, 101))
    await feed.aclose()


async def test_a_cursor_of_another_log_is_an_error(feed: ExamFeed) -> None:
    await feed.append(new_event())
    with pytest.raises(CursorExpired, match="another log"):
        await take(feed.subscribe(2), 1)


async def test_a_feed_that_slept_while_the_log_was_cut_goes_on(store: Store, feed: ExamFeed) -> None:
    subscription = feed.subscribe(None, patient_id="B")
    waiting = asyncio.create_task(anext(subscription))
    await asyncio.sleep(0.05)
    await append(store, 3)
    await store.forget_events(3)
    given = await store.append_event(new_event(patient_id="B"))
    with contextlib.suppress(CursorExpired):  # when it was behind the cut: an error, never a silent gap
        assert await asyncio.wait_for(waiting, 2) == given
    live = feed.subscribe(None)
    given = await feed.append(new_event())
    assert await take(live, 1) == [given]


async def test_the_same_event_again_is_heard_once(feed: ExamFeed) -> None:
    subscription = feed.subscribe(None)
    event = new_event()
    given = await feed.append(event, dedupe_seconds=60)
    again = event.model_copy(update={"received_at": event.received_at + timedelta(seconds=1)})
    assert await feed.append(again, dedupe_seconds=60) == given
    assert await take(subscription, 1) == [given]
    assert await nothing_comes(subscription)


async def test_closing_ends_the_iterations(feed: ExamFeed) -> None:
    waiting = asyncio.create_task(_collect(feed.subscribe(None)))
    async with feed.subscribe(None) as dropped:
        assert feed.subscribers == 2
    assert feed.subscribers == 1
    with pytest.raises(StopAsyncIteration):
        await anext(dropped)
    await asyncio.sleep(0.01)
    await feed.aclose()
    assert await asyncio.wait_for(waiting, 5) == []
    with pytest.raises(StoreUnavailable):
        feed.subscribe(None)


async def _collect(subscription: Subscription) -> list[ExamEvent]:
    return [event async for event in subscription]


async def test_a_subscription_that_was_dropped_without_a_word_is_forgotten(feed: ExamFeed) -> None:
    for _ in range(10):
        feed.subscribe(None)
    gc.collect()
    assert feed.subscribers == 0


@pytest.mark.parametrize("seed", range(4))
async def test_connecting_dropping_and_resuming_at_random_misses_and_repeats_nothing(seed: int, store: Store) -> None:
    chance = random.Random(seed)
    feeds = [ExamFeed(store, poll_seconds=(0.01, 0.02), ring_size=16) for _ in range(2)]
    for feed in feeds:
        await feed.start()
    total = 400

    async def write(share: int) -> None:
        for _ in range(share):
            event = new_event(modalities=[chance.choice(["CT", "MR", "US"])], patient_id=chance.choice("AB"))
            await chance.choice(feeds).append(event)
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.01)

    async def subscribe(**wanted: Any) -> list[ExamEvent]:
        seen: list[ExamEvent] = []
        last = 0
        while last < total:
            await asyncio.sleep(chance.random() * 0.02)
            async with chance.choice(feeds).subscribe(last, **wanted) as subscription:
                for _ in range(chance.randrange(1, 60)):
                    try:
                        event = await asyncio.wait_for(anext(subscription), 0.3)
                    except TimeoutError:
                        if writers.done():
                            return seen
                        break
                    seen.append(event)
                    last = event.sequence
        return seen

    writers = asyncio.gather(*(write(total // 8) for _ in range(8)))
    filters: list[dict[str, Any]] = [{}, {"patient_id": "A"}, {"modalities": ["CT", "MR"]}]
    filters.append({"patient_id": "B", "modalities": ["US"]})
    heard = await asyncio.gather(*(subscribe(**wanted) for wanted in filters * 3))
    await writers
    for wanted, events in zip(filters * 3, heard, strict=True):
        assert events == await store.events_after(0, limit=total, **wanted)
    for feed in feeds:
        await feed.aclose()
