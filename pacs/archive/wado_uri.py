"""Retrieve by query string (WADO-URI, PS3.18 ch. 9): one object, as DICOM or as a picture."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, wholeness
from pacs.archive.lookup import Instance
from pacs.archive.parts import single_response
from pacs.archive.pictures import PictureService
from pacs.archive.wado import RetrieveService
from pacs.rendering.request import CONTENT_TYPES, ContentType, Rendering, Window
from pacs.uids import is_uid

_UIDS = {"studyUID": "study", "seriesUID": "series", "objectUID": "instance"}
_ONLY_PICTURES = ("windowCenter", "windowWidth", "frameNumber", "rows", "columns", "imageQuality", "region")
_NOT_OFFERED = ("region", "presentationUID", "presentationSeriesUID")


class UriService:
    """WADO-URI over one archive."""

    def __init__(self, retrieve: RetrieveService, pictures: PictureService) -> None:
        self._retrieve = retrieve
        self._pictures = pictures

    async def get(self, request: Request) -> Response:
        """`GET /wado?requestType=WADO&studyUID=…&seriesUID=…&objectUID=…`: 200, 400, 404 or 406."""
        query = request.query_params
        if query.get("requestType") != "WADO":
            raise HTTPException(400, "requestType must be WADO")
        if query.get("anonymize", "no") != "no" or any(name in query for name in _NOT_OFFERED):
            raise HTTPException(400, f"anonymize, {', '.join(_NOT_OFFERED)} are not offered")
        path = {name: query.get(parameter, "") for parameter, name in _UIDS.items()}
        if not all(is_uid(uid, lenient=True) for uid in path.values()):
            raise HTTPException(400, f"{', '.join(_UIDS)} must be UIDs")
        (instance,) = await self._retrieve.find_by(path)
        wanted = [http.parse_media_type(part).name for part in query.get("contentType", "image/jpeg").split(",")]
        if http.DICOM in wanted:
            return await self._dicom(request, instance)
        content_type = next((found for found in CONTENT_TYPES if found in wanted or "*/*" in wanted), None)
        if content_type is None:
            raise HTTPException(406, f"contentType is {http.DICOM} or one of {', '.join(CONTENT_TYPES)}")
        return await self._pictures.show([instance], _rendering(request, content_type))

    async def _dicom(self, request: Request, instance: Instance) -> Response:
        if any(name in request.query_params for name in _ONLY_PICTURES):
            raise HTTPException(400, f"{', '.join(_ONLY_PICTURES)} do not go with {http.DICOM}")
        path = self._retrieve.path(instance)
        await asyncio.to_thread(wholeness.check, instance, path)
        (part,) = await self._retrieve.parts([(instance, path)], [request.query_params.get("transferSyntax")])
        return single_response(part)


def _rendering(request: Request, content_type: ContentType) -> Rendering:
    query = request.query_params
    try:
        window = None
        if "windowCenter" in query or "windowWidth" in query:
            window = Window(float(query["windowCenter"]), float(query["windowWidth"]))
        sides = [int(query.get(name, "4096")) for name in ("columns", "rows")]
        return Rendering(
            frame=int(query["frameNumber"]) if "frameNumber" in query else None,
            viewport=(sides[0], sides[1]) if "rows" in query or "columns" in query else None,
            window=window,
            quality=int(query.get("imageQuality", "90")),
            content_type=content_type,
        )
    except KeyError as error:
        raise HTTPException(400, "windowCenter and windowWidth go together") from error
    except ValueError as error:
        raise HTTPException(400, f"the parameters of the picture are wrong: {error}") from error
