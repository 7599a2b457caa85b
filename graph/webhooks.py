"""Posts every exam event to the receivers in CALLBACK_URLS, at least once.

Two steps, each safe to repeat after a crash and safe to run in several replicas at once. *Dispatch* reads the event
log behind a saved cursor and plans a delivery for each receiver. *Delivery* claims what is due, under a lease, posts
it, and writes the outcome; what a dead replica had claimed is due again when its lease ends.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial

import structlog

from graph.insistence import RETRY_SECONDS, insist, persist
from graph.webhook_messages import GONE, SCHEDULE_SECONDS, outcome, signer
from graph.webhook_poster import Poster
from persistence.errors import CursorExpired
from persistence.feed import ExamFeed
from persistence.records import LONGEST_WAIT, WEBHOOK_CURSOR, DeliveryState, WebhookDelivery, now
from persistence.store import Store

log = structlog.get_logger(__name__)

_TIMEOUT_SECONDS = 15
_LEASE_SECONDS = 60
_AT_ONCE = 8
_GRACE_SECONDS = 5
_PAGE = 100


class Deliverer:
    """Dispatches and delivers until closed. Receivers share nothing: a slow one delays nobody else."""

    def __init__(
        self,
        store: Store,
        feed: ExamFeed,
        urls: Sequence[str],
        secret: str | None,
        *,
        schedule_seconds: tuple[float, ...] = SCHEDULE_SECONDS,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        poll_seconds: float = 1.0,
    ) -> None:
        """`secret` as `webhook_messages.signer` takes it; without one, posts are not signed."""
        self._store = store
        self._feed = feed
        self._schedule_seconds = schedule_seconds
        self._poll_seconds = poll_seconds
        self._planned = {url: asyncio.Event() for url in urls}
        self._poster = Poster(signer(secret) if secret is not None else None, timeout_seconds)
        self._position = 0
        """Up to where this process has planned deliveries."""
        self._loops: list[asyncio.Task[None]] = []
        self._posts: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins, as soon as the store answers; the first time ever on it, with the events that come from now on."""
        self._position = await insist(self._beginning)
        work = [self._dispatch, self._abandon_former_receivers]
        work += [partial(self._deliver_to, url) for url in self._planned]
        self._loops = [asyncio.create_task(persist(one)) for one in work]

    async def aclose(self) -> None:
        """Claims nothing more, and gives the posts under way a few seconds; what they leave is posted again."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._posts:
            await asyncio.wait(self._posts, timeout=_GRACE_SECONDS)
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        await self._poster.aclose()

    async def _beginning(self) -> int:
        """The saved cursor; the log's end where there is none, or where the log is an older one than the cursor's."""
        cursor, last = await self._store.cursor(WEBHOOK_CURSOR), await self._store.last_sequence()
        if cursor is None:
            await self._store.save_cursor(WEBHOOK_CURSOR, last)
        elif cursor > last:
            log.warning("the log of exam events was restored to an older state", last=last, dispatched=cursor)
        return last if cursor is None else min(cursor, last)

    async def _abandon_former_receivers(self) -> None:
        """Fails what is pending, due or not, for URLs that are configured no longer: nobody would ever post it."""
        before: str | None = None
        while page := await self._store.deliveries(limit=_PAGE, state=DeliveryState.PENDING, before=before):
            before = page[-1].id
            for url in {delivery.url for delivery in page} - self._planned.keys():
                end = now() + LONGEST_WAIT
                while delivery := await self._store.claim_delivery(url, end, lease_seconds=_LEASE_SECONDS):
                    await self._fail(delivery, "the receiver is no longer in CALLBACK_URLS")

    async def _dispatch(self) -> None:
        while True:
            try:
                async with self._feed.subscribe(self._position) as events:
                    while True:
                        page = await events.page()
                        await self._plan([event.sequence for event in page])
            except CursorExpired as error:  # webhooks were off for longer than events are kept
                log.error("events were removed before they were dispatched to receivers", reason=str(error))
                await self._advance_to(await insist(self._store.first_sequence) - 1)
                await asyncio.sleep(RETRY_SECONDS)
            except StopAsyncIteration:
                return

    async def _plan(self, sequences: Sequence[int]) -> None:
        due_at = now()
        plan = [WebhookDelivery.plan(sequence, url, due_at) for sequence in sequences for url in self._planned]
        await insist(lambda: self._store.plan_deliveries(plan))
        await self._advance_to(sequences[-1])
        for planned in self._planned.values():
            planned.set()

    async def _advance_to(self, sequence: int) -> None:
        self._position = sequence
        await insist(lambda: self._store.save_cursor(WEBHOOK_CURSOR, sequence))

    async def _deliver_to(self, url: str) -> None:
        free = asyncio.Semaphore(_AT_ONCE)
        while True:
            await free.acquire()
            self._planned[url].clear()
            delivery = await insist(lambda: self._store.claim_delivery(url, now(), lease_seconds=_LEASE_SECONDS))
            if delivery is None:
                free.release()
                await self._wait(self._planned[url])
                continue
            post = asyncio.create_task(self._deliver(delivery))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
            post.add_done_callback(lambda _: free.release())

    async def _wait(self, planned: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await planned.wait()

    async def _deliver(self, delivery: WebhookDelivery) -> None:
        if await insist(lambda: self._store.is_webhook_disabled(delivery.url)):
            await self._fail(delivery, "the receiver had answered 410: it is disabled until something is redelivered")
            return
        event = await insist(lambda: self._store.event(delivery.event_sequence))
        if event is None:
            await self._fail(delivery, "the event is no longer kept")
            return
        answer = await self._poster.post(event, delivery, now())
        if answer.status == GONE:
            await insist(lambda: self._store.disable_webhook(delivery.url))
        after = outcome(delivery, answer, now(), self._schedule_seconds)
        log.info(
            "webhook attempt",
            delivery=after.id,
            attempt=after.attempts,
            state=after.state.value,
            error=after.last_error,
        )
        await insist(lambda: self._store.settle_delivery(after))

    async def _fail(self, delivery: WebhookDelivery, reason: str) -> None:
        changes = {"state": DeliveryState.FAILED, "last_error": reason, "next_attempt_at": None}
        failed = delivery.model_copy(update=changes)
        await insist(lambda: self._store.settle_delivery(failed))
