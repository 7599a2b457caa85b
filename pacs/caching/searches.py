"""What searches found, given out again while the PACS vouches that they would find the same."""

import time
from collections.abc import Awaitable, Callable, Hashable

from cachetools import LRUCache

from pacs.attributes import Dataset
from pacs.caching.bounded import Key
from pacs.caching.rows import weight_bytes
from pacs.caching.states import State
from pacs.caching.vouched import VouchedCache

_REMEMBERED = 10_000
_PAUSE_SECONDS = 5.0
"""After nobody vouched: of a study that has just come Orthanc waits a minute for more, unless it is told otherwise."""

Find = Callable[[], Awaitable[list[Dataset]]]


class KeptSearches:
    """Keeps what is searched for more than once: a state costs the PACS something, too, and most are not."""

    def __init__(self, cache: VouchedCache) -> None:
        self._cache = cache
        self._due: LRUCache[int, float] = LRUCache(_REMEMBERED)  # from when on a state is worth asking for

    async def of(
        self, what: Hashable, state: Callable[[], Awaitable[State | None]], find: Find, find_afresh: Find
    ) -> list[Dataset]:
        """What `find` finds, or found in this very `state`; for reading only. Raises what they raise.

        `what` tells searches from each other: conditions, patient and attributes. What is kept is found by a search
        that begins after its state was read: by `find_afresh`.
        """
        now, due = time.monotonic(), self._due.get(hash(what))
        told = None if due is None or now < due else await state()
        if told is None:
            found = await find()
            if self._cache.is_on and (due is None or now >= due):  # and the search is none that is refused
                self._due[hash(what)] = now if due is None else now + _PAUSE_SECONDS
            return found
        key = Key("", "", what)
        kept: list[Dataset] | None = self._cache.get(key, told)
        if kept is None:
            with self._cache.filling(key.study) as filling:
                kept = await find_afresh()
                self._cache.put(key, kept, weight_bytes(kept), told, filling)
        return kept
