"""Store (STOW-RS, PS3.18 §10.5): multipart/related of Part 10 files, of any number and size.

A part goes to disk as it comes; while the next one comes, it is checked and synced. Up to `BATCH_PARTS` parts are filed
together: a request that breaks off leaves nothing of the batch that it broke off in.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pacs import multipart
from pacs.archive import http
from pacs.archive.files import FileStore
from pacs.archive.filing import CANNOT_UNDERSTAND, Filing, Outcome
from pacs.archive.incoming import Incoming
from pacs.archive.received import Received
from pacs.attributes import JSONDataset
from pacs.errors import BadDicom
from pacs.multipart import BrokenMultipart, Part
from pacs.part10 import Part10Header
from pacs.uids import is_uid

log = structlog.get_logger(__name__)

BATCH_PARTS = 500
_CHECKS_AT_ONCE = 4
_MOST_WARNINGS = 5
_OTHER_STUDY = 0x0110


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of a part: stored when `reason` is 0. `header` is None for what could not be identified."""

    header: Part10Header | None
    reason: int = 0
    sentence: str = ""


class Store:
    """The Store transaction over one archive."""

    def __init__(self, filing: Filing, files: FileStore) -> None:
        self._filing = filing
        self._files = files

    async def post(self, request: Request) -> Response:
        """`POST /studies[/{study}]`: 200 all stored, 202 some, 409 none, 400 none understood, 415, 507."""
        study = request.path_params.get("study")
        boundary = _boundary(request)
        run = _Run(self._filing, self._files, study)
        try:
            await run.receive(multipart.read_parts(boundary, request.stream()))
        except BrokenMultipart as error:
            raise HTTPException(400, str(error)) from error
        except (OSError, sqlite3.OperationalError) as error:
            log.error("archive_store_failed", reason=type(error).__name__, errno=getattr(error, "errno", None))
            raise HTTPException(507, "the archive cannot write to its disk") from error
        except ClientDisconnect:
            log.info("archive_store_abandoned")
            return Response(status_code=400)
        finally:
            await run.clean_up()
        return _answer(run.results, http.base_url(request))


class _Run:
    """One request."""

    def __init__(self, filing: Filing, files: FileStore, study: str | None) -> None:
        self.results: list[_Result] = []
        self._filing = filing
        self._files = files
        self._study = study
        self._slots = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._batch: list[asyncio.Task[Received | _Result]] = []
        self._incoming: list[Incoming] = []

    async def receive(self, parts: AsyncIterator[Part]) -> None:
        """Takes all parts; `results` tells what became of them."""
        async for part in parts:
            content_type = multipart.MediaType.parse(part.headers.get("content-type", http.DICOM)).essence
            if content_type != http.DICOM:
                self.results.append(_Result(None, CANNOT_UNDERSTAND, f"a part is not {http.DICOM}"))
                continue
            await self._take(part)
            if len(self._batch) == BATCH_PARTS:
                await self._file_batch()
        await self._file_batch()

    async def clean_up(self) -> None:
        """Removes what was not filed, once nothing writes to it any more."""
        await asyncio.gather(*self._batch, return_exceptions=True)
        incoming, self._incoming, self._batch = self._incoming, [], []
        await asyncio.to_thread(_remove, incoming)

    async def _take(self, part: Part) -> None:
        incoming = Incoming(self._files.new_incoming())
        self._incoming.append(incoming)
        await incoming.fill(part.body)
        await self._slots.acquire()
        task = asyncio.create_task(self._check(incoming))
        task.add_done_callback(lambda _: self._slots.release())
        self._batch.append(task)

    async def _check(self, incoming: Incoming) -> Received | _Result:
        try:
            received = await asyncio.to_thread(incoming.finish)
        except BadDicom as error:
            return _Result(None, CANNOT_UNDERSTAND, str(error))
        if received.header.flaws:
            log.info("archive_untidy_file", flaws=received.header.flaws)
        if self._study is not None and received.header.study_instance_uid != self._study:
            return _Result(received.header, _OTHER_STUDY, "the object belongs to another study than the URL's")
        return received

    async def _file_batch(self) -> None:
        checked = await asyncio.gather(*self._batch)
        received = [one for one in checked if isinstance(one, Received)]
        outcomes = iter(await self._filing.file(received) if received else [])
        for one in checked:
            self.results.append(one if isinstance(one, _Result) else _result(one, next(outcomes)))
        await self.clean_up()


def _result(received: Received, outcome: Outcome) -> _Result:
    reason = 0 if outcome.is_success else outcome.value
    return _Result(received.header, reason, outcome.sentence)


def _remove(files: Iterable[Incoming]) -> None:
    for file in files:
        with suppress(OSError):
            file.discard()
            file.path.unlink(missing_ok=True)


def _boundary(request: Request) -> str:
    """The boundary of a body that this service takes; 415 for any other."""
    study = request.path_params.get("study")
    if study is not None and not is_uid(study, lenient=True):
        raise HTTPException(400, "the StudyInstanceUID in the URL is not a UID")
    media_type = multipart.MediaType.parse(request.headers.get("content-type", ""))
    if media_type.essence != http.MULTIPART or media_type.parameters.get("type", http.DICOM).lower() != http.DICOM:
        raise HTTPException(415, f'only {http.MULTIPART}; type="{http.DICOM}" is stored')
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "a compressed body is not understood")
    try:
        return multipart.boundary_of(request.headers["content-type"])
    except BrokenMultipart as error:
        raise HTTPException(400, str(error)) from error


def _answer(results: Sequence[_Result], base: str) -> Response:
    """The Store Instances Response Module (PS3.18 Annex I)."""
    if not results:
        raise HTTPException(400, "the body has no parts")
    stored = [result.header for result in results if result.header and not result.reason]
    refused = [result for result in results if result.reason]
    studies = list(dict.fromkeys(header.study_instance_uid for header in stored))
    answer: JSONDataset = {"00081190": {"vr": "UR"}}
    if len(studies) == 1:
        answer["00081190"]["Value"] = [f"{base}/studies/{studies[0]}"]
    sequences = {
        "00081199": [_stored_item(header, base) for header in stored],
        "00081198": [_failed_item(result) for result in refused if result.header],
        "0008119A": [_failed_item(result) for result in refused if not result.header],
    }
    answer.update({tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items})
    sentences = list(dict.fromkeys(result.sentence for result in refused))[:_MOST_WARNINGS]
    return http.dicom_json(answer, status=_status(stored, refused), warnings=sentences)


def _status(stored: Sequence[Part10Header], refused: Sequence[_Result]) -> int:
    if not refused:
        return 200
    if stored:
        return 202
    return 409 if any(result.header for result in refused) else 400


def _stored_item(header: Part10Header, base: str) -> JSONDataset:
    url = f"{base}/studies/{header.study_instance_uid}/series/{header.series_instance_uid}"
    return {
        **_references(header),
        "00081190": {"vr": "UR", "Value": [f"{url}/instances/{header.sop_instance_uid}"]},
    }


def _failed_item(result: _Result) -> JSONDataset:
    references = _references(result.header) if result.header else {}
    return {**references, "00081197": {"vr": "US", "Value": [result.reason]}}


def _references(header: Part10Header) -> JSONDataset:
    return {
        "00081150": {"vr": "UI", "Value": [header.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [header.sop_instance_uid]},
    }
