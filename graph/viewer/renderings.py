"""Rendered resources: the query parameters of PS3.18 §8.3.5 and the Accept header as a `Rendering`."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from graph.errors import bad_input
from pacs.rendering.request import CONTENT_TYPES, ContentType, Rendering, Window, WindowFunction

_THUMBNAIL_SIDE = 256
_QUALITY = 90
_Value = TypeVar("_Value")


def rendering_of(query: Mapping[str, str], accept: str, *, frame: int | None, thumbnail: bool) -> Rendering:
    """What picture is asked for; `BAD_USER_INPUT` names the parameter that is wrong."""
    viewport = _read(query, "viewport", _viewport)
    try:
        return Rendering(
            frame=frame,
            viewport=viewport or ((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE) if thumbnail else None),
            window=None if thumbnail else _read(query, "window", _window),
            quality=_read(query, "quality", int) or _QUALITY,
            content_type=_content_type(accept),
            thumbnail=thumbnail,
        )
    except ValueError as error:
        raise bad_input(str(error)) from None


def _read(query: Mapping[str, str], name: str, parse: Callable[[str], _Value]) -> _Value | None:
    if name not in query:
        return None
    try:
        return parse(query[name])
    except ValueError:
        raise bad_input(f"{name} cannot be read: {_SYNTAX[name]}") from None


_SYNTAX = {
    "viewport": "write width,height in pixels",
    "window": "write center,width,function, the function linear, linear-exact or sigmoid",
    "quality": "write a number from 1 to 100",
}


def _viewport(text: str) -> tuple[int, int]:
    width, height = map(int, text.split(","))
    return width, height


def _window(text: str) -> Window:
    center, width, *function = text.split(",")
    name = function[0].upper().replace("-", "_") if len(function) == 1 else "LINEAR" if not function else ""
    return Window(float(center), float(width), cast(WindowFunction, name))


def _content_type(accept: str) -> ContentType:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return next((known for known in CONTENT_TYPES if known in ranges), CONTENT_TYPES[0])
