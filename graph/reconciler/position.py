"""How far Orthanc's log of changes has been read, and how to tell that it is still the same log."""

from dataclasses import asdict, dataclass, replace
from typing import Self

import orjson

from pacs.orthanc.changes import Change


@dataclass(frozen=True)
class Position:
    """Behind one entry of the log; the default is its beginning.

    Numbers alone do not tell one log from another: an Orthanc whose database was replaced counts from 1 again, and may
    have overtaken the number by now. So the entry's date stands beside it.
    """

    sequence: int = 0
    date: str = ""
    """Of the entry with that number."""
    newest: str = ""
    """The newest date read so far, of this log or of one before it."""
    is_again: bool = False
    """Whether the log is read from its beginning once more: what is older than `newest` was read before."""

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """What `text()` wrote; None for anything else."""
        try:
            return cls(**orjson.loads(text or ""))
        except (orjson.JSONDecodeError, TypeError):
            return None

    def text(self) -> str:
        """For `parse`."""
        return orjson.dumps(asdict(self)).decode()

    def is_at(self, change: Change) -> bool:
        """Whether the log has, in its place, the entry behind which this stands."""
        return (self.sequence, self.date) == (change.sequence, change.date)

    def is_news(self, change: Change) -> bool:
        """Whether an entry that follows was not read before."""
        return not self.is_again or change.date >= self.newest

    def after(self, change: Change) -> "Position":
        """Behind the next entry."""
        newest = max(self.newest, change.date) if self.is_news(change) else self.newest
        return replace(self, sequence=change.sequence, date=change.date, newest=newest)

    def at_end(self) -> "Position":
        """Here, where everything has been read: what follows is new. An empty log may yet be filled by a restore."""
        return replace(self, is_again=self.is_again and not self.sequence)

    def at_beginning(self) -> "Position":
        """Before the first entry of another log, or of the rest of this one."""
        return Position(newest=self.newest, is_again=True)
