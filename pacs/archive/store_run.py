"""The objects of one Store request on their way into the archive.

A part goes to disk as it comes, or names a file that is there; while the next one comes, it is checked and synced. Up
to `BATCH_PARTS` parts are filed together: a request that breaks off leaves nothing of the batch that it broke off in.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import structlog

from pacs.archive import http
from pacs.archive.destinations import Destination
from pacs.archive.faults import Fault
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.incoming import Incoming
from pacs.archive.outcomes import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, Outcome
from pacs.archive.received import Received
from pacs.archive.store_report import Result
from pacs.archive.taken import Taken
from pacs.errors import BadDicom
from pacs.given_files import GivenFile, NotGiven
from pacs.multipart import MediaType, Part

log = structlog.get_logger(__name__)

BATCH_PARTS = 500
_CHECKS_AT_ONCE = 4


class StoreRun:
    """What becomes of the parts of one request, batch by batch."""

    def __init__(self, filing: Filing, files: FileStore, destination: Destination, *, takes_given: bool) -> None:
        self.results: list[Result] = []
        self._filing = filing
        self._files = files
        self._destination = destination
        self._takes_given = takes_given
        self._slots = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._batch: list[asyncio.Task[Received | Result]] = []
        self._incoming: list[Incoming | Taken] = []

    async def receive(self, parts: AsyncIterator[Part]) -> None:
        """Takes all parts; `results` tells what became of them."""
        async for part in parts:
            media_type = MediaType.parse(part.headers.get("content-type", http.DICOM))
            try:
                await (self._take(part) if media_type.essence == http.DICOM else self._take_given(media_type))
            except NotGiven:
                self.results.append(Result(None, CANNOT_UNDERSTAND, f"a part is not {http.DICOM}"))
            if len(self._batch) == BATCH_PARTS:
                await self._file_batch()
        await self._file_batch()

    async def give_up(self, fault: Fault) -> None:
        """Nothing of the present batch is filed."""
        for one in await asyncio.gather(*self._batch, return_exceptions=True):
            if isinstance(one, Received):
                self.results.append(Result(one.header, OUT_OF_RESOURCES, fault.sentence))
            elif isinstance(one, Result):
                self.results.append(one)

    async def clean_up(self) -> None:
        """Removes what was not filed, once nothing writes to it any more."""
        await asyncio.gather(*self._batch, return_exceptions=True)
        incoming, self._incoming, self._batch = self._incoming, [], []
        await asyncio.to_thread(_remove, incoming)

    async def _take(self, part: Part) -> None:
        incoming = Incoming(self._files.new_incoming())
        self._incoming.append(incoming)
        await incoming.fill(part.body)
        await self._begin_to_check(incoming)

    async def _take_given(self, media_type: MediaType) -> None:
        if not self._takes_given:
            raise NotGiven
        given = GivenFile.parse(media_type)
        taken = Taken(self._files.new_incoming())
        self._incoming.append(taken)
        await taken.fill(given)
        await self._begin_to_check(taken)

    async def _begin_to_check(self, incoming: Incoming | Taken) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(self._check(incoming))
        task.add_done_callback(lambda _: self._slots.release())
        self._batch.append(task)

    async def _check(self, incoming: Incoming | Taken) -> Received | Result:
        try:
            received = await asyncio.to_thread(incoming.finish)
        except BadDicom as error:
            return Result(None, CANNOT_UNDERSTAND, str(error))
        if received.header.flaws:
            log.info("archive_untidy_file", flaws=received.header.flaws)
        objection = self._destination.objection(received.header)
        return Result(received.header, objection.reason, objection.sentence) if objection else received

    async def _file_batch(self) -> None:
        checked = await asyncio.gather(*self._batch)
        received = [one for one in checked if isinstance(one, Received)]
        outcomes = iter(await self._filing.file(received) if received else [])
        for one in checked:
            self.results.append(one if isinstance(one, Result) else _result(one, next(outcomes)))
        await self.clean_up()


def _result(received: Received, outcome: Outcome) -> Result:
    reason = 0 if outcome.is_success else outcome.value
    return Result(received.header, reason, outcome.sentence)


def _remove(files: Iterable[Incoming | Taken]) -> None:
    for file in files:
        with suppress(OSError):
            file.discard()
        with suppress(OSError):  # the next start clears up
            file.path.unlink(missing_ok=True)
