"""Rendered resources and thumbnails (PS3.18 §10.4.1.1.3, §10.4.1.1.7), of studies, series, instances and frames."""

import asyncio
from pathlib import Path
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, wholeness
from pacs.archive.faults import DamagedFile
from pacs.archive.lookup import Instance
from pacs.archive.objects import refuse_if_damaged
from pacs.archive.wado import RetrieveService
from pacs.errors import NoPicture
from pacs.rendering.request import CONTENT_TYPES, ContentType, Picture, Rendering, Window, WindowFunction
from pacs.thumbnails import Renderer

_THUMBNAIL_SIDE = 256
_CACHE = "private, max-age=31536000, immutable"


class PictureService:
    """Pictures of what one archive holds."""

    def __init__(self, retrieve: RetrieveService, renderer: Renderer) -> None:
        self._retrieve = retrieve
        self._renderer = renderer

    async def rendered(self, request: Request) -> Response:
        """`GET …/rendered`, with `viewport`, `window` and `quality`; `annotation` and `iccprofile` change nothing."""
        return await self._picture(request, _rendering(request, thumbnail=False))

    async def thumbnail(self, request: Request) -> Response:
        """`GET …/thumbnail`, with `viewport`; nothing but the image, so nothing that identifies the patient."""
        return await self._picture(request, _rendering(request, thumbnail=True))

    async def _picture(self, request: Request, rendering: Rendering) -> Response:
        return await self.show(await self._retrieve.find(request), rendering)

    async def show(self, instances: list[Instance], rendering: Rendering) -> Response:
        """The picture of the instance that represents them; 406 with the reason when there is none.

        `DamagedFile` when that is the reason.
        """
        reason = "there is no picture"
        damage = None
        for instance in _candidates(instances):
            path = self._retrieve.path(instance)
            try:
                await asyncio.to_thread(wholeness.check, instance, path)
                picture = await self._render(instance, path, rendering)
            except NoPicture as error:
                reason = str(error)
                continue
            except DamagedFile as error:
                damage = error
                continue
            headers = {"cache-control": _CACHE if len(instances) == 1 else "private, no-cache"}
            return Response(picture.body, media_type=picture.content_type, headers=headers)
        if damage is not None:
            raise damage
        raise HTTPException(406, f"no picture: {reason}")

    async def _render(self, instance: Instance, path: Path, rendering: Rendering) -> Picture:
        """Raises `NoPicture`, or `DamagedFile` where it was the disk that spoiled the pixels."""
        try:
            return await self._renderer.render(path, rendering)
        except NoPicture:
            await refuse_if_damaged(instance, path)
            raise


def _candidates(instances: list[Instance]) -> list[Instance]:
    """The one in the middle shows most; objects without pictures may lie there, so the first and last are tried too."""
    return list(dict.fromkeys((instances[len(instances) // 2], instances[0], instances[-1])))


def _rendering(request: Request, *, thumbnail: bool) -> Rendering:
    frame = request.path_params.get("frame")
    query = request.query_params
    try:
        return Rendering(
            frame=int(frame) if frame else None,
            viewport=_viewport(query["viewport"]) if "viewport" in query else _default_viewport(thumbnail),
            window=_window(query["window"]) if "window" in query and not thumbnail else None,
            quality=int(query.get("quality", "90")),
            content_type=_content_type(request),
            thumbnail=thumbnail,
        )
    except ValueError as error:
        raise HTTPException(400, f"the parameters of the picture are wrong: {error}") from error


def _default_viewport(thumbnail: bool) -> tuple[int, int] | None:
    return (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE) if thumbnail else None


def _viewport(text: str) -> tuple[int, int]:
    """Width and height; the region that may follow them is not supported."""
    sides = text.split(",")
    if len(sides) != 2:
        raise ValueError("viewport is width,height")
    return int(sides[0]), int(sides[1])


def _window(text: str) -> Window:
    parts = text.split(",")
    if len(parts) not in {2, 3}:
        raise ValueError("window is center,width or center,width,function")
    function = parts[2].upper().replace("-", "_") if len(parts) == 3 else "LINEAR"
    return Window(float(parts[0]), float(parts[1]), cast(WindowFunction, function))


def _content_type(request: Request) -> ContentType:
    for found in http.media_ranges(request):
        for content_type in CONTENT_TYPES:
            if found.admits(content_type):
                return content_type
    raise HTTPException(406, f"pictures are served as {', '.join(CONTENT_TYPES)}")
