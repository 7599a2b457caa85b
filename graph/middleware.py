"""What every request passes before its route."""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from graph.engine.requests import PREFLIGHT_HEADERS
from graph.http_headers import SecurityHeaders
from graph.known_hosts import KnownHosts
from graph.request_log import RequestLog
from graph.settings import Settings
from graph.slow_clients import SlowBodies


def middleware(settings: Settings) -> list[Middleware]:
    """The layers, the outermost first."""
    return [
        Middleware(SecurityHeaders, always_https=(settings.public_url or "").startswith("https:")),
        Middleware(RequestLog),
        *([Middleware(KnownHosts, urls=settings.allowed_origins)] if settings.auth == "none" else []),
        *([_cors(settings.cors_origins)] if settings.cors_origins else []),
        Middleware(SlowBodies),
    ]


def _cors(origins: tuple[str, ...]) -> Middleware:
    """Pages of these origins may use the API with tokens; without credentials, so that no cookie opens anything."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", *PREFLIGHT_HEADERS],
        expose_headers=["Content-Disposition", "Retry-After", "X-Request-ID"],
    )
