"""The instances of series, read through the cache: what the PACS's own state of a series still vouches for is not read.

The patient is part of what an entry is kept under, and the state is asked for that patient's series alone: the fence
holds for what is kept as for what is read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from pacs.attributes import Dataset
from pacs.caching.bounded import Filling, Key
from pacs.caching.rows import column, compact, in_number_order, weight_bytes
from pacs.caching.states import Place, SeriesRef, State
from pacs.caching.vouched import VouchedCache
from pacs.tables import Rows, Table

ALWAYS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "InstanceNumber"})
"""What is kept of every instance, asked for or not: whose it is, and where it stands."""
_ROWS_AT_ONCE = 200

T = TypeVar("T")
Read = Callable[[str, Sequence[SeriesRef], frozenset[str]], Awaitable[dict[Place, Rows]]]
"""The instances of a patient's series with these attributes, in order, asked of the PACS now."""


@dataclass(frozen=True, slots=True)
class _What:
    """Under what the instances of a series are kept."""

    patient_id: str
    keywords: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Missing:
    """A series that is not kept, or not as it is now."""

    ref: SeriesRef
    state: State | None
    filling: Filling


class CachedInstances:
    """Reads instances by `read`, and keeps them where their PACS vouches for them."""

    def __init__(self, cache: VouchedCache, read: Read) -> None:
        self._cache = cache
        self._read = read

    async def of(self, patient_id: str, series: Iterable[SeriesRef], include: Iterable[str]) -> dict[Place, Rows]:
        """The patient's instances of each of these series that has any, by Instance Number; nobody may change them."""
        refs = list({ref.place: ref for ref in series}.values())
        what = _What(patient_id, ALWAYS | frozenset(include))
        with ExitStack() as stack:
            studies = {ref.study for ref in refs}
            fillings = {study: stack.enter_context(self._cache.filling(study)) for study in studies}
            found = await asyncio.gather(*(self._told(ref, what, fillings[ref.study]) for ref in refs))
            missing = [one for one in found if isinstance(one, _Missing)]
            rows = {ref.place: own for ref, own in zip(refs, found, strict=True) if not isinstance(own, _Missing)}
            return {place: own for place, own in rows.items() if own} | await self._fill(what, missing)

    async def _told(self, ref: SeriesRef, what: _What, filling: Filling) -> Rows | _Missing:
        """What is kept of a series, or what its state tells by itself, while the states of others are still read."""
        state, kept = await self._look_up(ref, what)
        if kept is not None:
            return kept
        if not (state and state.instances and what.keywords <= self._cache.instance_keywords):
            return _Missing(ref, state, filling)
        rows = await aside(len(state.instances), in_number_order, state.instances)
        if _is_whole(ref, rows):  # as it is: a witness tells little, and what rows share once
            self._cache.put(Key(ref.study, ref.series, what), rows, weight_bytes(rows), state, filling)
        return rows

    async def _look_up(self, ref: SeriesRef, what: _What) -> tuple[State | None, Rows | None]:
        """The state of a series, and what is kept under it; where nothing is, what the state may tell by itself."""
        state = await self._cache.state(ref, what.patient_id)
        kept = self._kept(ref, what, state) if state else None
        if kept is None and state and not state.instances and what.keywords <= self._cache.instance_keywords:
            state = await self._cache.state(ref, what.patient_id, look=True)
        return state, kept

    def _kept(self, ref: SeriesRef, what: _What, state: State) -> Rows | None:
        kept = (key for key in self._cache.keys(ref) if _has(key, what))
        for key in (Key(ref.study, ref.series, what), *kept):
            rows: Rows | None = self._cache.get(key, state)
            if rows is not None:
                return rows
        return None

    async def _fill(self, what: _What, missing: list[_Missing]) -> dict[Place, Rows]:
        """Reads what is not kept, and keeps what has a state, which was read first."""
        found = await self._read(what.patient_id, [one.ref for one in missing], what.keywords) if missing else {}
        for ref, state, filling in ((one.ref, one.state, one.filling) for one in missing):
            own = found.get(ref.place, [])
            if state is None or not _is_whole(ref, own):
                continue
            if not isinstance(own, Table):
                own = found[ref.place] = await aside(len(own), compact, own)
            self._cache.put(Key(ref.study, ref.series, what), own, weight_bytes(own), state, filling)
        return found


async def aside(rows: int, work: Callable[..., T], *arguments: object) -> T:
    """What `work` returns; with many rows in a thread, so that other requests go on meanwhile."""
    return work(*arguments) if rows <= _ROWS_AT_ONCE else await asyncio.to_thread(work, *arguments)


def _has(key: Key, wanted: _What) -> bool:
    """Whether what is kept has all that is wanted. (Orthanc's `all` lacks some that it gives when asked; measured.)"""
    kept = key.what
    if not isinstance(kept, _What) or kept.patient_id != wanted.patient_id:
        return False
    return wanted.keywords <= kept.keywords


def _is_whole(ref: SeriesRef, rows: Rows) -> bool:
    """Whether the rows say whose they are, are of this study and as many as were counted: else they are not kept."""
    if not rows or not all(column(rows, "PatientID", Dataset.__contains__)):
        return False
    count = ref.row.integer("NumberOfSeriesRelatedInstances") if ref.row else None
    return count in (None, len(rows)) and set(column(rows, "StudyInstanceUID", Dataset.text)) == {ref.study}
