"""Store (STOW-RS, PS3.18 §10.5, and §12.5): multipart/related of Part 10 files, of any number and size.

A part goes to disk as it comes, or names a file that is there; while the next one comes, it is checked and synced. Up
to `BATCH_PARTS` parts are filed together: a request that breaks off leaves nothing of the batch that it broke off in.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from pacs import multipart
from pacs.archive import http, store_report
from pacs.archive.destinations import Destination, Studies
from pacs.archive.faults import Fault, report
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.incoming import Incoming
from pacs.archive.outcomes import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, Outcome
from pacs.archive.received import Received
from pacs.archive.store_report import Result
from pacs.archive.taken import Taken
from pacs.archive.transactions import transaction
from pacs.errors import BadDicom
from pacs.given_files import GivenFile, NotGiven
from pacs.multipart import BrokenMultipart, MediaType, Part

log = structlog.get_logger(__name__)

BATCH_PARTS = 500
_CHECKS_AT_ONCE = 4


class Store:
    """The Store transaction over one archive; with `takes_given`, also of parts that stand for a `GivenFile`."""

    def __init__(self, filing: Filing, files: FileStore, *, takes_given: bool = False) -> None:
        self._filing = filing
        self._files = files
        self._takes_given = takes_given

    @transaction(name="Store", consumes=(http.PARTS_OF_DICOM,), produces=(http.DICOM_JSON,))
    async def post(self, request: Request) -> Response:
        """`POST /studies[/{study}]`; see `take`."""
        return await self.take(request, Studies.of(request))

    async def take(self, request: Request, destination: Destination) -> Response:
        """Stores a body: 200 all stored, 202 (or 200) some, 409 none, 400 none understood, 415.

        A fault of the disk or the index is a 5xx: nothing is kept of the batch that it falls into. What was filed
        before is kept, and the answer lists it.
        """
        parts = _parts(request, destination)
        run = _Run(self._filing, self._files, destination, takes_given=self._takes_given)
        try:
            await run.receive(parts)
        except BrokenMultipart as error:
            raise HTTPException(400, str(error)) from error
        except (OSError, sqlite3.Error) as error:
            fault = report("archive_store_failed", error)
            await run.give_up(fault)
            if not run.results:
                return PlainTextResponse(fault.sentence, fault.status)
            return store_report.answer(run.results, destination, http.base_url(request), status=fault.status)
        except ClientDisconnect:
            log.info("archive_store_abandoned")
            return Response(status_code=400)
        finally:
            await run.clean_up()
        return store_report.answer(run.results, destination, http.base_url(request))


class _Run:
    """One request."""

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


def _parts(request: Request, destination: Destination) -> AsyncIterator[Part]:
    """The parts of a body that this service takes; 415 for any other."""
    media_type = MediaType.parse(request.headers.get("content-type", ""))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "a compressed body is not understood")
    if destination.takes_one_alone and media_type.essence == http.DICOM:
        return _one_part(request)
    if media_type.essence != http.MULTIPART or media_type.parameters.get("type", http.DICOM).lower() != http.DICOM:
        raise HTTPException(415, f'only {http.MULTIPART}; type="{http.DICOM}" is stored')
    try:
        boundary = multipart.boundary_of(request.headers["content-type"])
    except BrokenMultipart as error:
        raise HTTPException(400, str(error)) from error
    return multipart.read_parts(boundary, request.stream())


async def _one_part(request: Request) -> AsyncIterator[Part]:
    yield Part({"content-type": http.DICOM}, request.stream())
