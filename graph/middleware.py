"""What every request passes before its route."""

from collections.abc import Iterable
from functools import partial
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from graph.engine.requests import PREFLIGHT_HEADERS
from graph.errors import ContractError, ErrorCode
from graph.http_headers import SecurityHeaders
from graph.request_log import RequestLog
from graph.routes.problems import refusal
from graph.settings import Settings
from graph.slow_clients import SlowBodies
from pacs.known_hosts import KnownHosts

_UNKNOWN = "The server is not known by this name: set PUBLIC_URL, or AUTH."


def middleware(settings: Settings) -> list[Middleware]:
    """The layers, the outermost first."""
    return [
        Middleware(SecurityHeaders, always_https=(settings.public_url or "").startswith("https:")),
        Middleware(RequestLog),
        *([_known_hosts(settings.allowed_origins)] if settings.auth == "none" else []),
        *([_cors(settings.cors_origins)] if settings.cors_origins else []),
        Middleware(SlowBodies),
    ]


def _known_hosts(urls: Iterable[str]) -> Middleware:
    """Only without AUTH: a page that has the server under its own name has no token to bring it."""
    refuse = partial(refusal, ContractError(ErrorCode.FORBIDDEN, _UNKNOWN))
    return Middleware(KnownHosts, names=[urlsplit(url).hostname for url in urls], refuse=refuse)


def _cors(origins: tuple[str, ...]) -> Middleware:
    """Pages of these origins may use the API with tokens; without credentials, so that no cookie opens anything."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", *PREFLIGHT_HEADERS],
        expose_headers=["Content-Disposition", "Retry-After", "X-Request-ID"],
    )
