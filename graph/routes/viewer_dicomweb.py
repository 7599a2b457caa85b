"""`/viewer/dicomweb/…`: QIDO-RS and WADO-RS of exactly the studies that the browser's viewer sessions open, read-only.

Nothing of a request is passed on as it came: UIDs are checked, searches are made anew, answers are filtered.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.access_records.actions import VIEW_INSTANCES, VIEW_PICTURE, VIEW_STUDY, Action
from graph.context import Services
from graph.links import Links
from graph.rates import client_of
from graph.routes.guards import guarded
from graph.routes.viewer_parameters import frame_numbers, frame_ranges, uid, wants_bare
from graph.viewer import streams
from graph.viewer.one_study import OneStudy
from graph.viewer.renderings import rendering_of
from graph.viewer.search import StudySearch
from graph.viewer.service import Viewer
from graph.viewer.sessions import session_of, tell_of
from graph.viewer.streams import DICOM, FrameRequest, Streamed
from pacs import multipart
from pacs.attributes import Dataset
from pacs.dicomweb import DICOM_JSON

_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PICTURE_HEADERS = _HEADERS | {"Cache-Control": "private, max-age=600", "Vary": "Accept, Cookie"}


async def studies(request: Request) -> Response:
    """`GET /studies`: the studies that are open, each read by its own session."""
    search = _search(request)
    viewer: Viewer = request.app.state.viewer
    opened = viewer.cookies.all_of(request.cookies) or [session_of(request, "")]
    for subject in opened:
        tell_of(request, subject)
    readers = [OneStudy(_services(request).pacs, subject, _links(request)) for subject in opened]
    reader_of: dict[int, OneStudy] = {}
    found: list[Dataset] = []
    for reader in readers:
        rows = await reader.study(search.fields)
        reader_of |= {id(row): reader for row in rows}
        found += rows
    return _json([answer for row in search.choose(found) for answer in reader_of[id(row)].answer([row])])


async def series(request: Request) -> Response:
    """`GET /studies/{study}/series`."""
    study, search = _study(request), _search(request)
    return _json(study.answer(search.choose(await study.series(search.fields))))


async def instances(request: Request) -> Response:
    """`GET /studies/{study}/instances` and `…/series/{series}/instances`."""
    study, search = _study(request), _search(request)
    return _json(study.answer(search.choose(await study.instances(uid(request, "series"), search.fields))))


async def metadata(request: Request) -> Response:
    """`GET …/metadata` of the study, a series or an instance."""
    study = _study(request)
    return _json(study.answer(await study.metadata(uid(request, "series"), uid(request, "instance"))))


async def retrieve(request: Request) -> Response:
    """`GET` of the study, a series or an instance: the objects as they are stored.

    One instance comes bare to who accepts `application/dicom` and not multipart, as browsers do.
    """
    study = _study(request)
    places = await study.places(uid(request, "series"), uid(request, "instance"))
    pacs = _services(request).pacs
    if "instance" in request.path_params and wants_bare(request):
        ((series_uid, instance_uid),) = places[:1]
        headers = _HEADERS | {"Content-Disposition": f'attachment; filename="{instance_uid}.dcm"'}
        return Streamed(partial(streams.one_object, pacs, study.uid, series_uid, instance_uid), DICOM, headers)
    boundary = multipart.new_boundary()
    body = partial(streams.objects, pacs, study.uid, places, boundary)
    return Streamed(body, f'multipart/related; type="{DICOM}"; boundary={boundary}', _HEADERS)


async def frames(request: Request) -> Response:
    """`GET …/frames/{list}`, as stored, or in another media type that the PACS has them in."""
    numbers = frame_numbers(request)
    study, place = await _place(request)
    wanted = FrameRequest(study.uid, *place, numbers, frame_ranges(request.headers.get("accept", "")))
    boundary = multipart.new_boundary()
    kind = multipart.MediaType.parse(wanted.ranges[0]).parameters.get("type", "application/octet-stream")
    body = partial(streams.frames, _services(request).pacs, wanted, partial(study.frame_count, *place), boundary)
    return Streamed(body, f'multipart/related; type="{_plain(kind)}"; boundary={boundary}', _HEADERS)


async def rendered(request: Request) -> Response:
    """`GET …/rendered` of an instance or a frame, with `viewport`, `window` and `quality`; JPEG, PNG or GIF."""
    return await _picture(request, thumbnail=False)


async def thumbnail(request: Request) -> Response:
    """`GET …/thumbnail` of the study, a series, an instance or a frame, with `viewport`: nothing but the image."""
    return await _picture(request, thumbnail=True)


async def _picture(request: Request, *, thumbnail: bool) -> Response:
    frame = frame_numbers(request)[0] if "frame" in request.path_params else None
    wanted = rendering_of(request.query_params, request.headers.get("accept", ""), frame=frame, thumbnail=thumbnail)
    study, place = await _place(request)
    viewer: Viewer = request.app.state.viewer
    async with _services(request).pictures.of(client_of(request)):
        picture = await viewer.pictures.render(study.uid, *place, wanted)
    return Response(picture.body, headers=_PICTURE_HEADERS, media_type=picture.content_type)


async def _place(request: Request) -> tuple[OneStudy, tuple[str, str]]:
    """The instance that a path names, or of a series the one in the middle, which shows most."""
    study = _study(request)
    places = await study.places(uid(request, "series"), uid(request, "instance"))
    return study, places[len(places) // 2]


def _study(request: Request) -> OneStudy:
    subject = session_of(request, uid(request, "study") or "")
    return OneStudy(_services(request).pacs, subject, _links(request))


def _plain(media_type: str) -> str:
    return re.sub(r"[^A-Za-z0-9/.+*-]", "", media_type)


def _search(request: Request) -> StudySearch:
    return StudySearch.parse(request.query_params.multi_items())


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _links(request: Request) -> Links:
    return Links.of(request, _services(request).settings.public_url)


def _json(rows: list[dict[str, object]]) -> Response:
    return Response(orjson.dumps(rows), headers=_HEADERS, media_type=DICOM_JSON)


_ROOT = "/viewer/dicomweb/studies"
_STUDY = f"{_ROOT}/{{study}}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAME = f"{_INSTANCE}/frames/{{frame}}"
Handler = Callable[[Request], Awaitable[Response]]
_TABLE: list[tuple[str, Handler]] = [
    (_ROOT, studies),
    (f"{_STUDY}/series", series),
    (f"{_STUDY}/instances", instances),
    (f"{_SERIES}/instances", instances),
    *((f"{level}/metadata", metadata) for level in (_STUDY, _SERIES, _INSTANCE)),
    *((f"{level}/rendered", rendered) for level in (_INSTANCE, _FRAME)),
    *((f"{level}/thumbnail", thumbnail) for level in (_STUDY, _SERIES, _INSTANCE, _FRAME)),
    *((level, retrieve) for level in (_STUDY, _SERIES, _INSTANCE)),
    (f"{_INSTANCE}/frames/{{frames}}", frames),
]
_ACTIONS: dict[Handler, Action] = {
    rendered: VIEW_PICTURE,
    thumbnail: VIEW_PICTURE,
    retrieve: VIEW_INSTANCES,
    frames: VIEW_INSTANCES,
}
ROUTES = [
    Route(path, handler, methods=["GET"], middleware=guarded(path, _ACTIONS.get(handler, VIEW_STUDY)))
    for path, handler in _TABLE
]
"""Every route of the view; all that is not here is 404, and every other method 405."""
