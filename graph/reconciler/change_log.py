"""Orthanc's log of changes, read behind a bookmark in the store."""

import hashlib

import structlog

from graph.reconciler.position import Position
from graph.reconciler.waiting import Waiting, WaitingList
from pacs.orthanc.api import Orthanc
from persistence.protocol import Bookmarks

log = structlog.get_logger(__name__)

_PAGE = 1000
_PAGES_A_LOOK = 10


class ChangeLog:
    """The log of the Orthanc at `url`, which tells its bookmark from another's; what it names comes to `waiting`."""

    def __init__(self, orthanc: Orthanc, url: str, bookmarks: Bookmarks, waiting: WaitingList) -> None:
        self._orthanc = orthanc
        self._bookmarks = bookmarks
        self._waiting = waiting
        self._name = f"orthanc-changes:{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        self._read: Position | None = None
        self._saved: Position | None = None

    async def read_on(self) -> bool:
        """Notes what changed, and moves the bookmark; returns whether more can be read."""
        if self._read is None:
            self._read = await self._begin()
        self._read, is_done = await self._read_from(await self._continue(self._read))
        await self._save(self._read)
        return not is_done

    async def _begin(self) -> Position:
        """The bookmark; without one, the end of the log: exams from before are none of this service's."""
        saved = Position.parse(await self._bookmarks.bookmark(self._name))
        if saved is not None:
            return saved
        last = await self._orthanc.last_change()
        begun = Position().after(last) if last else Position()
        await self._bookmarks.save_bookmark(self._name, begun.text())
        return begun

    async def _continue(self, read: Position) -> Position:
        """Where to read on: where it was left, or at the beginning of a log that is not the one that was read.

        Such is a log that was cleared, and that of another database.
        """
        if not read.sequence:
            return read
        page = await self._orthanc.changes(read.sequence - 1, 1)
        if page.entries and read.is_at(page.entries[0]):
            return read
        if not page.entries and await self._orthanc.last_change() is None:
            return read  # cleared, and nothing new that would tell whether numbers go on
        log.info("Orthanc's log of changes is not the one that was read: it is read from its beginning")
        beginning = read.at_beginning()
        self._waiting.move_all(beginning)
        return beginning

    async def _read_from(self, position: Position) -> tuple[Position, bool]:
        """Notes what changed; the position reached, and whether it is the end of the log."""
        for _ in range(_PAGES_A_LOOK):
            page = await self._orthanc.changes(position.sequence, _PAGE)
            for change in page.entries:
                if change.level and position.is_news(change):
                    self._waiting.add(Waiting(change.level, change.id), position)
                position = position.after(change)
            if page.is_done:
                return position.at_end(), True
        return position, False

    async def _save(self, read: Position) -> None:
        safe = self._waiting.safe(read)
        if safe != self._saved:
            await self._bookmarks.save_bookmark(self._name, safe.text())
            self._saved = safe
