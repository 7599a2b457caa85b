"""Rendered resources and thumbnails (PS3.18 §10.4.1.1.3, §10.4.1.1.7), of studies, series, instances and frames."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import documents, http, picture_parameters, wholeness
from pacs.archive.faults import DamagedFile
from pacs.archive.frames import frame_numbers
from pacs.archive.lookup import Instance
from pacs.archive.objects import refuse_if_busy, refuse_if_damaged
from pacs.archive.parts import Part, multipart_response
from pacs.archive.transactions import transaction
from pacs.archive.wado import RetrieveService
from pacs.errors import NoPicture
from pacs.rendering.request import CONTENT_TYPES, ContentType, Picture, Rendering
from pacs.thumbnails import Renderer

_CACHE = "private, max-age=31536000, immutable"
_MOST_FRAMES = 100
_MOST_KINDS = 30
_STATUSES = {"no_such_frame": 404, "no_such_region": 400}


class PictureService:
    """Pictures of what one archive holds."""

    def __init__(self, retrieve: RetrieveService, renderer: Renderer) -> None:
        self._retrieve = retrieve
        self._renderer = renderer

    @transaction(produces=(*CONTENT_TYPES, documents.PDF), parameters=picture_parameters.RENDERED)
    async def rendered(self, request: Request) -> Response:
        """`GET …/rendered`. Of a study or series it is one picture, of several frames one a part.

        An encapsulated PDF is sent as it is.
        """
        instances = await self._retrieve.find(request)
        if documents.is_pdf(instances):
            return await documents.response(request, instances[0], self._retrieve.path(instances[0]))
        warnings = picture_parameters.warnings(request.query_params)
        rendering = picture_parameters.rendered(request.query_params, _content_type(request))
        return await self._answer(request, instances, rendering, warnings)

    @transaction(produces=CONTENT_TYPES, parameters=picture_parameters.THUMBNAIL)
    async def thumbnail(self, request: Request) -> Response:
        """`GET …/thumbnail`: nothing but the image, so nothing that identifies the patient."""
        instances = await self._retrieve.find(request)
        rendering = picture_parameters.thumbnail(request.query_params, _content_type(request))
        return await self._answer(request, instances, rendering)

    async def show(
        self,
        instances: list[Instance],
        rendering: Rendering,
        warnings: Sequence[str] = (),
        statuses: Mapping[str, int] = _STATUSES,
    ) -> Response:
        """The picture of the instance that represents them; else 406 with the reason, or what `statuses` say of it.

        `DamagedFile` when that is the reason.
        """
        picture = await self._picture(instances, rendering, statuses)
        headers = _headers(instances, warnings)
        return Response(picture.body, media_type=picture.content_type, headers=headers)

    async def _answer(
        self, request: Request, instances: list[Instance], rendering: Rendering, warnings: Sequence[str] = ()
    ) -> Response:
        numbers = frame_numbers(request.path_params["frames"]) if "frames" in request.path_params else [None]
        if rendering.thumbnail:
            numbers = numbers[:1]  # a single image, of however many frames (§10.4.3.3.4)
        if len(numbers) > _MOST_FRAMES:
            raise HTTPException(400, f"more than {_MOST_FRAMES} pictures at once")
        ranges = http.media_ranges(request)
        alone = any(found.admits(rendering.content_type) for found in ranges)
        if len(numbers) > 1 and not any(found.admits(http.MULTIPART) for found in ranges):
            raise HTTPException(406, f'these are several pictures: accept {http.MULTIPART}; type="image/jpeg"')
        if len(numbers) == 1 and alone:
            return await self.show(instances, replace(rendering, frame=numbers[0]), warnings)
        pictures = [await self._picture(instances, replace(rendering, frame=number), _STATUSES) for number in numbers]
        parts = [Part(picture.content_type, len(picture.body), _whole(picture)) for picture in pictures]
        return multipart_response(parts, rendering.content_type, _headers(instances, warnings))

    async def _picture(
        self, instances: Sequence[Instance], rendering: Rendering, statuses: Mapping[str, int]
    ) -> Picture:
        nothing = NoPicture("no_pixels")
        damage = None
        for instance in _candidates(instances):
            path = self._retrieve.path(instance)
            try:
                await asyncio.to_thread(wholeness.check, instance, path)
                return await self._render(instance, path, rendering)
            except NoPicture as error:
                nothing = error
            except DamagedFile as error:
                damage = error
        if damage is not None:
            raise damage
        refuse_if_busy(nothing)
        raise HTTPException(statuses.get(nothing.reason, 406), f"no picture: {nothing}")

    async def _render(self, instance: Instance, path: Path, rendering: Rendering) -> Picture:
        """Raises `NoPicture`, or `DamagedFile` where it was the disk that spoiled the pixels."""
        try:
            return await self._renderer.render(path, rendering)
        except NoPicture:
            await refuse_if_damaged(instance, path)
            raise


def _headers(instances: Sequence[Instance], warnings: Sequence[str]) -> dict[str, str]:
    cache = _CACHE if len(instances) == 1 else "private, no-cache"
    return {"cache-control": cache, "vary": "accept", **http.warning_header(warnings)}


async def _whole(picture: Picture) -> AsyncGenerator[bytes, None]:
    yield picture.body


def _candidates(instances: Sequence[Instance]) -> list[Instance]:
    """The one in the middle shows most; as it may have no picture, others of every kind are tried after it."""
    kinds: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    for instance in instances:
        kinds[instance.series_instance_uid, instance.sop_class_uid].append(instance)
    middles = (found[len(found) // 2] for found in (instances, *kinds.values()))
    return list(dict.fromkeys((next(middles), instances[0], instances[-1], *islice(middles, _MOST_KINDS))))


def _content_type(request: Request) -> ContentType:
    for found in http.media_ranges(request):
        for content_type in CONTENT_TYPES:
            if found.admits_within(content_type):
                return content_type
    raise HTTPException(406, f"pictures are served as {', '.join(CONTENT_TYPES)}")
