"""The printer's memory, which all associations share (PS3.4 H.4: C605, insufficient memory in printer)."""

import threading
from collections import Counter
from collections.abc import Hashable

from pacs.archive.dimse.printing.refused import OUT_OF_MEMORY, Refused

_MOST_BYTES = 256 * 1024 * 1024


class PrinterMemory:
    """How many bytes the images of each session take, and whether there is room for more."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: Counter[Hashable] = Counter()
        self._turn = threading.Lock()

    def hold(self, session: Hashable, size_bytes: int) -> None:
        """The images of a session take so much from now on; `Refused` when there is not so much left for them."""
        with self._turn:
            before = self._held[session]
            if size_bytes > before and self._held.total() - before + size_bytes > self._most_bytes:
                raise Refused(OUT_OF_MEMORY, "the images of all film sessions are too large")
            self._held[session] = size_bytes

    def free(self, session: Hashable) -> None:
        """The session has ended."""
        with self._turn:
            self._held.pop(session, None)
