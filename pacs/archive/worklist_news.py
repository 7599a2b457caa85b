"""News of workitems: a report, and the AE titles that it goes to."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from pacs.archive import ups_events, worklist_subscriptions
from pacs.archive.filters import predicate
from pacs.archive.search_parameters import parse_search
from pacs.archive.ups_events import Report
from pacs.attributes import JSONDataset


@dataclass(frozen=True, slots=True)
class News:
    """A report, and who it goes to."""

    ae_titles: list[str]
    report: Report


def announce(connection: sqlite3.Connection, uid: str, dataset: JSONDataset) -> list[News]:
    """Subscribes who subscribed globally to a new workitem, and tells them of it."""
    for ae_title, deletion_lock, matching in worklist_subscriptions.global_subscribers(connection):
        if predicate(parse_search(matching, strict=True).keys).accepts(dataset):
            worklist_subscriptions.subscribe(connection, uid, ae_title, deletion_lock=deletion_lock)
    return tell(connection, uid, ups_events.created(uid, dataset))


def tell(connection: sqlite3.Connection, uid: str, reports: Iterable[Report]) -> list[News]:
    """Addresses reports to all who subscribed to the workitem."""
    ae_titles = worklist_subscriptions.subscribers(connection, uid)
    return [News(ae_titles, report) for report in reports] if ae_titles else []
