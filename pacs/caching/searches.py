"""What searches found, given out again while the PACS vouches that they would find the same."""

from collections.abc import Awaitable, Callable, Hashable

from cachetools import LRUCache

from pacs.attributes import Dataset
from pacs.caching.bounded import Key
from pacs.caching.rows import weight_bytes
from pacs.caching.states import State
from pacs.caching.vouched import VouchedCache

_REMEMBERED = 10_000

Find = Callable[[], Awaitable[list[Dataset]]]


class KeptSearches:
    """Keeps what is searched for more than once: a state costs the PACS something, too, and most are not."""

    def __init__(self, cache: VouchedCache) -> None:
        self._cache = cache
        self._seen: LRUCache[int, None] = LRUCache(_REMEMBERED)

    async def of(
        self, what: Hashable, state: Callable[[], Awaitable[State | None]], find: Find, find_afresh: Find
    ) -> list[Dataset]:
        """What `find` finds, or found in this very `state`; for reading only. Raises what they raise.

        `what` tells searches from each other: conditions, patient and attributes. What is kept is found by a search
        that begins after its state was read: by `find_afresh`.
        """
        told = await state() if hash(what) in self._seen else None
        if told is None:
            found = await find()
            if self._cache.is_on:  # and the search is none that is refused
                self._seen[hash(what)] = None
            return found
        key = Key("", "", what)
        kept: list[Dataset] | None = self._cache.get(key, told)
        if kept is None:
            with self._cache.filling(key.study) as filling:
                kept = await find_afresh()
                self._cache.put(key, kept, weight_bytes(kept), told, filling)
        return kept
