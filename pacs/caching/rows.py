"""The instances of series as they are kept: what was asked for and no more, what rows share kept once, and weighed."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pacs.attributes import Dataset, JSONDataset, tag
from pacs.caching.states import Place, place_of
from pacs.searches import in_order
from pacs.tables import Rows, Table

T = TypeVar("T")
ALL = "all"
"""Stands for every attribute, whatever it is."""
_SAMPLE = 8


def dealt(rows: Iterable[Dataset], keywords: frozenset[str]) -> dict[Place, Rows]:
    """The rows of each series with the attributes `keywords`, by Instance Number and UID."""
    if ALL in keywords:
        return {place: in_number_order(own) for place, own in _by_place(rows).items()}
    return {place: table.in_number_order() for place, table in tabled(rows, keywords).items()}


def tabled(rows: Iterable[Dataset], keywords: frozenset[str]) -> dict[Place, Table]:
    """The same in tables, in the order of the rows; of attributes that are named, not `all`."""
    tags = list(map(tag, keywords))
    return {place: Table.of([row.json for row in own], tags) for place, own in _by_place(rows).items()}


def _by_place(rows: Iterable[Dataset]) -> dict[Place, list[Dataset]]:
    found: dict[Place, list[Dataset]] = {}
    for row in rows:
        found.setdefault(place_of(row), []).append(row)
    return found


def in_number_order(rows: Rows) -> Rows:
    """The instances of one series, by Instance Number and UID."""
    if isinstance(rows, Table):
        return rows.in_number_order()
    return sorted(rows, key=lambda row: in_order(row, "InstanceNumber", "SOPInstanceUID"))


def column(rows: Rows, keyword: str, read: Callable[[Dataset, str], T]) -> list[T]:
    """What `read`, such as `Dataset.text`, makes of an attribute in each row."""
    return rows.column(keyword, read) if isinstance(rows, Table) else [read(row, keyword) for row in rows]


def compact(datasets: Iterable[Dataset]) -> list[Dataset]:
    """The same datasets with everything, elements that neighbours share being one object."""
    last: JSONDataset = {}
    kept: list[Dataset] = []
    for dataset in datasets:
        last = {name: last[name] if last.get(name) == element else element for name, element in dataset.json.items()}
        kept.append(Dataset(last))
    return kept


def weight_bytes(rows: Rows) -> int:
    """About how much memory they hold: a sample is weighed, what neighbours share once."""
    if isinstance(rows, Table):
        return _weight_of_table(rows)
    if not rows:
        return 0
    step = max(1, len(rows) // _SAMPLE)
    seen: set[int] = set()
    bytes_, weighed = 0, 0
    for index in range(0, len(rows), step):
        if index:  # what the row shares with the one before it weighs nothing
            _weigh(rows[index - 1].json, seen)
        bytes_ += sys.getsizeof(rows[index]) + _weigh(rows[index].json, seen)
        weighed += 1
    return bytes_ * len(rows) // weighed


def _weight_of_table(table: Table) -> int:
    seen: set[int] = set()
    columns: list[Sequence[Any]] = [*(element["Value"] for element in table.each.values()), *table.others.values()]
    bytes_ = _weigh(table.same, seen)
    for values in columns:
        told = [value for value in values if value is not None]
        sample = told[:: max(1, len(told) // _SAMPLE)]
        bytes_ += sys.getsizeof(values)
        bytes_ += sum(_weigh(value, seen) for value in sample) * len(told) // max(1, len(sample))
    return bytes_


def _weigh(value: Any, seen: set[int]) -> int:
    size, left = 0, [value]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        if isinstance(one, dict):
            left += one
            left += one.values()
        elif isinstance(one, list):
            left += one
    return size
