"""The page at GET /graphql where people try queries.

It is our own, in one file, and loads nothing from anywhere: GraphiQL comes from a content delivery network, which a
hospital's network does not reach.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.responses import HTMLResponse

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; script-src {script}; style-src {style}"
)


def page() -> HTMLResponse:
    """The page, allowed to run its own script and to talk to its own server only."""
    html, policy = _page()
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
            "Vary": "Accept",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


@cache
def _page() -> tuple[str, str]:
    html = files(__package__).joinpath("explorer.html").read_text(encoding="utf-8")
    return html, _CONTENT_SECURITY_POLICY.format(script=_hash(html, "script"), style=_hash(html, "style"))


def _hash(html: str, element: str) -> str:
    content = re.search(f"<{element}>(.*?)</{element}>", html, re.DOTALL)
    if content is None:
        raise ValueError(f"the page has no <{element}>")
    return f"'sha256-{base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()}'"
