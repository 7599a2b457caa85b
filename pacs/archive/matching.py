"""Attribute matching, PS3.4 §C.2.2.2: one table for SQL columns, JSON datasets and C-FIND identifiers.

| kind | VRs | rule |
|---|---|---|
| universal | all | an empty value, and `*` alone where wildcards are, match everything |
| list | UI, CS | one of several values |
| range | DA, TM, DT | `a-b`, `a-`, `-b`, inclusive; a bound of reduced precision includes all it may mean |
| wildcard | AE CS LO LT PN SH ST UC UR UT | `*` any run, `?` one character |
| single value | all others | by meaning: 1030 is 103000, 01 is 1 |

Case counts, except in names (PN). A date and a time that are both ranges are one range (§C.2.2.2.5.4).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

from pydicom.datadict import dictionary_VR

from pacs.attributes import JSONDataset
from pacs.errors import BadQuery

LIST_VRS = frozenset({"UI", "CS"})
"""VRs whose characters leave room for a separator, so that several values can be asked for."""

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_RANGE_VRS = frozenset({"DA", "TM", "DT"})
_NUMBER_VRS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_TIME_LENGTH = len("HHMMSS.FFFFFF")
_DATETIME_LENGTH = len("YYYYMMDDHHMMSS.FFFFFF")
_LAST = "99999999999999.999999"
_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", re.ASCII)
_DATETIME = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?", re.ASCII)
_ZONE = re.compile(r"[+-]\d{4}$", re.ASCII)
_DATETIME_RANGE = re.compile(r"(?P<low>\d[\d.]*(?:[+-]\d{4})?)?-(?P<high>\d[\d.]*(?:[+-]\d{4})?)?", re.ASCII)

PAIRS = {
    "00080012": "00080013",  # Instance Creation
    "00080020": "00080030",  # Study
    "00080021": "00080031",  # Series
    "00080022": "00080032",  # Acquisition
    "00080023": "00080033",  # Content
    "00400002": "00400003",  # Scheduled Procedure Step Start
    "00400244": "00400245",  # Performed Procedure Step Start
}
"""Dates with the time of day that belongs to each."""


@dataclass(frozen=True, slots=True)
class Key:
    """One matching key: the path of tags to the attribute, outermost first, and what is asked of it.

    `values` has more than one member only for a list.
    """

    path: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def vr(self) -> str:
        """The VR that the dictionary gives the attribute."""
        return vr_of(self.path[-1])


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL, with its parameters in order."""

    sql: str
    parameters: tuple[str, ...]


class Matcher(Protocol):
    """What a normalised value (see `normal_forms`) has to fulfil."""

    def accepts(self, value: str) -> bool:
        """Whether the value matches."""

    def condition(self, column: str) -> Condition:
        """The same in SQL, for a column of normalised values."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Equal to one of the values."""

    values: tuple[str, ...]

    def accepts(self, value: str) -> bool:
        """See `Matcher`."""
        return value in self.values

    def condition(self, column: str) -> Condition:
        """See `Matcher`."""
        if len(self.values) == 1:
            return Condition(f"{column} = ?", self.values)
        return Condition(f"{column} IN ({', '.join('?' * len(self.values))})", self.values)


