"""Retrieve by query string (WADO-URI, PS3.18 ch. 9): one object, as DICOM or as a picture."""

import asyncio
from collections.abc import Mapping
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, picture_parameters, wholeness
from pacs.archive.lookup import Instance
from pacs.archive.parts import single_response
from pacs.archive.pictures import PictureService
from pacs.archive.transactions import transaction
from pacs.archive.wado import RetrieveService
from pacs.rendering.request import CONTENT_TYPES, ContentType
from pacs.uids import is_uid

_UIDS = {"studyUID": "study", "seriesUID": "series", "objectUID": "instance"}
_ONLY_PICTURES = (
    "frameNumber",
    "rows",
    "columns",
    "region",
    "windowCenter",
    "windowWidth",
    "imageQuality",
    "annotation",
    "imageAnnotation",
)
_NOT_OFFERED = {
    "anonymize": "objects are not made anonymous here",
    "presentationUID": "presentation states are not applied here",
    "presentationSeriesUID": "presentation states are not applied here",
}
_SERVED = (*CONTENT_TYPES, http.DICOM)
_STATUSES = {"no_such_frame": 400, "no_such_region": 400}


class UriService:
    """WADO-URI over one archive."""

    def __init__(self, retrieve: RetrieveService, pictures: PictureService) -> None:
        self._retrieve = retrieve
        self._pictures = pictures

    @transaction(
        produces=(*CONTENT_TYPES, http.DICOM),
        parameters=("requestType", *_UIDS, "contentType", "charset", "transferSyntax", *_ONLY_PICTURES),
    )
    async def get(self, request: Request) -> Response:
        """`GET /wado?requestType=WADO&studyUID=…&seriesUID=…&objectUID=…`: 200, 400, 404 or 406.

        `charset` is taken and means nothing: objects are sent in their own, and pictures have none.
        """
        query = request.query_params
        if query.get("requestType") != "WADO":
            raise HTTPException(400, "requestType must be WADO")
        _refuse_what_is_not_offered(query)
        path = uids_of(request)
        if not all(is_uid(uid, lenient=True) for uid in path.values()):
            raise HTTPException(400, f"{', '.join(_UIDS)} must be UIDs")
        (instance,) = await self._retrieve.find_by(path)
        content_type = _content_type(request)
        if content_type == http.DICOM:
            return await self._dicom(request, instance)
        if "transferSyntax" in query:
            raise HTTPException(400, f"transferSyntax goes with {http.DICOM} alone")
        warnings = picture_parameters.warnings(query)
        rendering = picture_parameters.by_uri(query, cast(ContentType, content_type))
        return await self._pictures.show([instance], rendering, warnings, _STATUSES)

    async def _dicom(self, request: Request, instance: Instance) -> Response:
        if any(name in request.query_params for name in _ONLY_PICTURES):
            raise HTTPException(400, f"{', '.join(_ONLY_PICTURES)} do not go with {http.DICOM}")
        path = self._retrieve.path(instance)
        await asyncio.to_thread(wholeness.check, instance, path)
        accepted = [request.query_params.get("transferSyntax")]
        (part,) = await self._retrieve.parts(request, [(instance, path)], accepted)
        return single_response(part)


def uids_of(request: Request) -> dict[str, str]:
    """What a request names as `study`, `series` and `instance`, which may be no UIDs, or empty."""
    return {name: request.query_params.get(parameter, "") for parameter, name in _UIDS.items()}


def _refuse_what_is_not_offered(query: Mapping[str, str]) -> None:
    """400 for what would silently be another object, or another picture, than was asked for."""
    for name, reason in _NOT_OFFERED.items():
        if query.get(name, "no") != "no":
            raise HTTPException(400, f"{name}: {reason}")


def _content_type(request: Request) -> str:
    """The best of `contentType`, else of what is accepted (§9.3); 400 for objects or pictures, 406 for nothing."""
    text = request.query_params.get("contentType")
    ranges = [http.parse_media_type(part) for part in text.split(",")] if text else http.media_ranges(request)
    names = {found.name for found in ranges}
    if http.DICOM in names and not names.isdisjoint(CONTENT_TYPES):
        raise HTTPException(400, f"ask for {http.DICOM} or for a picture, not for both")
    for found in ranges:
        for name in _SERVED:
            if found.admits(name):
                return name
    raise HTTPException(406, f"served here is only {http.DICOM}, or a picture as one of {', '.join(CONTENT_TYPES)}")
