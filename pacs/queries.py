"""Query strings for QIDO-RS that every server reads the same way (PS3.18 §8.3.4).

Measured: Orthanc before 1.13 does not percent-decode, takes a comma for OR, ignores case and has no way to be sent a
space or a letter beyond ASCII; all take `*` and `?` for wildcards. So what cannot be sent becomes `*`, and **every
answer is filtered here** on what was really asked: `Match`.
"""

import datetime as dt
import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from pacs.attributes import Dataset, parse_date
from pacs.errors import BadQuery

_UNSENDABLE = re.compile(r"[^A-Za-z0-9._~^:@/-]+", re.ASCII)
_SPECIAL = re.compile(r"[*?,\\\\]+")
_MAX_QUERY_LENGTH = 3_900
"""Of a whole query string: with the path before it, it passes proxies that take request lines of 4 KiB."""
_LEAST_LIST_LENGTH = 1_000
"""What is left to UIDs beside whatever many attributes that are asked for."""
_MAX_TEXT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days, both ends included; None is open."""

    start: dt.date | None = None
    end: dt.date | None = None

    def __contains__(self, day: dt.date | None) -> bool:
        return day is not None and (self.start or day) <= day <= (self.end or day)

    def __str__(self) -> str:
        """`20260101-20260131`, `20260101-`, `-20260131`; one day is that day."""
        start, end = (f"{day:%Y%m%d}" if day else "" for day in (self.start, self.end))
        return start if start == end else f"{start}-{end}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with DICOM's wildcards, `*` any run and `?` one character (PS3.4 §C.2.2.2.4); case does not count."""

    text: str


Wanted = str | Pattern | DateRange
"""What an attribute must be: exactly this text, a pattern, or within a range of days."""


@dataclass(frozen=True)
class Match:
    """The conditions of a search by keyword, for the server and for its answers."""

    wanted: dict[str, Wanted]
    decodes: bool = False
    """Whether the server percent-decodes its query string."""
    unsaid: frozenset[str] = frozenset()
    """Texts that an answer may leave out: whoever allows that looks elsewhere."""

    @property
    def is_widened(self) -> bool:
        """Whether a server that decodes could be asked for less."""
        texts = (wanted.text if isinstance(wanted, Pattern) else wanted for wanted in self.wanted.values())
        return not self.decodes and any(_UNSENDABLE.search(text) for text in texts if isinstance(text, str))

    def parameters(self) -> Iterator[str]:
        """`PatientID=…` and so on, each ready to stand in a query string."""
        for keyword, wanted in self.wanted.items():
            if sent := self._send(wanted):
                yield f"{keyword}={sent}"

    def accepts(self, dataset: Dataset) -> bool:
        """Whether an answer fulfils every condition; one on an attribute that it leaves out counts as fulfilled.

        The exception is a text, which must be there and equal in every character: it may be the fence.
        """
        return all(
            _fulfils(dataset, keyword, wanted)
            for keyword, wanted in self.wanted.items()
            if keyword in dataset or keyword not in self.unsaid
        )

    def _send(self, wanted: Wanted) -> str:
        if isinstance(wanted, DateRange):
            return str(wanted)
        if isinstance(wanted, Pattern):
            return quote(wanted.text, safe="*?^") if self.decodes else _widened_pattern(wanted.text)
        text = _first_value(wanted)
        return quote(_SPECIAL.sub("*", text), safe="*^") if self.decodes else _UNSENDABLE.sub("*", text)


def exact(name: str, text: str) -> str:
    """A text fit to be asked for; `BadQuery` naming the parameter when it is empty, too long or not printable."""
    text = text.strip(" ")
    if not text:
        raise BadQuery(f"{name} is empty")
    if len(text) > _MAX_TEXT_LENGTH:
        raise BadQuery(f"{name} has {len(text)} characters, at most {_MAX_TEXT_LENGTH} are allowed")
    if not text.isprintable():
        raise BadQuery(f"{name} has characters that cannot be printed")
    return text


def is_sendable(text: str) -> bool:
    """Whether every server can be asked for this very text, and for no other."""
    return not _UNSENDABLE.search(text)


def query(*parts: Iterable[str]) -> str:
    """Parameters joined to a query string."""
    return "&".join(parameter for part in parts for parameter in part)


def uid_lists(keyword: str, uids: Iterable[str], beside: str = "") -> Iterator[str]:
    """`StudyInstanceUID=a,b,…` in as many parameters as keep each request's URL short enough for any server.

    `beside` is the query string of which each becomes a part.
    """
    batch: list[str] = []
    length = 0
    most = max(_MAX_QUERY_LENGTH - len(beside) - len(f"&{keyword}="), _LEAST_LIST_LENGTH)
    for uid in uids:
        if batch and length + len(uid) > most:
            yield f"{keyword}={','.join(batch)}"
            batch, length = [], 0
        batch.append(uid)
        length += len(uid) + 1
    if batch:
        yield f"{keyword}={','.join(batch)}"


def _first_value(text: str) -> str:
    """Servers match value by value, or all as one text: by what begins as the first value does, both find it."""
    first, backslash, _ = text.partition("\\")
    return f"{first}*" if backslash else text


def _widened_pattern(text: str) -> str:
    """The pattern with `*` for what cannot be sent; its own `?` stay."""
    return "?".join(_UNSENDABLE.sub("*", part) for part in text.split("?"))


def _fulfils(dataset: Dataset, keyword: str, wanted: Wanted) -> bool:
    if isinstance(wanted, str):
        return dataset.whole_text(keyword) == wanted
    values = dataset.texts(keyword)
    if not values:
        return keyword not in dataset
    if isinstance(wanted, DateRange):
        return parse_date(values[0]) in wanted
    return any(_glob(wanted.text).fullmatch(value) for value in values)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """By fnmatch, whose expressions do not backtrack: a pattern of many `*` costs no more than one."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.IGNORECASE)
