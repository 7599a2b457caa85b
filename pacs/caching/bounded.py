"""A cache that is bounded in bytes; what is kept of one study can be dropped at once."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_OVERHEAD_BYTES = 600  # of an entry: its key, its places in the two dictionaries


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept: `what` of a series."""

    study: str
    series: str
    what: Hashable


@dataclass(eq=False, slots=True)
class Filling:
    """Answers under way for one study; `is_void` once the study was dropped meanwhile."""

    is_void: bool = False
    began_at: float = field(default_factory=time.monotonic)


class BoundedCache:
    """Entries up to `max_bytes` in all; the ones that were used last stay. 0 keeps nothing."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._of_study: dict[str, dict[str, set[Key]]] = {}
        self._fillings: dict[str, set[Filling]] = defaultdict(set)

    @property
    def is_on(self) -> bool:
        """Whether anything is kept at all."""
        return self._max_bytes > 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Any | None:
        """What is kept under `key`, which is its latest use."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    @contextmanager
    def filling(self, study: str) -> Iterator[Filling]:
        """Around everything that is read of a study to be kept: `put` takes nothing from before a `drop`."""
        filling = Filling()
        self._fillings[study].add(filling)
        try:
            yield filling
        finally:
            self._fillings[study].discard(filling)
            if not self._fillings[study]:
                del self._fillings[study]

    def put(self, key: Key, value: Any, size_bytes: int, filling: Filling) -> None:
        """Keeps `value`; what is larger than an eighth of the cache is not worth what it would push out."""
        size_bytes += _OVERHEAD_BYTES
        if filling.is_void or size_bytes > self._max_bytes / 8:
            return
        self.remove(key)
        self._entries[key] = value, size_bytes
        self._of_study.setdefault(key.study, {}).setdefault(key.series, set()).add(key)
        self.size_bytes += size_bytes
        while self.size_bytes > self._max_bytes:
            self.remove(next(iter(self._entries)))

    def remove(self, key: Key) -> None:
        """Forgets one entry, if there is such."""
        found = self._entries.pop(key, None)
        if found is None:
            return
        self.size_bytes -= found[1]
        of_study = self._of_study[key.study]
        of_study[key.series].discard(key)
        if not of_study[key.series]:
            del of_study[key.series]
        if not of_study:
            del self._of_study[key.study]

    def drop(self, study: str) -> None:
        """Forgets all of a study, and what is being read of it at this moment."""
        for filling in self._fillings.get(study, ()):
            filling.is_void = True
        for keys in tuple(self._of_study.get(study, {}).values()):
            for key in tuple(keys):
                self.remove(key)

    def keys(self, study: str, series: str) -> tuple[Key, ...]:
        """What is kept of a series."""
        return tuple(self._of_study.get(study, {}).get(series, ()))
