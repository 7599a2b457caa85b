"""Encapsulated PDF documents as what they are (PS3.18 table 8.7.4-1, PS3.3 §C.24.2)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import bulkdata, http, wholeness
from pacs.archive.lookup import Instance
from pacs.archive.parts import Part, single_response
from pacs.archive.streams import threaded

PDF = "application/pdf"

_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
_ENCAPSULATED_DOCUMENT = "00420011"


def is_pdf(instances: Sequence[Instance]) -> bool:
    """Whether they are one encapsulated PDF."""
    return len(instances) == 1 and instances[0].sop_class_uid == _PDF_STORAGE


async def response(request: Request, instance: Instance, path: Path) -> Response:
    """The document, streamed; 406 for a client that takes no PDF, or where there is none in the object."""
    if not any(found.admits(PDF) for found in http.media_ranges(request)):
        raise HTTPException(406, f"the object is a document, and served as {PDF}")
    await asyncio.to_thread(wholeness.check, instance, path)
    value = await asyncio.to_thread(bulkdata.find, path, _ENCAPSULATED_DOCUMENT)
    if value is None or not value.length:
        raise HTTPException(406, "the object holds no document")
    return single_response(Part(PDF, value.length, threaded(value.pieces())))
