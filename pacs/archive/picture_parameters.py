"""Query parameters of rendered resources (PS3.18 §8.3.5, and §9.5 for the URI service) as what they ask for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from starlette.exceptions import HTTPException

from pacs.rendering.request import LARGEST_SIDE, ContentType, Region, Rendering, Window, WindowFunction

RENDERED = ("viewport", "window", "quality", "annotation", "iccprofile")
THUMBNAIL = ("viewport",)

_THUMBNAIL_SIDE = 256
_DEFAULT_QUALITY = "90"
_ANNOTATIONS = frozenset({"patient", "technique"})
_PROFILES = frozenset({"no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"})
_UNPROFILED = "no"


def rendered(query: Mapping[str, str], content_type: ContentType) -> Rendering:
    """What the query of a `/rendered` resource asks for; 400 for what cannot be understood."""
    try:
        viewport, region = _viewport(query["viewport"]) if "viewport" in query else (None, None)
        return Rendering(
            viewport=viewport,
            region=region,
            window=_window(query["window"]) if "window" in query else None,
            quality=int(query.get("quality", _DEFAULT_QUALITY)),
            content_type=content_type,
        )
    except ValueError as error:
        raise _wrong(error) from error


def thumbnail(query: Mapping[str, str], content_type: ContentType) -> Rendering:
    """What the query of a `/thumbnail` resource asks for: `viewport=width,height` alone (§8.3.5.2)."""
    try:
        viewport, region = _viewport(query.get("viewport", f"{_THUMBNAIL_SIDE},{_THUMBNAIL_SIDE}"))
        if region is not None:
            raise ValueError("the viewport of a thumbnail is width,height")
        return Rendering(viewport=viewport, content_type=content_type, thumbnail=True)
    except ValueError as error:
        raise _wrong(error) from error


def by_uri(query: Mapping[str, str], content_type: ContentType) -> Rendering:
    """What the query of the URI service asks for (§9.5.1.2)."""
    try:
        sides = [int(query.get(name) or LARGEST_SIDE) for name in ("columns", "rows")]
        wanted = Rendering(
            frame=int(query["frameNumber"]) if "frameNumber" in query else None,
            viewport=(sides[0], sides[1]) if query.get("rows") or query.get("columns") else None,
            region=_relative_region(query["region"]) if "region" in query else None,
            quality=int(query.get("imageQuality", _DEFAULT_QUALITY)),
            content_type=content_type,
        )
        if "windowCenter" in query or "windowWidth" in query:
            return replace(wanted, window=Window(float(query["windowCenter"]), float(query["windowWidth"])))
        return wanted
    except KeyError as error:
        raise HTTPException(400, "windowCenter and windowWidth go together") from error
    except ValueError as error:
        raise _wrong(error) from error


def warnings(query: Mapping[str, str]) -> list[str]:
    """What of the query is understood and not done; 400 for annotations and profiles that the standard does not have.

    Nothing is drawn into pictures, and they carry no colour profile.
    """
    names = query.get("annotation") or query.get("imageAnnotation") or ""
    annotations = [name.strip() for name in names.split(",") if name.strip()]
    profile = query.get("iccprofile", _UNPROFILED).lower()
    if not _ANNOTATIONS.issuperset(annotations):
        raise HTTPException(400, f"annotation is {' or '.join(sorted(_ANNOTATIONS))}, or both")
    if profile not in _PROFILES:
        raise HTTPException(400, f"iccprofile is one of {', '.join(sorted(_PROFILES))}")
    found = []
    if annotations:
        found.append(f"The following annotation values are not supported: {' '.join(annotations)}")
    if profile != _UNPROFILED:
        found.append("The iccprofile parameter is not supported")
    return found


def _wrong(error: ValueError) -> HTTPException:
    return HTTPException(400, f"the parameters of the picture are wrong: {error}")


def _viewport(text: str) -> tuple[tuple[int, int], Region | None]:
    """`vw,vh[,sx,sy,sw,sh]` (§8.3.5.1.3): what is left empty has its default; negative sw and sh flip the image."""
    parts = [part.strip() for part in text.split(",")]
    if not 2 <= len(parts) <= 6:
        raise ValueError("viewport is width,height or width,height,sx,sy,sw,sh")
    viewport = int(parts[0]), int(parts[1])
    if len(parts) == 2:
        return viewport, None
    left, top, width, height = [float(part) if part else None for part in [*parts[2:], *[""] * (6 - len(parts))]]
    return viewport, Region(
        left=left or 0.0,
        top=top or 0.0,
        width=None if width is None else abs(width),
        height=None if height is None else abs(height),
        flipped_sideways=(width or 0.0) < 0,
        upside_down=(height or 0.0) < 0,
    )


def _relative_region(text: str) -> Region:
    """`xmin,ymin,xmax,ymax` as fractions of the image's width and height (§9.5.1.2.5)."""
    edges = [float(part) for part in text.split(",")]
    if len(edges) != 4 or not all(0.0 <= edge <= 1.0 for edge in edges):
        raise ValueError("region is left,top,right,bottom, all of them 0.0 to 1.0")
    left, top, right, bottom = edges
    return Region(left, top, right - left, bottom - top, relative=True)


def _window(text: str) -> Window:
    """`center,width,function` (§8.3.5.1.4); without a function it is linear."""
    parts = text.split(",")
    if len(parts) not in {2, 3}:
        raise ValueError("window is center,width,function")
    function = parts[2].strip().upper().replace("-", "_") if len(parts) == 3 else "LINEAR"
    return Window(float(parts[0]), float(parts[1]), cast(WindowFunction, function))
