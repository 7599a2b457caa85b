"""Which objects a C-GET or C-MOVE asks for (PS3.4 §C.4.2.1.4, §C.4.3.1.3): unique keys, and nothing but them."""

import sqlite3
from functools import partial
from typing import Any

import structlog
from pynetdicom import evt

from pacs.archive import lookup
from pacs.archive.dimse import datasets
from pacs.archive.dimse.query_levels import ALL_LEVELS, QueryLevel, query_level
from pacs.archive.dimse.retrieval import DOES_NOT_MATCH_CLASS, NOT_PERFORMED, Progress
from pacs.archive.dimse.service import Caller
from pacs.archive.index import Index
from pacs.archive.lookup import Instance
from pacs.attributes import Dataset, JSONDataset
from pacs.errors import BadDicom, BadQuery

log = structlog.get_logger(__name__)

_MOST_VALUES = 10_000


class NotSelected(Exception):
    """Nothing can be retrieved; `answer` is the answer to that."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.answer = Progress(status=status, comment=comment)


def selected(event: evt.Event, index: Index, call: Caller) -> list[Instance]:
    """The instances, in order. `NotSelected` when the identifier does not say which, or the index cannot be read."""
    try:
        identifier = datasets.received(event, "Identifier")
        level = query_level(str(event.context.abstract_syntax), identifier)
        wanted = _unique_keys(identifier, level)
        return call(index.read(partial(lookup.select, wanted=wanted)))
    except (BadDicom, BadQuery) as error:
        raise NotSelected(DOES_NOT_MATCH_CLASS, str(error)) from error
    except (OSError, TimeoutError, sqlite3.Error) as error:
        log.error("dimse_retrieve_failed", reason=type(error).__name__)
        raise NotSelected(NOT_PERFORMED, "the index cannot be read now") from error


def _unique_keys(identifier: JSONDataset, level: QueryLevel) -> dict[str, list[str]]:
    """Values by level. Those above the level may be left out; at the level itself there may be several."""
    wanted: dict[str, list[str]] = {}
    for one in ALL_LEVELS[: ALL_LEVELS.index(level) + 1]:
        values = [text for value in Dataset(identifier).values(one.unique_key) if (text := _text(value))]
        if one is level and not values:
            raise BadQuery(f"{one.unique_key} is missing")
        if len(values) > (_MOST_VALUES if one is level else 1):
            raise BadQuery(f"{one.unique_key} has too many values")
        if values:
            wanted[one.unit] = values
    return wanted


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
