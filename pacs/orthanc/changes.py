"""Entries of Orthanc's log of changes.

Measured on 1.10.1: the log holds every new instance, but `StableStudy` only if Orthanc was not restarted within
StableAge; `Done` is false while more follows; an administrator may clear the log, after which numbers go on; an object
that is sent again unchanged leaves no trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Self

from pacs.orthanc.json import identifier, mapping, odd, text

Level = Literal["studies", "instances"]
_OF_EXAMS: Mapping[str, Level] = {"NewInstance": "instances", "NewStudy": "studies", "StableStudy": "studies"}


@dataclass(frozen=True)
class Change:
    """One entry of the log. `level` and `id` name what changed; `level` is None for what makes no exam."""

    sequence: int
    date: str
    """As `20261121T051237`, in UTC."""
    level: Level | None
    id: str


@dataclass(frozen=True)
class Changes:
    """A page of the log, in its order, and whether more follows."""

    entries: tuple[Change, ...]
    is_done: bool

    @classmethod
    def parse(cls, page: Mapping[str, Any], after: int) -> Self:
        """What Orthanc answers when it is asked for those behind number `after`."""
        found = page.get("Changes")
        if not isinstance(found, list):
            raise odd()
        entries = tuple(_change(mapping(one)) for one in found)
        numbers = [after, *(entry.sequence for entry in entries)]
        if any(first >= second for first, second in pairwise(numbers)):
            raise odd()
        return cls(entries, is_done=page.get("Done") is not False or not entries)


def _change(entry: Mapping[str, Any]) -> Change:
    sequence = entry.get("Seq")
    if not isinstance(sequence, int):
        raise odd()
    level = _OF_EXAMS.get(text(entry.get("ChangeType")))
    return Change(sequence, text(entry.get("Date")), level, identifier(entry.get("ID")) if level else "")
