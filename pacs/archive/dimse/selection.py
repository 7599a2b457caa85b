"""Which objects a C-GET or C-MOVE asks for (PS3.4 §C.4.2.1.4, §C.4.3.1.3): unique keys, and nothing but them."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pynetdicom import evt

from pacs.archive import lookup
from pacs.archive.dimse import datasets
from pacs.archive.dimse.query_levels import ALL_LEVELS, QueryLevel, query_level
from pacs.archive.dimse.retrieval import DOES_NOT_MATCH_CLASS, NOT_PERFORMED, Progress
from pacs.archive.dimse.sending import Sendable
from pacs.archive.dimse.service import Caller
from pacs.archive.faults import report
from pacs.archive.index import Index
from pacs.archive.lookup import Instance
from pacs.attributes import Dataset, JSONDataset
from pacs.errors import BadDicom, BadQuery

_MOST_VALUES = 10_000

Choose = Callable[[str, JSONDataset], Callable[[sqlite3.Connection], Sequence[Sendable]]]
"""How to read the objects that an identifier names in an information model; `BadQuery` when it does not."""


class NotSelected(Exception):
    """Nothing can be retrieved; `answer` is the answer to that."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.answer = Progress(status=status, comment=comment)


def selected(event: evt.Event, index: Index, call: Caller, choose: Choose) -> Sequence[Sendable]:
    """The objects, in order. `NotSelected` when the identifier does not say which, or the index cannot be read."""
    try:
        identifier = datasets.received(event, "Identifier")
        return call(index.read(choose(str(event.context.abstract_syntax), identifier)))
    except (BadDicom, BadQuery) as error:
        raise NotSelected(DOES_NOT_MATCH_CLASS, str(error)) from error
    except (OSError, TimeoutError, sqlite3.Error) as error:
        raise NotSelected(NOT_PERFORMED, report("dimse_retrieve_failed", error).sentence) from error


def of_patients(model: str, identifier: JSONDataset) -> Callable[[sqlite3.Connection], list[Instance]]:
    """The objects of the patients, studies, series or images that an identifier names; see `Choose`."""
    return partial(lookup.select, wanted=_unique_keys(identifier, query_level(model, identifier)))


def unique_values(identifier: JSONDataset, keyword: str, *, most: int = _MOST_VALUES) -> list[str]:
    """The values of a unique key; `BadQuery` for none, and for more than `most`."""
    values = [text for value in Dataset(identifier).values(keyword) if (text := _text(value))]
    if not values:
        raise BadQuery(f"{keyword} is missing")
    if len(values) > most:
        raise BadQuery(f"{keyword} has too many values")
    return values


def _unique_keys(identifier: JSONDataset, level: QueryLevel) -> dict[str, list[str]]:
    """Values by level. Those above the level may be left out; at the level itself there may be several."""
    wanted: dict[str, list[str]] = {}
    for one in ALL_LEVELS[: ALL_LEVELS.index(level)]:
        if any(map(_text, Dataset(identifier).values(one.unique_key))):
            wanted[one.unit] = unique_values(identifier, one.unique_key, most=1)
    return {**wanted, level.unit: unique_values(identifier, level.unique_key)}


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
