"""How it is known that a PACS would answer today as it did before: the state of what it is asked for, in its own words.

Equal states mean equal content. A state is read before the content that is kept with it, and again at every use. Where
the PACS counts instances and tells when a study was updated (Study Update DateTime, as the embedded PACS does), every
object that comes, goes or is replaced makes another state. Where it only counts, a replaced object does not: then what
is kept serves for a few seconds, not longer.
"""

import math
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pacs.attributes import Dataset

Place = tuple[str, str]
"""The UIDs of a study and of one of its series: another study may have a series with the same UID."""

COUNTED = frozenset({"NumberOfSeriesRelatedInstances"})
UPDATED = frozenset({"StudyUpdateDateTime"})

_COUNTS_ALONE_LAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A series, and the row by which the PACS described it in the course of this request, where it did."""

    study: str
    series: str
    row: Dataset | None = None

    @property
    def place(self) -> Place:
        """Where it is, whoever described it."""
        return self.study, self.series

    @property
    def count(self) -> int:
        """How many instances it is said to have; 0 where nobody says."""
        return (self.row.integer("NumberOfSeriesRelatedInstances") if self.row else None) or 0


@dataclass(frozen=True, slots=True)
class State:
    """Compared with another of the same series, or studies; what is kept under it serves for `lasts_seconds`."""

    value: Hashable
    lasts_seconds: float = math.inf
    instances: Sequence[Dataset] = field(default=(), compare=False, repr=False)
    """What the witness learned of the instances when it looked; empty where it did not look at them."""


def place_of(instance: Dataset) -> Place:
    """Where an instance says it is."""
    return instance.text("StudyInstanceUID") or "", instance.text("SeriesInstanceUID") or ""


def batches(series: Iterable[SeriesRef], most: int) -> list[list[SeriesRef]]:
    """Series in as few lists as have no more than `most` instances each, or one series."""
    found: list[list[SeriesRef]] = []
    instances = 0
    for ref in series:
        if instances + ref.count > most or not found:
            found.append([])
            instances = 0
        found[-1].append(ref)
        instances += ref.count
    return found


class Witness(Protocol):
    """Tells the states of series."""

    @property
    def row_keywords(self) -> frozenset[str]:
        """What a row of a series must have to tell its state without another request."""
        ...

    @property
    def instance_keywords(self) -> frozenset[str]:
        """What `State.instances` tells."""
        ...

    async def state(self, series: SeriesRef, patient_id: str | None, *, look: bool = False) -> State | None:
        """As it is at some moment after this call began; None where the PACS does not tell.

        `look` asks for `State.instances` as well, from a witness that has any.
        `patient_id`, where it is known, must be whose the series is. Raises the errors of `pacs.errors`.
        """
        ...


Find = Callable[[SeriesRef, str | None, frozenset[str]], Awaitable[list[Dataset]]]
"""The rows of a series (of the patient, where one is given) with these attributes, asked of the PACS now."""


class CountWitness:
    """The state of a series by its row: the number of its instances, and when its study was updated."""

    def __init__(self, find: Find, *, tells_updates: bool) -> None:
        self._find = find
        self._tells_updates = tells_updates

    @property
    def row_keywords(self) -> frozenset[str]:
        """See `Witness`."""
        return COUNTED | UPDATED if self._tells_updates else COUNTED

    @property
    def instance_keywords(self) -> frozenset[str]:
        """See `Witness`."""
        return frozenset()

    async def state(
        self,
        series: SeriesRef,
        patient_id: str | None,
        *,
        look: bool = False,  # noqa: ARG002  # there is nothing to look at
    ) -> State | None:
        """See `Witness`; None as well for a series that several patients have."""
        rows = [series.row] if series.row else await self._find(series, patient_id, self.row_keywords)
        if len(rows) != 1:
            return None
        count, updated = rows[0].integer("NumberOfSeriesRelatedInstances"), rows[0].text("StudyUpdateDateTime")
        if count is None or (self._tells_updates and updated is None):
            return None
        return State((count, updated)) if updated and self._tells_updates else State(count, _COUNTS_ALONE_LAST_SECONDS)
