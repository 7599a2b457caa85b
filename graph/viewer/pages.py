"""The pages that people see: the built-in viewer, and a sentence where there is nothing to view.

They load nothing from anywhere else and hold no script of their own: the content security policy allows neither.
"""

import hashlib
import html
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from graph.viewer.tokens import Subject

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_MEDIA_TYPES = {
    "viewer.css": "text/css",
    "message.css": "text/css",
    "viewer.js": "text/javascript",
    "study.js": "text/javascript",
    "stage.js": "text/javascript",
    "windows.js": "text/javascript",
}


@dataclass(frozen=True)
class _Asset:
    body: bytes
    etag: str


def viewer(session: Subject) -> Response:
    """The viewer of the session's study, with the tools of its role."""
    values = {"study": session.study_instance_uid, "role": session.role.name}
    return HTMLResponse(_filled("viewer.html", values), headers=HEADERS)


def message(status: int, text: str, *, files_at: str = "viewer/page") -> Response:
    """A page with one sentence; `files_at` is where its style sheet is, seen from the page."""
    return HTMLResponse(_filled("message.html", {"text": text, "files": files_at}), status, HEADERS)


def asset(name: str, if_none_match: str | None) -> Response:
    """One of the pages' files; 404 for any other name."""
    if name not in _MEDIA_TYPES:
        raise HTTPException(404)
    found = _asset(name)
    headers = HEADERS | {"Cache-Control": "no-cache", "ETag": found.etag}
    if if_none_match == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=_MEDIA_TYPES[name])


def _filled(name: str, values: dict[str, str]) -> str:
    text = _asset(name).body.decode()
    for place, value in values.items():
        text = text.replace(f"{{{{{place}}}}}", html.escape(value))
    return text


@cache
def _asset(name: str) -> _Asset:
    body = files(__package__).joinpath("page", name).read_bytes()
    return _Asset(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
