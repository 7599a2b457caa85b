"""What is kept, together with the state of the PACS under which it was read: it is given out under no other."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from pacs.caching.bounded import BoundedCache, Filling, Key
from pacs.caching.states import SeriesRef, State, Witness
from pacs.told import if_told


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    state: State
    read_at: float


class VouchedCache:
    """Entries of `cache` for which `witness` must vouch at every use."""

    def __init__(self, cache: BoundedCache, witness: Witness) -> None:
        self._cache = cache
        self._witness = witness

    @property
    def is_on(self) -> bool:
        """Whether anything is kept at all."""
        return self._cache.is_on

    @property
    def instance_keywords(self) -> frozenset[str]:
        """What a state may tell of instances by itself."""
        return self._witness.instance_keywords

    async def state(self, series: SeriesRef, patient_id: str | None = None, *, look: bool = False) -> State | None:
        """The state of a series, to be read before what is kept under it; None: nothing of it can be kept."""
        if not self.is_on or not series.study:
            return None
        return await if_told(self._witness.state(series, patient_id, look=look))  # else the content may still be read

    def get(self, key: Key, state: State | None) -> Any | None:
        """What is kept under `key`, if it was read in this very state, and not too long ago for it."""
        kept: _Kept | None = self._cache.get(key)
        if kept is None or state is None:
            return None
        if kept.state == state and time.monotonic() - kept.read_at < state.lasts_seconds:
            return kept.value
        self._cache.remove(key)
        return None

    def holds(self, key: Key) -> bool:
        """Whether anything is kept under `key`, in whatever state."""
        return self._cache.get(key) is not None

    def keys(self, series: SeriesRef) -> tuple[Key, ...]:
        """What is kept of a series."""
        return self._cache.keys(series.study, series.series)

    def filling(self, study: str) -> AbstractContextManager[Filling]:
        """Around the reading of what is to be kept; see `BoundedCache.filling`."""
        return self._cache.filling(study)

    def put(self, key: Key, value: Any, size_bytes: int, state: State, filling: Filling) -> None:
        """Keeps what was read since `filling` began, after `state` was."""
        kept = _Kept(value, replace(state, instances=()), filling.began_at)
        self._cache.put(key, kept, size_bytes, filling)
