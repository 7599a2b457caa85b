"""The worklist of the embedded PACS: what each transaction of the Worklist Service does (PS3.18 ch. 11, PS3.4 CC).

A change is on the disk before it is answered or reported. Reports go to those who listen at that moment.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import structlog

from pacs.archive import ups_datasets, ups_events, worklist_search, worklist_store, worklist_subscriptions
from pacs.archive.http import Search, parse_search
from pacs.archive.ups_events import Subscribers
from pacs.archive.ups_states import MESSAGES, TO_STATE, Outcome, Request, Status, decide
from pacs.archive.worklist_database import WorklistDatabase
from pacs.archive.worklist_news import News, announce, tell
from pacs.archive.worklist_search import Page
from pacs.archive.worklist_store import Stored
from pacs.attributes import JSONDataset
from pacs.workitem import WorkitemState

log = structlog.get_logger(__name__)

T = TypeVar("T")
GLOBAL = "1.2.840.10008.5.1.4.34.5"
"""UPS Global Subscription SOP Instance."""
FILTERED_GLOBAL = "1.2.840.10008.5.1.4.34.5.1"


class UpsRefused(Exception):
    """A request that the state machine refuses, with its DIMSE status."""

    def __init__(self, request: Request | None, status: Status) -> None:
        super().__init__(MESSAGES[status])
        self.request = request
        self.status = status


def _local_now() -> dt.datetime:
    return dt.datetime.now().astimezone()


class Worklist:
    """One worklist in one SQLite file."""

    def __init__(self, path: Path, now: Callable[[], dt.datetime] = _local_now) -> None:
        self.listeners = Subscribers()
        self._path = path
        self._now = now
        self._open: WorklistDatabase | None = None

    async def open(self) -> None:
        """Opens the file. Raises `WorklistUnusable`."""
        self._open = WorklistDatabase(self._path)

    async def close(self) -> None:
        """Ends all listeners, and closes the file."""
        self.listeners.close()
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def create(self, uid: str, payload: JSONDataset) -> bool:
        """Adds a workitem; whether it had to be completed. Raises `BadAttribute` and `UpsRefused`."""
        dataset, modified = ups_datasets.created(payload, uid, self._now())

        def work(connection: sqlite3.Connection) -> tuple[bool, list[News]]:
            if not worklist_store.insert(connection, uid, dataset):
                raise UpsRefused(Request.CREATE, Status.DUPLICATE)
            return modified, announce(connection, uid, dataset)

        return await self._change(work)

    async def retrieve(self, uid: str) -> JSONDataset:
        """The workitem. Raises `UpsRefused`."""
        return (await self._database.read(lambda connection: _fetch(connection, uid))).dataset

    async def search(self, wanted: Search) -> Page:
        """See `worklist_search`."""
        return await self._database.read(lambda connection: worklist_search.search(connection, wanted))

    async def update(self, uid: str, changes: JSONDataset, transaction_uid: str | None) -> None:
        """Puts `changes` into the workitem. Raises `BadAttribute` and `UpsRefused`."""

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            before = _fetch(connection, uid)
            _decide(Request.UPDATE, before, transaction_uid)
            after = ups_datasets.updated(before.dataset, changes, self._now())
            worklist_store.save(connection, replace(before, dataset=after))
            return None, tell(connection, uid, ups_events.updated(uid, before.dataset, after))

        await self._change(work)

    async def change_state(self, uid: str, state: WorkitemState, transaction_uid: str | None) -> Status:
        """Moves the workitem; success, or the warning that it is there already. Raises `UpsRefused`."""

        def work(connection: sqlite3.Connection) -> tuple[Status, list[News]]:
            before = _fetch(connection, uid)
            outcome = _decide(TO_STATE[state], before, transaction_uid)
            if state is WorkitemState.COMPLETED and outcome.states and not ups_datasets.is_complete(before.dataset):
                raise UpsRefused(TO_STATE[state], Status.FINAL_STATE_UNMET)
            return outcome.status, self._move(connection, replace(before, transaction_uid=transaction_uid), outcome)

        return await self._change(work)

    async def request_cancel(self, uid: str, requester: str, asked: JSONDataset) -> Status:
        """Cancels a workitem that nobody has begun; whoever has begun one is told. Raises `UpsRefused`."""

        def work(connection: sqlite3.Connection) -> tuple[Status, list[News]]:
            before = _fetch(connection, uid)
            outcome = _decide(Request.CANCEL_REQUEST, before, None)
            news = []
            if not outcome.status.is_warning:
                news = tell(connection, uid, [ups_events.cancel_requested(uid, requester, asked)])
            if outcome.states:
                before = replace(before, dataset=ups_datasets.with_reason(before.dataset, asked))
            return outcome.status, news + self._move(connection, before, outcome)

        return await self._change(work)

    async def subscribe(self, uid: str, ae_title: str, *, deletion_lock: bool, matching: str = "") -> None:
        """Subscribes to one workitem, or globally, then only to those that match the query string `matching`.

        Raises `UpsRefused` for an unknown workitem, `BadQuery` for a filter that is none.
        """
        keys = parse_search(matching).keys

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            if uid in (GLOBAL, FILTERED_GLOBAL):
                found = worklist_subscriptions.subscribe_globally(
                    connection,
                    ae_title,
                    worklist_search.uids(connection, keys),
                    deletion_lock=deletion_lock,
                    matching=matching,
                )
                # Table CC.2.3-2: only a global subscription with lock begins with a report of every workitem.
                told = [_fetch(connection, one) for one in found] if deletion_lock else []
            else:
                told = [_fetch(connection, uid)]
                worklist_subscriptions.subscribe(connection, uid, ae_title, deletion_lock=deletion_lock)
            return None, [News([ae_title], ups_events.state_report(one.uid, one.dataset)) for one in told]

        await self._change(work)

    async def unsubscribe(self, uid: str, ae_title: str) -> None:
        """Ends one subscription; globally, all of them. Raises `UpsRefused` for an unknown workitem."""

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            if uid in (GLOBAL, FILTERED_GLOBAL):
                worklist_subscriptions.unsubscribe_globally(connection, ae_title)
            else:
                _fetch(connection, uid)
                worklist_subscriptions.unsubscribe(connection, uid, ae_title)
            return None, []

        await self._change(work)

    async def suspend(self, ae_title: str) -> None:
        """Ends the subscription to future workitems."""
        await self._database.write(lambda connection: worklist_subscriptions.suspend(connection, ae_title))

    @property
    def _database(self) -> WorklistDatabase:
        if self._open is None:
            raise RuntimeError("the worklist is not open")
        return self._open

    async def _change(self, work: Callable[[sqlite3.Connection], tuple[T, list[News]]]) -> T:
        value, news = await self._database.write(work)
        for one in news:
            self.listeners.send(one.ae_titles, one.report)
        return value

    def _move(self, connection: sqlite3.Connection, workitem: Stored, outcome: Outcome) -> list[News]:
        news: list[News] = []
        for state in outcome.states:
            dataset = ups_datasets.in_state(workitem.dataset, state, self._now())
            workitem = replace(workitem, state=state, dataset=dataset)
            news += tell(connection, workitem.uid, [ups_events.state_report(workitem.uid, dataset)])
        if outcome.states:
            worklist_store.save(connection, workitem)
            log.info("workitem moved", workitem_uid=workitem.uid, state=workitem.state.value)
        return news


def _fetch(connection: sqlite3.Connection, uid: str) -> Stored:
    found = worklist_store.fetch(connection, uid)
    if found is None:
        raise UpsRefused(None, Status.UNKNOWN)
    return found


def _decide(request: Request, workitem: Stored, transaction_uid: str | None) -> Outcome:
    outcome = decide(request, workitem.state, workitem.transaction_uid, transaction_uid)
    if outcome.status.is_failure:
        raise UpsRefused(request, outcome.status)
    return outcome
