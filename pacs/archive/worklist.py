"""The worklist of the embedded PACS: what each transaction of the Worklist Service does (PS3.18 ch. 11, PS3.4 CC).

A change is on the disk before it is answered or reported. Reports go to those who listen at that moment.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pacs.archive import ups_datasets, ups_events, worklist_search, worklist_steps, worklist_subscriptions
from pacs.archive.database import Database
from pacs.archive.search_parameters import Search, parse_search
from pacs.archive.ups_events import Subscribers
from pacs.archive.ups_states import Status
from pacs.archive.worklist_news import News
from pacs.archive.worklist_search import Page
from pacs.archive.worklist_store import VERSIONS
from pacs.attributes import JSONDataset
from pacs.workitem import WorkitemState

T = TypeVar("T")
GLOBAL = "1.2.840.10008.5.1.4.34.5"
"""UPS Global Subscription SOP Instance."""
FILTERED_GLOBAL = "1.2.840.10008.5.1.4.34.5.1"


def _local_now() -> dt.datetime:
    return dt.datetime.now().astimezone()


class Worklist:
    """One worklist in one SQLite file."""

    def __init__(self, path: Path, now: Callable[[], dt.datetime] = _local_now) -> None:
        self.listeners = Subscribers()
        self._path = path
        self.now = now
        self._open: Database | None = None

    async def open(self) -> None:
        """Opens the file. Raises `DatabaseUnusable`."""
        self._open = Database(self._path, "worklist", VERSIONS)

    async def close(self) -> None:
        """Ends all listeners, and closes the file."""
        self.listeners.close()
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def create(self, uid: str, payload: JSONDataset) -> bool:
        """Adds a workitem; whether it had to be completed. Raises `BadAttribute` and `UpsRefused`."""
        dataset, modified = ups_datasets.created(payload, uid, self.now())

        def work(connection: sqlite3.Connection) -> tuple[bool, list[News]]:
            return modified, worklist_steps.create(connection, uid, dataset)

        return await self.change(work)

    async def retrieve(self, uid: str) -> JSONDataset:
        """The workitem. Raises `UpsRefused`."""
        return (await self._database.read(lambda connection: worklist_steps.fetch(connection, uid))).dataset

    async def search(self, wanted: Search) -> Page:
        """See `worklist_search`."""
        return await self._database.read(lambda connection: worklist_search.search(connection, wanted))

    async def update(self, uid: str, changes: JSONDataset, transaction_uid: str | None) -> None:
        """Puts `changes` into the workitem. Raises `BadAttribute` and `UpsRefused`."""

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            return None, worklist_steps.update(connection, uid, changes, transaction_uid, self.now())

        await self.change(work)

    async def change_state(self, uid: str, state: WorkitemState, transaction_uid: str | None) -> Status:
        """Moves the workitem; success, or the warning that it is there already. Raises `UpsRefused`."""
        return await self.change(
            lambda connection: worklist_steps.change_state(connection, uid, state, transaction_uid, self.now())
        )

    async def request_cancel(self, uid: str, requester: str, asked: JSONDataset) -> Status:
        """Cancels a workitem that nobody has begun; whoever has begun one is told. Raises `UpsRefused`."""
        return await self.change(
            lambda connection: worklist_steps.request_cancel(connection, uid, requester, asked, self.now())
        )

    async def subscribe(self, uid: str, ae_title: str, *, deletion_lock: bool, matching: str = "") -> None:
        """Subscribes to one workitem, or globally, then only to those that match the query string `matching`.

        Raises `UpsRefused` for an unknown workitem, `BadQuery` for a filter that is none.
        """
        keys = parse_search(matching, strict=True).keys

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
                told = [worklist_steps.fetch(connection, one) for one in found] if deletion_lock else []
            else:
                told = [worklist_steps.fetch(connection, uid)]
                worklist_subscriptions.subscribe(connection, uid, ae_title, deletion_lock=deletion_lock)
            return None, [News([ae_title], ups_events.state_report(one.uid, one.dataset)) for one in told]

        await self.change(work)

    async def unsubscribe(self, uid: str, ae_title: str) -> None:
        """Ends one subscription; globally, all of them. Raises `UpsRefused` for an unknown workitem."""

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            if uid in (GLOBAL, FILTERED_GLOBAL):
                worklist_subscriptions.unsubscribe_globally(connection, ae_title)
            else:
                worklist_steps.fetch(connection, uid)
                worklist_subscriptions.unsubscribe(connection, uid, ae_title)
            return None, []

        await self.change(work)

    async def suspend(self, ae_title: str) -> None:
        """Ends the subscription to future workitems."""
        await self._database.write(lambda connection: worklist_subscriptions.suspend(connection, ae_title))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads, in one consistent view."""
        return await self._database.read(work)

    async def change(self, work: Callable[[sqlite3.Connection], tuple[T, list[News]]]) -> T:
        """Does `work` in one transaction; its news are told once it is on the disk."""
        value, news = await self._database.write(work)
        for one in news:
            self.listeners.send(one.ae_titles, one.report)
        return value

    @property
    def _database(self) -> Database:
        if self._open is None:
            raise RuntimeError("the worklist is not open")
        return self._open