@dataclass(frozen=True)
class Wildcard:
    """`*` stands for any characters, `?` for one."""

    pattern: str

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts = {"*": ".*", "?": "."}
        return re.compile(
            "".join(parts.get(character) or re.escape(character) for character in self.pattern), re.DOTALL
        )

    def accepts(self, value: str) -> bool:
        """See `Matcher`."""
        return self._regex.fullmatch(value) is not None

    def condition(self, column: str) -> Condition:
        """See `Matcher`; what stands before the first wildcard bounds the search in the column's index."""
        glob = self.pattern.replace("[", "[[]")
        prefix = re.split(r"[*?]", self.pattern, maxsplit=1)[0]
        if not prefix:
            return Condition(f"{column} GLOB ?", (glob,))
        after = prefix[:-1] + chr(min(ord(prefix[-1]) + 1, 0x10FFFF))
        return Condition(f"({column} >= ? AND {column} < ? AND {column} GLOB ?)", (prefix, after, glob))


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included."""

    low: str
    high: str

    def accepts(self, value: str) -> bool:
        """See `Matcher`."""
        return value != "" and self.low <= value <= self.high

    def condition(self, column: str) -> Condition:
        """See `Matcher`; an empty value is in no range."""
        return Condition(f"({column} BETWEEN ? AND ? AND {column} <> '')", (self.low, self.high))


@dataclass(frozen=True, slots=True)
class Moments:
    """A range of dates and a range of times of day, as one range of moments."""

    dates: Range
    times: Range

    def accepts(self, date: str, time: str) -> bool:
        """Whether the moment lies between the first date's first time and the last date's last time."""
        return (
            self.dates.accepts(date)
            and (date > self.dates.low or time >= self.times.low)
            and (date < self.dates.high or time <= self.times.high)
        )

    def condition(self, date: str, time: str) -> Condition:
        """The same in SQL, for the two columns."""
        within = self.dates.condition(date)
        return Condition(
            f"({within.sql} AND ({date} > ? OR {time} >= ?) AND ({date} < ? OR {time} <= ?))",
            (*within.parameters, self.dates.low, self.times.low, self.dates.high, self.times.high),
        )


def matcher(key: Key) -> Matcher | None:
    """How to match a key; None when it matches everything. `BadQuery` when the VR forbids the value."""
    vr, values = key.vr, tuple(value.strip() for value in key.values if value.strip())
    if not values or vr == "SQ" or (vr in _WILDCARD_VRS and all(set(value) == {"*"} for value in values)):
        return None
    if vr in _RANGE_VRS:
        return _range(key, vr, values[0])
    wild = [value for value in values if vr in _WILDCARD_VRS and ("*" in value or "?" in value)]
    if len(wild) == 1 == len(values):
        return Wildcard(_normal(vr, wild[0]))
    if wild:
        raise BadQuery(f"{'.'.join(key.path)}: wildcards and a list of values do not go together")
    return OneOf(tuple(_normal(vr, value) for value in values))


def moments(date: Matcher | None, time: Matcher | None) -> Moments | None:
    """The date and the time as one range, when both are ranges."""
    return Moments(date, time) if isinstance(date, Range) and isinstance(time, Range) else None


def normal_forms(vr: str, values: Iterable[Any]) -> list[str]:
    """The values of a JSON attribute in the form that matchers compare: a name gives one for each representation."""
    return [_normal(vr, text) for value in values for text in _texts(vr, value)]


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
            and all(any(map(inner.accepts, _values(dataset, tag))) for tag, inner in self.nested.items())
        )

    @staticmethod
    def _moment_fits(dataset: JSONDataset, pair: tuple[str, str], both: Moments) -> bool:
        date, time = (next(iter(_forms(dataset, tag)), "") for tag in pair)
        return both.accepts(date, time)


@lru_cache(maxsize=4096)
def vr_of(tag: str) -> str:
    """The dictionary's VR of a tag written as eight hexadecimal digits; LO for private and unknown ones."""
    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "LO"


def _values(dataset: JSONDataset, tag: str) -> list[Any]:
    values: list[Any] = dataset.get(tag, {}).get("Value", [])
    return values


def _forms(dataset: JSONDataset, tag: str) -> list[str]:
    return normal_forms(vr_of(tag), _values(dataset, tag))


def _texts(vr: str, value: Any) -> list[str]:
    if value is None:
        return []
    if vr == "PN":
        return [value[kind] for kind in _REPRESENTATIONS if value.get(kind)] if isinstance(value, Mapping) else [value]
    return [str(value)]


def _normal(vr: str, text: str) -> str:
    text = text.strip()
    if vr == "PN":
        return text.rstrip("^= ").casefold()
    if vr == "DA":
        return text.replace(".", "").replace("-", "")
    if vr == "TM":
        return _padded(text.replace(":", ""), "000000.000000", _TIME_LENGTH)
    if vr == "DT":
        return _padded(_ZONE.sub("", text), "00000101000000.000000", _DATETIME_LENGTH)
    return _number(text) if vr in _NUMBER_VRS else text


def _padded(text: str, lowest: str, length: int) -> str:
    """The earliest moment that a time of reduced precision may mean."""
    return (text + lowest[len(text) :])[:length] if text else ""


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def _range(key: Key, vr: str, text: str) -> Matcher:
    shape = {"DA": _DATE, "TM": _TIME, "DT": _DATETIME}[vr]
    single = text.replace(":", "") if vr == "TM" else text.replace(".", "") if vr == "DA" else text
    if shape.fullmatch(single):
        return OneOf((_normal(vr, single),)) if vr != "DT" else Range(_normal(vr, single), _latest(vr, single))
    bounds = _DATETIME_RANGE.fullmatch(single) if vr == "DT" else None
    low, dash, high = (bounds["low"] or "", "-", bounds["high"] or "") if bounds else single.partition("-")
    if not dash or not (low or high) or not all(shape.fullmatch(bound) for bound in (low, high) if bound):
        raise BadQuery(f"{'.'.join(key.path)}: neither a {vr} nor a range of them")
    return Range(_normal(vr, low) if low else "0", _latest(vr, high) if high else _LAST)


def _latest(vr: str, text: str) -> str:
    """The latest moment that a bound may mean: 12 is until 12:59:59.999999."""
    if vr == "DA":
        return _normal(vr, text)
    highest, length = ("235959.999999", _TIME_LENGTH) if vr == "TM" else ("99991231235959.999999", _DATETIME_LENGTH)
    return _padded(_ZONE.sub("", text) if vr == "DT" else text, highest, length)
