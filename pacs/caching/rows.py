"""The datasets of a series as they are kept: what was asked for and no more, what rows share kept once, and weighed."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from pacs.attributes import Dataset, JSONDataset, KeptDataset, tag

_SAMPLE = 8
_COMPLETED_BYTES = 1_000  # what a row's last answer holds besides: a dictionary, a link or two


def compact(datasets: Iterable[Dataset], keywords: frozenset[str]) -> list[Dataset]:
    """The datasets with the attributes `keywords` alone (`all`: with everything), equal elements being one object."""
    tags = None if "all" in keywords else frozenset(map(tag, keywords))
    last: JSONDataset = {}
    kept: list[Dataset] = []
    for dataset in datasets:
        found = dataset.json.items()
        json = {
            name: last[name] if last.get(name) == element else element
            for name, element in found
            if tags is None or name in tags
        }
        kept.append(KeptDataset(json))
        last = json
    return kept


def weight_bytes(datasets: Sequence[Dataset]) -> int:
    """About how much memory they hold: a sample is weighed, what neighbours share once."""
    if not datasets:
        return 0
    step = max(1, len(datasets) // _SAMPLE)
    seen: set[int] = set()
    bytes_, weighed = 0, 0
    for index in range(0, len(datasets), step):
        if index:  # what the row shares with the one before it weighs nothing
            _weigh(datasets[index - 1].json, seen)
        bytes_ += _COMPLETED_BYTES + sys.getsizeof(datasets[index]) + _weigh(datasets[index].json, seen)
        weighed += 1
    return bytes_ * len(datasets) // weighed


def _weigh(value: Any, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        size += sum(_weigh(name, seen) + _weigh(item, seen) for name, item in value.items())
    elif isinstance(value, list):
        size += sum(_weigh(item, seen) for item in value)
    return size
