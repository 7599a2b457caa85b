"""STOW-RS (PS3.18 §10.5) as its client: some objects in one request, and what became of each."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from pacs import multipart
from pacs.attributes import Dataset
from pacs.blocks import read_ahead
from pacs.bundle import Bundle
from pacs.client.answer import Answer
from pacs.client.failures import INSUFFICIENT_STORAGE, NO_SPACE
from pacs.dicomweb import DICOM_JSON, DicomWeb
from pacs.errors import Conflict, PacsError, PacsFault, Refused
from pacs.given_files import LEAST_BYTES, GivenFile, Giver
from pacs.part10 import Part10Header
from pacs.sources import ReadableFile

DICOM = "application/dicom"
_LEAST_BYTES_PER_SECOND = 16e6
"""Of a disk that must have written all of a file before the server answers."""
_DUPLICATE = 0x0111
_NOT_UNDERSTOOD = 400
"""What a server answers that has no such file, or does not know what it means to give one."""
_REFUSALS = frozenset({400, 409, 413, 415, 422, INSUFFICIENT_STORAGE})
_REASONS = {
    0x0110: "it could not process the object",
    0x0122: "it does not take this SOP Class",
    0xA700: "it is out of resources",
    0xA900: "the object does not match its SOP Class or study",
    0xC000: "it could not understand the object",
    0xC122: "it does not take this transfer syntax",
}


@dataclass(frozen=True)
class NewObject:
    """A Part 10 file that `part10.check` has passed: open, of `size` bytes, to be read from its start."""

    file: ReadableFile
    size: int
    header: Part10Header

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return self.header.sop_instance_uid


async def store(web: DicomWeb, objects: Sequence[NewObject]) -> list[PacsError | None]:
    """Sends objects of different UIDs in one request, streamed; None for each that is stored, else why it is not.

    Only an answer that lists an object in the Referenced SOP Sequence is believed (measured: servers say 200 and store
    nothing). `Conflict` when other content is stored under its UID; `Refused` with the reason, which is None when the
    server gives none. Raises the `PacsError` that hit the request as a whole.
    """
    given = await _given(web, objects)
    if given is not None:
        answer = await _post_given(web, given)
        if answer.status != _NOT_UNDERSTOOD:
            return _outcomes(answer, objects)
    return _outcomes(await _post(web, objects), objects)


async def _given(web: DicomWeb, objects: Sequence[NewObject]) -> GivenFile | None:
    """A large object's file, where it and the server are such as allow it."""
    file, size = objects[0].file, objects[0].size
    if not web.address.takes_given or len(objects) > 1 or size < LEAST_BYTES or not isinstance(file, Giver):
        return None
    try:
        return await file.give()
    except OSError:  # then its bytes may be read, or not, and who reads them says so
        return None


async def _post_given(web: DicomWeb, given: GivenFile) -> Answer:
    boundary = multipart.new_boundary()
    return await web.request(
        "POST",
        "studies",
        headers=_headers(boundary),
        content=multipart.opening(boundary, given.content_type) + multipart.closing(boundary),
        accept_errors=_REFUSALS,
        work_seconds=given.size / _LEAST_BYTES_PER_SECOND,
    )


async def _post(web: DicomWeb, objects: Sequence[NewObject]) -> Answer:
    bundle = Bundle.of([one.file for one in objects], [one.size for one in objects], DICOM)
    async with aclosing(read_ahead(bundle.blocks())) as content:
        return await web.request(
            "POST",
            "studies",
            headers=_headers(bundle.boundary) | {"Content-Length": str(bundle.size)},
            content=content,
            accept_errors=_REFUSALS,
        )


def _headers(boundary: str) -> dict[str, str]:
    return {"Accept": DICOM_JSON, "Content-Type": f'multipart/related; type="{DICOM}"; boundary={boundary}'}


def _outcomes(answer: Answer, objects: Sequence[NewObject]) -> list[PacsError | None]:
    outcome = _outcome(answer)
    stored = {item.text("ReferencedSOPInstanceUID") for item in outcome.items("ReferencedSOPSequence")}
    failed = list(outcome.items("FailedSOPSequence"))
    return [
        None if one.uid in stored else _failure(one.uid, failed, answer.status, is_alone=len(objects) == 1)
        for one in objects
    ]


def _failure(uid: str, failed: Sequence[Dataset], status: int, *, is_alone: bool) -> PacsError:
    own = [item for item in failed if is_alone or item.text("ReferencedSOPInstanceUID") == uid]
    reason = next((reason for item in own if (reason := item.integer("FailureReason")) is not None), None)
    if reason == _DUPLICATE:
        return Conflict("another object with this SOP Instance UID is stored already")
    return Refused(f"the PACS did not store the object: {_explain(reason, status)}", reason)


def _outcome(answer: Answer) -> Dataset:
    try:
        json = answer.json()
    except PacsFault:
        if answer.status < 400:
            raise
        return Dataset({})
    json = json[0] if isinstance(json, list) and json else json  # some servers answer with an array of one
    return Dataset(json if isinstance(json, dict) else {})


def _explain(reason: int | None, status: int) -> str:
    if reason is None and status == INSUFFICIENT_STORAGE:
        return NO_SPACE
    if reason is None:
        return "it does not say why" if status < 400 else f"it answered with status {status}"
    family = reason if reason in _REASONS else reason & 0xFF00 if reason & 0xF000 == 0xA000 else reason & 0xF000
    return f"{_REASONS.get(family, 'it failed')} (Failure Reason {reason:04X})"
