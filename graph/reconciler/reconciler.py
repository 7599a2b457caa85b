"""Exams that Orthanc's script lost: found in Orthanc's log of changes, and announced as the script would have done.

Orthanc does not try a post again, and forgets an announcement that is due when it is restarted; its log of changes
keeps every instance that came. This reads the log behind a bookmark in the store, waits until each study is stable,
and appends its event under the key of that state of the study: the store keeps one event for a key, whether the script,
this process or another replica brings it. The bookmark moves only over changes whose events are in the store, so a
crash loses nothing; replicas may move each other's back, which costs requests and no event.
"""

import asyncio
from collections.abc import Callable

import structlog

from graph.new_exams import new_event
from graph.reconciler.change_log import ChangeLog
from graph.reconciler.waiting import Waiting, WaitingList
from pacs.announcement import Announcement, BadAnnouncement
from pacs.errors import NotFound, PacsError, PacsFault
from pacs.orthanc.api import Orthanc
from persistence.errors import StoreError
from persistence.feed import ExamFeed
from persistence.protocol import Bookmarks

log = structlog.get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 60.0

Told = Callable[[Announcement], None]


class Reconciler:
    """Looks into the log of one Orthanc until closed."""

    def __init__(
        self,
        orthanc: Orthanc,
        url: str,
        bookmarks: Bookmarks,
        feed: ExamFeed,
        *,
        source: str,
        poll_seconds: float = 10.0,
        told: Told = lambda _: None,
    ) -> None:
        """`url` tells one Orthanc's bookmark from another's; `source` is the SourceID of the events.

        `told` hears of every exam that was announced here and by nobody else.
        """
        self._orthanc = orthanc
        self._feed = feed
        self._source = source
        self._poll_seconds = poll_seconds
        self._told = told
        self._waiting = WaitingList()
        self._log = ChangeLog(orthanc, url, bookmarks, self._waiting)
        self._unreadable: set[Waiting] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins, whether Orthanc answers or not."""
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stops; what waits is found again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> bool:
        """Announces what waited since the last look and is stable now, and reads on; returns whether more can be read.

        That a study waits from one look to the next gives Orthanc's own script its turn. Raises PacsError or StoreError
        when Orthanc or the store does not answer; nothing is lost by that.
        """
        await self._find_studies()
        announced = [waiting for waiting in self._waiting.of("studies") if await self._announce(waiting)]
        if announced:
            log.info("exams announced that nobody had announced", count=len(announced))
        return await self._log.read_on()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                more = await self.look()
            except Exception as error:  # whatever it is, exams must not go missing from now on
                is_known = isinstance(error, PacsError | StoreError)
                if not failures:
                    log.warning("Orthanc's changes cannot be followed", reason=str(error), exc_info=not is_known)
                failures, more = failures + 1, False
            else:
                if failures:
                    log.info("Orthanc's changes are followed again", failures=failures)
                failures = 0
            if not more:
                await asyncio.sleep(self._pause_seconds(failures))

    def _pause_seconds(self, failures: int) -> float:
        longest: float = max(self._poll_seconds, _LONGEST_PAUSE_SECONDS)
        return min(self._poll_seconds * 2.0 ** min(failures, 16), longest)

    async def _find_studies(self) -> None:
        """Puts in the place of every waiting instance its study, for a whole series at once."""
        instances = {waiting.id for waiting in self._waiting.of("instances")}
        while instances:
            instance = instances.pop()
            waiting = Waiting("instances", instance)
            try:
                found = await self._orthanc.study_of(instance)
            except PacsFault as error:
                self._complain(waiting, error)
                continue
            self._unreadable.discard(waiting)
            study, siblings = found or (None, frozenset({instance}))
            for sibling in siblings & {instance, *instances}:
                position = self._waiting.remove(Waiting("instances", sibling))
                if study is not None:
                    self._waiting.add(Waiting("studies", study), position)
            instances -= siblings

    async def _announce(self, waiting: Waiting) -> bool:
        """Whether the study was stable, and nobody had announced it as it is."""
        is_new = False
        try:
            body = await self._orthanc.announcement(waiting.id, self._source)
            if body is None:
                return False
            is_new = await self._append(Announcement.parse(body))
        except NotFound:
            pass  # deleted meanwhile
        except BadAnnouncement as error:
            log.warning("an exam cannot be announced", orthanc_id=waiting.id, reason=str(error))
        except PacsFault as error:
            self._complain(waiting, error)
            return False
        self._waiting.remove(waiting)
        self._unreadable.discard(waiting)
        return is_new

    async def _append(self, announcement: Announcement) -> bool:
        event = new_event(announcement)
        stored = await self._feed.append(event, key=announcement.state_key)
        is_new = stored.received_at == event.received_at  # or another replica's, of the same millisecond
        if is_new:
            self._told(announcement)
        return is_new

    def _complain(self, waiting: Waiting, error: PacsFault) -> None:
        """Once; it alone stays behind, and is asked for at every look."""
        if waiting not in self._unreadable:
            self._unreadable.add(waiting)
            log.warning("Orthanc does not tell what it has", orthanc_id=waiting.id, reason=str(error))
