"""Store (STOW-RS, PS3.18 §10.5, and §12.5): multipart/related of Part 10 files, of any number and size."""

import sqlite3
from collections.abc import AsyncIterator

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from pacs import multipart
from pacs.archive import http, store_report
from pacs.archive.destinations import Destination, Studies
from pacs.archive.faults import report
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.store_run import StoreRun
from pacs.archive.transactions import transaction
from pacs.multipart import BrokenMultipart, MediaType, Part

log = structlog.get_logger(__name__)


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
        run = StoreRun(self._filing, self._files, destination, takes_given=self._takes_given)
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
