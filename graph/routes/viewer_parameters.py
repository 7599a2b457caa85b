"""What a request to the viewer's DICOMweb asks for, checked."""

import re

from starlette.requests import Request

from graph.errors import bad_input
from graph.routes.paths import uid_in_path
from pacs import multipart
from pacs.frames import ANY_FRAMES

_FRAME_LIST = re.compile(r"[1-9]\d{0,5}(,[1-9]\d{0,5})*", re.ASCII)
_MOST_FRAMES = 1000
_RANGES = re.compile(r'\s*((?:"[^"]{0,200}"|[^",]){1,400})', re.ASCII)
_FRAMES_RANGE = re.compile(r"multipart/related;[\x20-\x7e]+\Z", re.ASCII)
_MOST_RANGES = 8


def uid(request: Request, level: str) -> str | None:
    """That of the study, series or instance in the path; None where the path does not go so deep."""
    return uid_in_path(request, level) if level in request.path_params else None


def frame_numbers(request: Request) -> list[int]:
    """The frames in the path, counted from 1."""
    text: str = request.path_params.get("frames") or request.path_params["frame"]
    if not _FRAME_LIST.fullmatch(text) or text.count(",") >= _MOST_FRAMES:
        raise bad_input(f"frames are numbers from 1, divided by commas, at most {_MOST_FRAMES}")
    return [int(number) for number in text.split(",")]


def frame_ranges(accept: str) -> list[str]:
    """The media ranges for frames that a client accepts, one by one; as stored, where it takes anything."""
    ranges = [part for part in _RANGES.findall(accept) if _FRAMES_RANGE.match(part)][:_MOST_RANGES]
    anything = [multipart.MediaType.parse(part).parameters.get("type", "*/*") == "*/*" for part in ranges]
    return [ANY_FRAMES if any_of else part for part, any_of in zip(ranges, anything, strict=True)] or [ANY_FRAMES]


def wants_bare(request: Request) -> bool:
    """Whether one object is to come without a multipart body around it."""
    accept = request.headers.get("accept", "*/*")
    return "multipart/related" not in accept and accept.strip() != "*/*"
