"""What the log named and nobody has announced yet."""

from dataclasses import dataclass

from graph.reconciler.position import Position
from pacs.orthanc.changes import Level


@dataclass(frozen=True)
class Waiting:
    """A study, or an instance whose study is not known yet."""

    level: Level
    id: str


class WaitingList:
    """All that waits, each with the position from which the log must be read to find it again."""

    def __init__(self) -> None:
        self._positions: dict[Waiting, Position] = {}

    def add(self, waiting: Waiting, position: Position) -> None:
        """From before the earliest change that names it."""
        known = self._positions.get(waiting, position)
        self._positions[waiting] = min(known, position, key=_sequence)

    def remove(self, waiting: Waiting) -> Position:
        """Takes it off the list; where it stood."""
        return self._positions.pop(waiting)

    def of(self, level: Level) -> list[Waiting]:
        """What waits of that level."""
        return [waiting for waiting in self._positions if waiting.level == level]

    def move_all(self, position: Position) -> None:
        """To be found again from there: the log is another one."""
        self._positions = dict.fromkeys(self._positions, position)

    def safe(self, read: Position) -> Position:
        """Where to begin after a restart, if the log has been read to `read`."""
        return min((read, *self._positions.values()), key=_sequence)


def _sequence(position: Position) -> int:
    return position.sequence
