"""A test of JSON datasets, for keys that no index helps with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pacs.archive.matchers import Matcher, Moments
from pacs.archive.matching import PAIRS, Key, matcher, moments
from pacs.archive.normal_forms import normal_forms, vr_of
from pacs.attributes import JSONDataset


def predicate(keys: Sequence[Key]) -> "Filter":
    """A test of JSON datasets: all keys match, those within one sequence in one and the same item (§C.2.2.2.6)."""
    here: dict[str, Matcher | None] = {key.path[0]: matcher(key) for key in keys if len(key.path) == 1}
    below: dict[str, list[Key]] = {}
    for key in keys:
        if len(key.path) > 1:
            below.setdefault(key.path[0], []).append(Key(key.path[1:], key.values))
    combined: dict[tuple[str, str], Moments] = {}
    for date, time in PAIRS.items():
        if both := moments(here.get(date), here.get(time)):
            combined[date, time] = both
            here[date] = here[time] = None
    matchers = {tag: found for tag, found in here.items() if found is not None}
    nested = {tag: inner for tag, inner in ((tag, predicate(inner)) for tag, inner in below.items()) if inner.narrows}
    return Filter(matchers, combined, nested)


@dataclass(frozen=True, slots=True)
class Filter:
    """See `predicate`."""

    matchers: Mapping[str, Matcher]
    combined: Mapping[tuple[str, str], Moments]
    nested: Mapping[str, "Filter"]

    @property
    def narrows(self) -> bool:
        """Whether there is any dataset that it does not accept."""
        return bool(self.matchers or self.combined or self.nested)

    def accepts(self, dataset: JSONDataset) -> bool:
        """Whether the dataset matches all keys."""
        return (
            all(any(map(wanted.accepts, _forms(dataset, tag))) for tag, wanted in self.matchers.items())
            and all(self._moment_fits(dataset, pair, both) for pair, both in self.combined.items())
            and all(any(map(inner.accepts, _items(dataset, tag))) for tag, inner in self.nested.items())
        )

    @staticmethod
    def _moment_fits(dataset: JSONDataset, pair: tuple[str, str], both: Moments) -> bool:
        date, time = (next(iter(_forms(dataset, tag)), "") for tag in pair)
        return both.accepts(date, time)


def _values(dataset: JSONDataset, tag: str) -> list[Any]:
    values: list[Any] = dataset.get(tag, {}).get("Value", [])
    return values


def _items(dataset: JSONDataset, tag: str) -> list[JSONDataset]:
    """The items of a sequence; what is none has none."""
    return _values(dataset, tag) if dataset.get(tag, {}).get("vr") == "SQ" else []


def _forms(dataset: JSONDataset, tag: str) -> list[str]:
    return normal_forms(vr_of(tag), _values(dataset, tag))
