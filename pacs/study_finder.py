"""Searches for a patient's studies: each is made once more only where what it found may have changed."""

from collections.abc import Iterable
from functools import partial

from pacs.attributes import Dataset
from pacs.caching.searches import KeptSearches
from pacs.fence import Fence
from pacs.orthanc.index import OrthancIndex
from pacs.searches import StudySearch, newest_first


class StudyFinder:
    """Searches behind `fence`, and keeps what it found where `index` vouches. Raises the errors of `pacs.errors`."""

    def __init__(self, fence: Fence, index: OrthancIndex, kept: KeptSearches) -> None:
        self._fence = fence
        self._index = index
        self._kept = kept

    async def find(self, search: StudySearch, include: Iterable[str]) -> list[Dataset]:
        """The studies that fulfil `search`, newest first; for reading only."""
        include = frozenset(include)
        ask = partial(self._fence.studies, search, include)
        if self._index.is_seen():
            state = partial(self._index.state, search)
            found = await self._kept.of((search, include), state, ask, partial(ask, afresh=True))
        else:
            found = await ask()
        return sorted(found, key=newest_first, reverse=True)
