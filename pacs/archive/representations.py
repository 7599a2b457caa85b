"""Datasets as clients take them: DICOM JSON, which is the default, or parts in DICOM XML (PS3.18 §8.7.3.2).

Searches for instances give tables as well, to who asks for them by name; see `pacs.table_json`.
"""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http
from pacs.archive.dataset_bodies import Body
from pacs.attributes import JSONDataset
from pacs.table_json import MEDIA_TYPE as TABLES

PARTS_OF_XML = f'{http.MULTIPART}; type="{http.DICOM_XML}"'
MEDIA_TYPES = (*http.JSON_TYPES, PARTS_OF_XML)
WITH_TABLES = (*MEDIA_TYPES, TABLES)


def admits_json(accepted: http.MediaRange) -> bool:
    """Whether DICOM JSON falls under a range, by its own name or as `application/json`."""
    return accepted.admits(http.DICOM_JSON) or accepted.admits("application/json")


def admits_xml(accepted: http.MediaRange) -> bool:
    """Whether parts in DICOM XML fall under a range."""
    return accepted.admits(http.MULTIPART) and accepted.admits_within(http.DICOM_XML)


def chosen(request: Request, *, or_file: bool = False, or_tables: bool = False) -> str:
    """DICOM JSON or DICOM XML, the file itself or tables, as the client prefers; 406 when it takes none of them."""
    for accepted in http.media_ranges(request):
        if admits_json(accepted):
            return http.DICOM_JSON
        if or_tables and accepted.name == TABLES:
            return TABLES
        if or_file and accepted.admits_within(http.DICOM):
            return http.DICOM
        if admits_xml(accepted):
            return http.DICOM_XML
    served = [http.DICOM_JSON, PARTS_OF_XML, *([http.DICOM] if or_file else []), *([TABLES] if or_tables else [])]
    raise HTTPException(406, f"served here are only {', '.join(served)}")


def answer(media_type: str, datasets: Iterable[JSONDataset], warnings: Iterable[str] = ()) -> Response:
    """The datasets in what was chosen. No parts make no body: without datasets XML is a 204."""
    with Body(media_type) as body:
        body.add(datasets)
        return body.answer(warnings)
