"""What each transaction does to one workitem (PS3.4 §CC.2), within its caller's SQLite transaction.

Every change of a workitem goes through here, whatever service asked for it: UPS-RS, or a modality's MPPS.
"""

import datetime as dt
import sqlite3
from dataclasses import replace

import structlog

from pacs.archive import ups_datasets, ups_events, worklist_store
from pacs.archive.ups_states import MESSAGES, TO_STATE, Outcome, Request, Status, decide
from pacs.archive.worklist_news import News, announce, tell
from pacs.archive.worklist_store import Stored
from pacs.attributes import JSONDataset
from pacs.workitem import WorkitemState

log = structlog.get_logger(__name__)


class UpsRefused(Exception):
    """A request that the state machine refuses, with its DIMSE status."""

    def __init__(self, request: Request | None, status: Status) -> None:
        super().__init__(MESSAGES[status])
        self.request = request
        self.status = status


def fetch(connection: sqlite3.Connection, uid: str) -> Stored:
    """The workitem. Raises `UpsRefused`."""
    found = worklist_store.fetch(connection, uid)
    if found is None:
        raise UpsRefused(None, Status.UNKNOWN)
    return found


def create(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> list[News]:
    """Adds a workitem that `ups_datasets.created` made. Raises `UpsRefused`."""
    if not worklist_store.insert(connection, uid, dataset):
        raise UpsRefused(Request.CREATE, Status.DUPLICATE)
    return announce(connection, uid, dataset)


def update(
    connection: sqlite3.Connection, uid: str, changes: JSONDataset, transaction_uid: str | None, now: dt.datetime
) -> list[News]:
    """Puts `changes` into the workitem. Raises `BadAttribute` and `UpsRefused`."""
    before = fetch(connection, uid)
    _decide(Request.UPDATE, before, transaction_uid)
    after = ups_datasets.updated(before.dataset, changes, now)
    worklist_store.save(connection, replace(before, dataset=after))
    return tell(connection, uid, ups_events.updated(uid, before.dataset, after))


def change_state(
    connection: sqlite3.Connection, uid: str, state: WorkitemState, transaction_uid: str | None, now: dt.datetime
) -> tuple[Status, list[News]]:
    """Moves the workitem; success, or the warning that it is there already. Raises `UpsRefused`."""
    before = fetch(connection, uid)
    outcome = _decide(TO_STATE[state], before, transaction_uid)
    if state is WorkitemState.COMPLETED and outcome.states and not ups_datasets.is_complete(before.dataset):
        raise UpsRefused(TO_STATE[state], Status.FINAL_STATE_UNMET)
    return outcome.status, _move(connection, replace(before, transaction_uid=transaction_uid), outcome, now)


def request_cancel(
    connection: sqlite3.Connection, uid: str, requester: str, asked: JSONDataset, now: dt.datetime
) -> tuple[Status, list[News]]:
    """Cancels a workitem that nobody has begun; whoever has begun one is told. Raises `UpsRefused`."""
    before = fetch(connection, uid)
    outcome = _decide(Request.CANCEL_REQUEST, before, None)
    news = []
    if not outcome.status.is_warning:
        news = tell(connection, uid, [ups_events.cancel_requested(uid, requester, asked)])
    if outcome.states:
        before = replace(before, dataset=ups_datasets.with_reason(before.dataset, asked))
    return outcome.status, news + _move(connection, before, outcome, now)


def _move(connection: sqlite3.Connection, workitem: Stored, outcome: Outcome, now: dt.datetime) -> list[News]:
    news: list[News] = []
    for state in outcome.states:
        dataset = ups_datasets.in_state(workitem.dataset, state, now)
        workitem = replace(workitem, state=state, dataset=dataset)
        news += tell(connection, workitem.uid, [ups_events.state_report(workitem.uid, dataset)])
    if outcome.states:
        worklist_store.save(connection, workitem)
        log.info("workitem moved", workitem_uid=workitem.uid, state=workitem.state.value)
    return news


def _decide(request: Request, workitem: Stored, transaction_uid: str | None) -> Outcome:
    outcome = decide(request, workitem.state, workitem.transaction_uid, transaction_uid)
    if outcome.status.is_failure:
        raise UpsRefused(request, outcome.status)
    return outcome
