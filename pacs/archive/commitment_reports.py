"""Reports of storage commitment: to each requester in turn, until it takes them or too much time has passed."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from pacs.archive import commitment_store
from pacs.archive.commitment_store import Commitment
from pacs.archive.database import Database

log = structlog.get_logger(__name__)

_AFTER_A_FAULT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try to report: each pause is twice the one before, up to the longest."""

    first_seconds: float = 2.0
    longest_seconds: float = 600.0
    give_up_seconds: float = 2 * 24 * 3600.0

    def pause_seconds(self, attempts: int) -> float:
        """How long to wait after so many attempts before this one."""
        return min(self.first_seconds * 2.0 ** min(attempts, 30), self.longest_seconds)


Report = Callable[[Commitment], bool]
"""Reports a result to its requester, blocking; whether it took it. Never raises."""


class Reports:
    """What is due is state of `database`. `ended` is called whenever there may be more to do."""

    def __init__(self, database: Database, patience: Patience, report: Report, ended: Callable[[], None]) -> None:
        self._database = database
        self._patience = patience
        self._report = report
        self._ended = ended
        self._running: dict[str, asyncio.Task[None]] = {}
        self._is_stopped = False

    async def start_due(self) -> float | None:
        """Begins to report what is due, to several requesters at a time; when more will be, in seconds since 1970."""
        due = await self._database.read(partial(commitment_store.due, now=time.time(), busy=tuple(self._running)))
        for requester in dict.fromkeys(commitment.requester for commitment in due):
            if requester is not None and not self._is_stopped:
                own = [commitment for commitment in due if commitment.requester == requester]
                self._running[requester] = asyncio.create_task(self._report_all(requester, own))
        return await self._database.read(partial(commitment_store.next_due, busy=tuple(self._running)))

    async def stop(self) -> None:
        """Ends what is under way; it is begun again at the next start."""
        self._is_stopped = True
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _report_all(self, requester: str, due: Sequence[Commitment]) -> None:
        try:
            for commitment in due:
                if not await _in_thread(partial(self._report, commitment)):
                    await self._postpone(commitment)
                    continue
                done = partial(commitment_store.finish, uid=commitment.transaction_uid, given_up=False)
                await self._database.write(done)
                log.info("commitment_reported", transaction_uid=commitment.transaction_uid, requester=requester)
        except (OSError, sqlite3.Error) as error:
            log.error("commitments_failed", reason=type(error).__name__)
            await asyncio.sleep(_AFTER_A_FAULT_SECONDS)
        finally:
            self._running.pop(requester, None)
            self._ended()

    async def _postpone(self, commitment: Commitment) -> None:
        uid, now = commitment.transaction_uid, time.time()
        if now - commitment.asked_at >= self._patience.give_up_seconds:
            await self._database.write(partial(commitment_store.finish, uid=uid, given_up=True))
            log.error("commitment_given_up", transaction_uid=uid, requester=commitment.requester)
            return
        pause = self._patience.pause_seconds(commitment.attempts)
        await self._database.write(partial(commitment_store.report_again, uid=uid, report_at=now + pause))
        attempts = commitment.attempts + 1
        log.warning("commitment_not_reported", transaction_uid=uid, attempts=attempts, retry_seconds=pause)


async def _in_thread(work: Callable[[], bool]) -> bool:
    """What `work` returns, of a thread that does not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()

    def tell(is_done: bool) -> None:
        if not future.done():
            future.set_result(is_done)

    def run() -> None:
        is_done = work()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, is_done)

    threading.Thread(target=run, name="commitment-report", daemon=True).start()
    return await future
