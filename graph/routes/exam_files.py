"""`GET /exams/studies/{study}/series/{series}/instance/{instance}?fileType=…`: the bytes that do not belong in JSON."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graph.access_records.actions import EXPORT_STUDY, RETRIEVE_INSTANCE, RETRIEVE_THUMBNAIL, Action
from graph.context import Services
from graph.errors import bad_input
from graph.rates import client_of
from graph.routes.guards import guarded
from graph.routes.paths import uid_in_path
from pacs.errors import NotFound
from pacs.media import media
from pacs.picture_ways import JPEG
from pacs.pictures import LARGEST_THUMBNAIL
from pacs.spool import spooled
from pacs.studies import ObjectFile

DICOM = "application/dicom"
_ZIP = "application/zip"
_THUMBNAIL_SIZE = 256


def action_of(connection: HTTPConnection) -> Action:
    """What `exam_file` does for this request, in access records."""
    return RETRIEVE_THUMBNAIL if connection.query_params.get("fileType") == JPEG else RETRIEVE_INSTANCE


async def exam_file(request: Request) -> Response:
    """The DICOM file of one instance, streamed as the PACS stores it, or its thumbnail."""
    study, series, instance = (uid_in_path(request, name) for name in ("study", "series", "instance"))
    kind = _FILE_TYPES.get(request.query_params.get("fileType", ""))
    if kind is None:
        raise bad_input(f"fileType is required and must be {' or '.join(_FILE_TYPES)}")
    size = _size(request)
    services: Services = request.app.state.services
    headers = {"ETag": f'"{instance}"'} | kind.headers(instance)
    if kind.media_type == JPEG:
        headers["ETag"] = f'"{instance}-{size}"'
    is_known = _matches(request, headers["ETag"])
    if request.method == "HEAD" or is_known:
        await _check_stored(services, study, series, instance)
        return Response(None, 304 if is_known else 200, headers, None if is_known else kind.media_type)
    if kind.media_type == JPEG:
        turn = services.pictures.of(client_of(request))
        picture = await services.pacs.pictures.thumbnail(study, series, instance, size, turn)
        return Response(picture.body, 200, headers, picture.content_type)
    return _Streamed(lambda: services.pacs.retrieve(study, series, instance), headers)


async def study_media(request: Request) -> Response:
    """A whole study as offline media: a zip of Part 10 files with a DICOMDIR (PS3.10 §8), made while it is sent."""
    study = uid_in_path(request, "study")
    if request.query_params.get("fileType") != _ZIP:
        raise bad_input(f"fileType is required and must be {_ZIP}")
    services: Services = request.app.state.services
    places = await services.pacs.study_places(study)
    headers = {"Content-Disposition": f'attachment; filename="{study}.zip"', "Cache-Control": "private, no-store"}
    if request.method == "HEAD" and places:
        return Response(None, 200, headers, _ZIP)
    chunks = media(_spooled_instances(services, places))
    first = await anext(chunks)

    async def all_of_them() -> AsyncIterator[bytes]:
        async with aclosing(chunks):  # type: ignore[type-var]  # a generator, typed as its protocol
            yield first
            async for chunk in chunks:
                yield chunk

    return StreamingResponse(all_of_them(), 200, headers, _ZIP)


async def _spooled_instances(services: Services, places: list[tuple[str, str, str]]) -> AsyncIterator[Path]:
    for place in places:
        async with spooled(services.pacs.retrieve(*place), services.settings.data_dir) as path:
            yield path


@dataclass(frozen=True)
class _FileType:
    media_type: str
    extension: str
    disposition: str
    cache_control: str

    def headers(self, instance: str) -> dict[str, str]:
        return {
            "Cache-Control": self.cache_control,
            "Content-Disposition": f'{self.disposition}; filename="{instance}.{self.extension}"',
            "Vary": "Authorization, Cookie",
        }


_MOST_DIGITS = len(str(LARGEST_THUMBNAIL))
_FILE_TYPES = {
    DICOM: _FileType(DICOM, "dcm", "attachment", "private, no-cache"),
    JPEG: _FileType(JPEG, "jpg", "inline", "private, max-age=600, immutable"),
}


def _size(request: Request) -> int:
    text = request.query_params.get("size", str(_THUMBNAIL_SIZE))
    if not text.isdecimal() or len(text) > _MOST_DIGITS or not 0 < int(text) <= LARGEST_THUMBNAIL:
        raise bad_input(f"size must be a number from 1 to {LARGEST_THUMBNAIL}")
    return int(text)


class _Streamed(Response):
    """A file that is opened when the answer is sent, and closed with it, however it ends."""

    def __init__(
        self, open_file: Callable[[], AbstractAsyncContextManager[ObjectFile]], headers: dict[str, str]
    ) -> None:
        super().__init__(headers=headers, media_type=DICOM)
        self._open_file = open_file
        self._file_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open_file() as file:
            length = {"Content-Length": str(file.length)} if file.length is not None else {}
            first, chunks = await _started(file.chunks)
            if first is None:
                raise NotFound("the PACS has no such object")
            await StreamingResponse(chunks, 200, self._file_headers | length, DICOM)(scope, receive, send)


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


def _matches(request: Request, etag: str) -> bool:
    """RFC 9110 §13.1.2, for GET: any of the listed tags, weak or strong, or `*`."""
    tags = (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(","))
    return any(tag in (etag, "*") for tag in tags)


_MEDIA = "/exams/studies/{study}"
_FILES = tuple(f"{_MEDIA}/series/{{series}}/{level}/{{instance}}" for level in ("instance", "instances"))
ROUTES = [
    *(Route(path, exam_file, middleware=guarded(path, action_of)) for path in _FILES),
    Route(_MEDIA, study_media, methods=["GET"], middleware=guarded(_MEDIA, EXPORT_STUDY)),
]
