"""Answers to C-FIND (PS3.7 §9.1.2, PS3.4 §C.4.1): the matches, unless somebody cancels, and what went wrong."""

import sqlite3
from collections.abc import Callable, Iterator

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from pacs.archive.dimse.statuses import status
from pacs.archive.faults import report
from pacs.errors import BadDicom, BadQuery

PENDING, PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01
_CANCELLED = 0xFE00
_OUT_OF_RESOURCES, _DOES_NOT_MATCH_CLASS = 0xA700, 0xA900

Matches = Iterator[tuple[int, Dataset]]
Answers = Iterator[tuple[int | Dataset, Dataset | None]]


def answering(find: Callable[[Event], Matches], *, logged_as: str) -> Callable[[Event], Answers]:
    """A handler that answers what `find` finds, each match with its pending status; faults are `logged_as` that.

    `find` may raise `BadDicom` and `BadQuery` for an identifier that is none.
    """

    def handler(event: Event) -> Answers:
        try:
            for pending, match in find(event):
                if event.is_cancelled:
                    yield _CANCELLED, None
                    return
                yield pending, match
        except (BadDicom, BadQuery) as error:
            yield status(_DOES_NOT_MATCH_CLASS, str(error)), None
        except (OSError, TimeoutError, sqlite3.Error) as error:
            yield status(_OUT_OF_RESOURCES, report(logged_as, error).sentence), None

    return handler
