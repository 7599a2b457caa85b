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
from dataclasses import dataclass

from pacs.archive.matchers import Matcher, Moments, OneOf, Range, Wildcard
from pacs.archive.normal_forms import latest, normal, vr_of
from pacs.attributes import PADDING
from pacs.errors import BadQuery

LIST_VRS = frozenset({"UI", "CS"})
"""VRs whose characters leave room for a separator, so that several values can be asked for."""

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_RANGE_VRS = frozenset({"DA", "TM", "DT"})
_LAST = "99999999999999.999999"
_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", re.ASCII)
_DATETIME = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?", re.ASCII)
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


def matcher(key: Key) -> Matcher | None:
    """How to match a key; None when it matches everything. `BadQuery` when the VR forbids the value."""
    vr, values = key.vr, tuple(filter(None, (value.strip(PADDING) for value in key.values)))
    if not values or vr == "SQ" or (vr in _WILDCARD_VRS and all(set(value) == {"*"} for value in values)):
        return None
    if vr in _RANGE_VRS:
        return _range(key, vr, values[0])
    wild = [value for value in values if vr in _WILDCARD_VRS and ("*" in value or "?" in value)]
    if len(wild) == 1 == len(values):
        return Wildcard(normal(vr, wild[0]))
    if wild:
        raise BadQuery(f"{'.'.join(key.path)}: wildcards and a list of values do not go together")
    return OneOf(tuple(normal(vr, value) for value in values))


def moments(date: Matcher | None, time: Matcher | None) -> Moments | None:
    """The date and the time as one range, when both are ranges."""
    return Moments(date, time) if isinstance(date, Range) and isinstance(time, Range) else None


def _range(key: Key, vr: str, text: str) -> Matcher:
    shape = {"DA": _DATE, "TM": _TIME, "DT": _DATETIME}[vr]
    single = text.replace(":", "") if vr == "TM" else text.replace(".", "") if vr == "DA" else text
    if shape.fullmatch(single):
        return OneOf((normal(vr, single),)) if vr != "DT" else Range(normal(vr, single), latest(vr, single))
    bounds = _DATETIME_RANGE.fullmatch(single) if vr == "DT" else None
    low, dash, high = (bounds["low"] or "", "-", bounds["high"] or "") if bounds else single.partition("-")
    if not dash or not (low or high) or not all(shape.fullmatch(bound) for bound in (low, high) if bound):
        raise BadQuery(f"{'.'.join(key.path)}: neither a {vr} nor a range of them")
    return Range(normal(vr, low) if low else "0", latest(vr, high) if high else _LAST)
