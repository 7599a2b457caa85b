"""How many sockets a client may hold open: counted for its address until it says who it is, then for the principal."""

from collections import Counter
from types import TracebackType
from typing import Self

from graph.errors import ContractError, ErrorCode


class SocketCounts:
    """The sockets that are open, by client."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def slot(self) -> "Slot":
        """A place for one socket, given back at the end of the `with` block."""
        return Slot(self)

    def take(self, key: str) -> None:
        """Counts a socket; raises RATE_LIMITED where the client has too many."""
        if self._open[key] >= self._most:
            raise ContractError(ErrorCode.RATE_LIMITED, f"At most {self._most} sockets may be open at once.")
        self._open[key] += 1

    def give_back(self, key: str) -> None:
        """Counts a socket no more."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]


class Slot:
    """One socket's place: its client's, as soon as that is known."""

    def __init__(self, counts: SocketCounts) -> None:
        self._counts = counts
        self._key: str | None = None

    def count_for(self, key: str) -> None:
        """Moves to this client's count; raises RATE_LIMITED where the client has too many."""
        if key != self._key:
            self._counts.take(key)
            self._leave()
            self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._key is not None:
            self._counts.give_back(self._key)
            self._key = None
