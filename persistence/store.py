"""The service's memory: one protocol, a noun each, and the function that opens it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from persistence.records import ExamEvent, NewExamEvent
from persistence.sqlite import SqliteStore


class ExamEvents(Protocol):
    """The log of exam events."""

    async def append_event(self, event: NewExamEvent, *, dedupe_seconds: float = 0) -> ExamEvent:
        """Stores `event` under the next sequence number; durable when this returns.

        With `dedupe_seconds`, an event with the same body received within that time is answered, and nothing stored.
        """
        ...

    async def events_after(
        self,
        sequence: int | None,
        *,
        limit: int,
        patient_id: str | None = None,
        modalities: Sequence[str] | None = None,
    ) -> list[ExamEvent]:
        """At most `limit` events behind `sequence`, oldest first; `None` starts at the oldest that is kept.

        An event matches `modalities` when any of its own is among them. Raises `CursorExpired` when events
        behind `sequence` have been removed.
        """
        ...

    async def event(self, sequence: int) -> ExamEvent | None:
        """The event with this sequence number, if it is kept."""
        ...

    async def last_sequence(self) -> int:
        """The newest sequence number ever given; 0 before the first event."""
        ...

    async def first_sequence(self) -> int:
        """The oldest sequence number that is kept, or that the next event will get when none is."""
        ...

    async def forget_events(self, through: int) -> None:
        """Removes all events up to and with `through`; their numbers are never given again."""
        ...


class IssuedUids(Protocol):
    """The UIDs that were issued."""

    async def reserve_uids(self, uids: Sequence[str]) -> list[str]:
        """Records `uids` as issued; returns those that had not been, in order. No UID is ever returned twice."""
        ...


class Cursors(Protocol):
    """How far each reader of the event log has come."""

    async def cursor(self, name: str) -> int | None:
        """The sequence number saved under `name`."""
        ...

    async def save_cursor(self, name: str, sequence: int) -> None:
        """Saves `sequence` under `name`; a cursor never moves back."""
        ...


class Store(ExamEvents, IssuedUids, Cursors, Protocol):
    """Everything the service remembers. Any method may raise `StoreUnavailable`."""

    async def ping(self) -> None:
        """Returns when the store answers."""
        ...

    async def close(self) -> None:
        """Finishes what is being written and lets go of the store."""
        ...


async def open_store(url: str | None, data_dir: Path) -> Store:
    """The store that `url` names: `sqlite:///path` or `mongodb://…`; without one, `state.sqlite` in `data_dir`.

    Raises `ValueError` for a URL that names neither, `StoreInUse` when another server has the data directory,
    `StoreUnusable` for a database that cannot be read.
    """
    if url is None:
        return await SqliteStore.open(data_dir / "state.sqlite")
    if (scheme := url.partition("://")[0].lower()) == "sqlite":
        return await SqliteStore.open(_sqlite_path(url))
    raise ValueError(f"{scheme!r} is not a kind of store: write sqlite:///path/to/file or mongodb://host/database")


def _sqlite_path(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or path in ("", "/") or path.endswith("/"):
        raise ValueError("a SQLite store is written sqlite:///path/to/file: three slashes, then the path of a file")
    return Path(path)
