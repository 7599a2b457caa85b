"""The Studies Service of a PACS, as its client: STOW-RS, QIDO-RS and WADO-RS (PS3.18 ch. 10)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pacs import multipart
from pacs.attributes import Dataset
from pacs.dicomweb import DICOM_JSON, Answer, DicomWeb, pieces
from pacs.errors import Conflict, NotFound, PacsFault, Refused
from pacs.queries import Match, query, uid_lists
from pacs.retrieved import AS_STORED, checked

_DICOM = "application/dicom"
_CHUNK_BYTES = 1024 * 1024
_DUPLICATE = 0x0111
_REFUSALS = frozenset({400, 409, 413, 415, 422})
_REASONS = {
    0x0110: "it could not process the object",
    0x0122: "it does not take this SOP Class",
    0xA700: "it is out of resources",
    0xA900: "the object does not match its SOP Class or study",
    0xC000: "it could not understand the object",
    0xC122: "it does not take this transfer syntax",
}


@dataclass(frozen=True)
class ObjectFile:
    """The bytes of one stored object as they come, and how many there will be where the PACS tells."""

    length: int | None
    chunks: AsyncIterator[bytes]


class Studies:
    """Searches, stores and retrieves over one `DicomWeb`. Every answer is filtered on what was asked for."""

    def __init__(self, web: DicomWeb) -> None:
        self._web = web

    async def search(
        self,
        resource: str,
        match: Match,
        *,
        include: Iterable[str] = (),
        uids: tuple[str, Iterable[str]] | None = None,
    ) -> list[Dataset]:
        """All `studies`, `series` or `instances` that fulfil `match` (QIDO-RS, PS3.18 §10.6).

        `include` names attributes beyond those every server returns (or `all`); `uids` is a keyword and the UIDs any of
        which it may have: one request, or as few as the length of URLs allows.
        """
        fields = [f"includefield={keyword}" for keyword in include]
        keyword, wanted = (uids[0], frozenset(uids[1])) if uids else (None, frozenset[str]())
        lists = list(uid_lists(keyword, sorted(wanted))) if keyword else [""]
        queries = [query(match.parameters(), [uid_list] if uid_list else [], fields) for uid_list in lists]
        answers = await asyncio.gather(*(self._web.search(resource, text) for text in queries))
        datasets = (Dataset(json) for answer in answers for json in answer)
        return [
            dataset
            for dataset in datasets
            if match.accepts(dataset) and (keyword is None or dataset.text(keyword) in wanted)
        ]

    async def store(self, file: BinaryIO, size: int, sop_instance_uid: str) -> None:
        """Stores one Part 10 file of `size` bytes (STOW-RS, PS3.18 §10.5), streamed from the file's start.

        Only an answer that lists the object in the Referenced SOP Sequence is believed (measured: servers say 200 and
        store nothing). Raises `Conflict` when other content is stored under its UID, and `Refused` with the reason.
        """
        boundary = multipart.new_boundary()
        head, tail = multipart.opening(boundary, _DICOM), multipart.closing(boundary)
        answer = await self._web.request(
            "POST",
            "studies",
            headers={
                "Accept": DICOM_JSON,
                "Content-Type": f'multipart/related; type="{_DICOM}"; boundary={boundary}',
                "Content-Length": str(len(head) + size + len(tail)),
            },
            content=_body(head, file, tail),
            accept_errors=_REFUSALS,
        )
        _confirm(answer, sop_instance_uid)

    @asynccontextmanager
    async def retrieve(self, study: str, series: str, instance: str) -> AsyncIterator[ObjectFile]:
        """One object as it is stored (WADO-RS, PS3.18 §10.4): no transcoding, which fails on some servers.

        A transfer that ends early, or brings another object, raises while it is read: `PacsFault`.
        """
        headers = {"Accept": f'multipart/related; type="{_DICOM}"; transfer-syntax=*', "Prefer": AS_STORED}
        async with self._web.stream(
            f"studies/{study}/series/{series}/instances/{instance}", headers=headers
        ) as response:
            content_type = response.headers.get("content-type", "")
            if content_type.startswith(_DICOM) and not content_type.startswith(DICOM_JSON):
                length = response.headers.get("content-length", "")
                chunks = checked(pieces(response), instance)
                yield ObjectFile(int(length) if length.isdecimal() else None, chunks)
                return
            try:
                parts = multipart.read_parts(multipart.boundary_of(content_type), pieces(response))
                part = await anext(parts, None)
            except multipart.BrokenMultipart as error:
                raise PacsFault(f"the PACS sent a broken object: {error}") from error
            if part is None:
                raise NotFound("the PACS has no such object")
            yield ObjectFile(_part_length(part), checked(_whole(part, parts), instance))


async def _whole(part: multipart.Part, parts: AsyncIterator[multipart.Part]) -> AsyncIterator[bytes]:
    """The first part, and nothing less: the closing boundary must follow it."""
    try:
        async for piece in part.body:
            yield piece
        if await anext(parts, None) is not None:
            raise PacsFault("the PACS sent more than the one object asked for")
    except multipart.BrokenMultipart as error:
        raise PacsFault(f"the PACS broke off: {error}") from error


def _part_length(part: multipart.Part) -> int | None:
    length = part.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


async def _body(head: bytes, file: BinaryIO, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    await asyncio.to_thread(file.seek, 0)
    while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
        yield chunk
    yield tail


def _confirm(answer: Answer, sop_instance_uid: str) -> None:
    outcome = _outcome(answer)
    if any(
        item.text("ReferencedSOPInstanceUID") == sop_instance_uid for item in outcome.items("ReferencedSOPSequence")
    ):
        return
    reasons = [item.integer("FailureReason") for item in outcome.items("FailedSOPSequence")]
    reason = next((reason for reason in reasons if reason is not None), None)
    if reason == _DUPLICATE:
        raise Conflict("another object with this SOP Instance UID is stored already")
    raise Refused(f"the PACS did not store the object: {_explain(reason, answer.status)}", reason)


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
    if reason is None:
        return "it does not say why" if status < 400 else f"it answered with status {status}"
    family = reason if reason in _REASONS else reason & 0xFF00 if reason & 0xF000 == 0xA000 else reason & 0xF000
    return f"{_REASONS.get(family, 'it failed')} (Failure Reason {reason:04X})"
