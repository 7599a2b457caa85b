"""Headers of every answer that keep browsers from doing more with it than it is for."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DEFAULTS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
_ONE_YEAR = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Middleware: adds what a route has not set itself, and over HTTPS that it stays HTTPS (RFC 6797)."""

    def __init__(self, app: ASGIApp, always_https: bool) -> None:
        self._app = app
        self._always_https = always_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_https = self._always_https or scope.get("scheme") == "https"
                headers = message.get("headers", [])
                present = {name for name, _ in headers}
                defaults = [*_DEFAULTS, _ONE_YEAR] if is_https else _DEFAULTS
                message["headers"] = [*headers, *(header for header in defaults if header[0] not in present)]
            await send(message)

        await self._app(scope, receive, with_headers)
