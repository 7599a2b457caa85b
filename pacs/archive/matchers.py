"""What a value has to fulfil: in Python for a normalised value (see `normal_forms`), in SQL for a column of them."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

_WITHOUT_SUCCESSOR = {"\ud7ff", "\U0010ffff"}
"""Characters that no other comes right after: a surrogate, which UTF-8 cannot write, or nothing."""


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
        """What follows a `*` is taken where it comes first and never sought again, so time grows with the value alone.

        Sought again, four stars kept a processor for 80 s over a text of 1,500 characters (measured).
        """
        first, *others = ["".join("." if one == "?" else re.escape(one) for one in run) for run in self._runs]
        if not others:
            return re.compile(first, re.DOTALL)
        *between, last = others
        return re.compile(first + "".join(f"(?>.*?{run})" for run in between) + f".*{last}", re.DOTALL)

    @property
    def _runs(self) -> list[str]:
        """What stands between the stars."""
        return re.split(r"\*+", self.pattern)

    def accepts(self, value: str) -> bool:
        """See `Matcher`."""
        return self._regex.fullmatch(value) is not None

    def condition(self, column: str) -> Condition:
        """See `Matcher`; what stands before the first wildcard bounds the search in the column's index."""
        glob = self.pattern.replace("[", "[[]")
        prefix = re.split(r"[*?]", self.pattern, maxsplit=1)[0]
        if not prefix:
            return Condition(f"{column} GLOB ?", (glob,))
        if prefix[-1] in _WITHOUT_SUCCESSOR:
            return Condition(f"{column} GLOB ?", (glob,))
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
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
