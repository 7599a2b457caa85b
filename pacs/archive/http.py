"""DICOMweb over HTTP: media types, and answers in DICOM JSON (PS3.18 ch. 8)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.attributes import JSONDataset

DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
DICOM = "application/dicom"
MULTIPART = "multipart/related"
PARTS_OF_DICOM = f'{MULTIPART}; type="{DICOM}"'
JSON_TYPES = (DICOM_JSON, "application/json")
OCTETS = "application/octet-stream"
ROOT = "/dicom-web"
"""The path that all DICOMweb services lie under."""

SERVICE = "dicom-graph"
"""Who warns, in `Warning` headers."""

_PARAMETER = re.compile(r';\s*([!#$%&\'*+.^_`|~\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"]*)', re.ASCII)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One member of an `Accept` header, or a `Content-Type`: names in lower case, values as they are."""

    name: str
    parameters: Mapping[str, str]
    refused: frozenset[str] = frozenset()
    """Names that the client will not have, whatever else it takes: `q=0` (RFC 9110 §12.4.2)."""

    def admits(self, name: str) -> bool:
        """Whether a media type falls under this range."""
        return self.name in {name, "*/*", name.partition("/")[0] + "/*"} and name not in self.refused

    def admits_within(self, name: str) -> bool:
        """Whether a media type falls under this range alone, or as the type of the parts of a multipart body."""
        wanted = self.parameters.get("type", "*/*") if self.admits(MULTIPART) else self.name
        return MediaRange(wanted.lower(), {}, self.refused).admits(name)

    @property
    def quality(self) -> float:
        """The `q` parameter; 0 when it is nonsense."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


def media_ranges(request: Request) -> list[MediaRange]:
    """What the client accepts, best first: the `accept` query parameter, else the header, else anything."""
    text = request.query_params.get("accept") or ", ".join(request.headers.getlist("accept")) or "*/*"
    ranges = sorted(map(parse_media_type, _split(text)), key=lambda found: -found.quality)
    refused = frozenset(found.name for found in ranges if found.quality == 0 and not found.parameters.keys() - {"q"})
    return [replace(found, refused=refused - {found.name}) for found in ranges if found.quality > 0]


def parse_media_type(text: str) -> MediaRange:
    """A media type with its parameters; quotes are taken off."""
    parameters = {}
    for name, value in _PARAMETER.findall(text):
        unquoted = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value.strip()
        parameters[name.lower()] = unquoted
    return MediaRange(text.partition(";")[0].strip().lower(), parameters)


def require_json(request: Request) -> None:
    """406 unless the client takes DICOM JSON, under its own name or as `application/json`."""
    ranges = media_ranges(request)
    if not any(found.admits(DICOM_JSON) or found.admits("application/json") for found in ranges):
        raise HTTPException(406, f"only {DICOM_JSON} is served here")


def dicom_json(
    content: JSONDataset | Sequence[JSONDataset], *, status: int = 200, warnings: Iterable[str] = ()
) -> Response:
    """An answer in DICOM JSON, tags ascending (PS3.18 §F.2.2)."""
    return raw_json(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), status=status, warnings=warnings)


def raw_json(body: bytes, *, status: int = 200, warnings: Iterable[str] = ()) -> Response:
    """An answer whose DICOM JSON is encoded already."""
    return Response(body, status, headers=warning_header(warnings), media_type=DICOM_JSON)


def warning_header(warnings: Iterable[str]) -> dict[str, str]:
    """The `Warning` header of PS3.18 §8.4.2 for some sentences; nothing for none."""
    text = ", ".join(f"299 {SERVICE}: {sentence}" for sentence in warnings)
    return {"warning": text} if text else {}


def base_url(request: Request) -> str:
    """The URL of the DICOMweb root as this client reached it, without a slash at the end.

    Some clients (dicomweb-client, measured) leave the port out of `Host`; where it names the very address that was
    connected to, the port is known.
    """
    url = request.base_url
    address = request.scope.get("server")
    if address and url.port is None and url.hostname == address[0] and address[1] not in {None, 80, 443}:
        url = url.replace(port=address[1])
    return str(url).rstrip("/") + ROOT


def read_json(body: bytes) -> Any:
    """A JSON body; 400 when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "the body is not JSON") from error


def _split(text: str) -> list[str]:
    """Splits at commas outside quotes."""
    return [part.strip() for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+', text) if part.strip()]
