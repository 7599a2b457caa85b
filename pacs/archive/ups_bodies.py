"""Bodies of the Worklist Service: one dataset in DICOM JSON, checked before anything reads it (PS3.18 Annex F)."""

import re
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pacs.archive.http import DICOM_JSON, parse_media_type, read_json
from pacs.archive.normal_forms import vr_of
from pacs.attributes import JSONDataset

_MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 16
_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})


async def read_dataset(request: Request, *, required: bool = True) -> JSONDataset:
    """The dataset that a request carries. 413, 415, or 400 with the reason, when it carries none."""
    body = await _read(request)
    if not body and not required:
        return {}
    media_type = parse_media_type(request.headers.get("content-type", ""))
    if media_type.name not in (DICOM_JSON, "application/json"):
        raise HTTPException(415, f"only {DICOM_JSON} is taken here")
    content = read_json(body)
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        raise HTTPException(400, "the body is not one dataset in DICOM JSON")
    return _dataset(content, depth=0)


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BYTES:
            raise HTTPException(413, f"a dataset may have {_MAX_BYTES} bytes here")
    return bytes(body)


def _dataset(content: JSONDataset, depth: int) -> JSONDataset:
    if depth > _MAX_DEPTH:
        raise HTTPException(400, f"sequences are nested deeper than {_MAX_DEPTH}")
    return {_tag(key): _element(key.upper(), element, depth) for key, element in content.items()}


def _tag(key: str) -> str:
    if not _TAG.fullmatch(key):
        raise HTTPException(400, "an attribute is not named by eight hexadecimal digits")
    if key.startswith("0002"):
        raise HTTPException(400, "group 0002 does not belong into DICOM JSON")
    return key.upper()


def _element(key: str, element: Any, depth: int) -> dict[str, Any]:
    if not isinstance(element, dict) or not isinstance(element.get("vr"), str):
        raise HTTPException(400, f"{key} has no vr")
    if "Value" not in element:
        return element
    values = element["Value"]
    if not isinstance(values, list):
        raise HTTPException(400, f"the Value of {key} is not a list")
    vr = vr_of(key)
    if not all(value is None or _shape(vr)(value) for value in values):
        raise HTTPException(400, f"a value of {key} is not what its VR {vr} needs")
    kept = [value for value in values if value not in (None, "", {})] if vr == "SQ" or len(values) == 1 else values
    if vr == "SQ":
        kept = [_dataset(item, depth + 1) for item in kept]
    return {**element, "Value": kept} if kept else {"vr": element["vr"]}


def _shape(vr: str) -> Callable[[Any], bool]:
    if vr == "SQ":
        return lambda value: isinstance(value, dict)
    if vr == "PN":
        return lambda value: isinstance(value, str) or _is_name(value)
    if vr in _NUMBERS:
        return lambda value: isinstance(value, int | float | str) and not isinstance(value, bool)
    return lambda value: isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())
