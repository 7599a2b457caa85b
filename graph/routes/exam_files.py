"""`GET /exams/studies/{study}/series/{series}/instance/{instance}?fileType=…`: the bytes that do not belong in JSON."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from graph.context import Services
from graph.errors import bad_input
from pacs.errors import NotFound
from pacs.studies import ObjectFile
from pacs.uids import is_uid

_DICOM = "application/dicom"


async def exam_file(request: Request) -> Response:
    """The DICOM file of one instance, streamed as the PACS stores it."""
    study, series, instance = (_uid(request, name) for name in ("study", "series", "instance"))
    file_type = request.query_params.get("fileType")
    if file_type != _DICOM:
        raise bad_input(f"fileType is required and must be {_DICOM}")
    services: Services = request.app.state.services
    headers = {
        "ETag": f'"{instance}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{instance}.dcm"',
    }
    if request.method == "HEAD" or _matches(request, headers["ETag"]):
        await _check_stored(services, study, series, instance)
        status = 200 if request.method == "HEAD" else 304
        return Response(None, status, headers, _DICOM if status == 200 else None)
    return _Streamed(lambda: services.pacs.retrieve(study, series, instance), headers)


class _Streamed(Response):
    """A file that is opened when the answer is sent, and closed with it, however it ends."""

    def __init__(
        self, open_file: Callable[[], AbstractAsyncContextManager[ObjectFile]], headers: dict[str, str]
    ) -> None:
        super().__init__(headers=headers, media_type=_DICOM)
        self._open_file = open_file
        self._file_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open_file() as file:
            length = {"Content-Length": str(file.length)} if file.length is not None else {}
            first, chunks = await _started(file.chunks)
            if first is None:
                raise NotFound("the PACS has no such object")
            await StreamingResponse(chunks, 200, self._file_headers | length, _DICOM)(scope, receive, send)


async def _started(chunks: AsyncIterator[bytes]) -> tuple[bytes | None, AsyncIterator[bytes]]:
    """Waits for the first chunk, so that a failure until then is still a proper answer."""
    first = await anext(chunks, None)

    async def all_of_them() -> AsyncIterator[bytes]:
        if first is not None:
            yield first
        async for chunk in chunks:
            yield chunk

    return first, all_of_them()


async def _check_stored(services: Services, study: str, series: str, instance: str) -> None:
    for found in await services.pacs.stored([instance]):
        if (found.text("StudyInstanceUID"), found.text("SeriesInstanceUID")) == (study, series):
            return
    raise NotFound("the PACS has no such object")


def _uid(request: Request, name: str) -> str:
    uid: str = request.path_params[name]
    if not is_uid(uid, lenient=True):
        raise bad_input(f"the {name} in the path is not a UID")
    return uid


def _matches(request: Request, etag: str) -> bool:
    """RFC 9110 §13.1.2, for GET: any of the listed tags, weak or strong, or `*`."""
    tags = (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(","))
    return any(tag in (etag, "*") for tag in tags)
