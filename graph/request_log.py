"""One log line a request, and nothing unexpected past it: the outermost layer of the application."""

import random
import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import ErrorCode, translate
from graph.logs import request_id
from graph.routes.problems import problem
from pacs.errors import PacsError

log = structlog.get_logger("graph.request")

_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_HEADER = b"x-request-id"


class RequestLog:
    """Gives each request an id (its own X-Request-ID where that is sane), logs it, and masks what nobody expected.

    A line names the route, never the path: paths hold UIDs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        token = request_id.set(request.id)
        try:
            await self._app(scope, receive, request.send)
        except Exception as error:  # nothing is outside: who asked must get an answer, and the log a line
            await request.fail(error, receive)
        finally:
            request.log()
            request_id.reset(token)


class _Request:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._status: int | None = None
        self.id = _request_id(scope)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*message.get("headers", []), (_HEADER, self.id.encode())]
        elif message["type"] == "websocket.close":
            self._status = message.get("code", 1000)
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Logs where it happened, not what it says, which may quote a dataset; answers if there is still time."""
        cause = error.__cause__ if self._status is not None else None  # which came too late for an answer of its own
        known = translate(cause) if isinstance(cause, OSError) else None
        if known is not None or isinstance(cause, PacsError):
            log.warning("answer broken off", reason=str(cause) if known is None else known.message)
        else:
            failure = cause if isinstance(cause, OSError) else error
            log.error("unexpected failure", error=type(failure).__name__, at=_places(failure))
        if self._scope["type"] == "http" and self._status is None:
            detail = f"the request failed; its id is {self.id}"
            answer = problem(500, detail, code=ErrorCode.INTERNAL_SERVER_ERROR)
            await answer(self._scope, receive, self.send)
        elif self._scope["type"] == "http":
            raise error  # the answer has begun: the server must break the connection off

    def log(self) -> None:
        operation = (self._scope.get("state") or {}).get("operation")
        facts = {"operation": operation.name, "kind": operation.kind, "outcome": operation.outcome} if operation else {}
        route = self._scope.get("route")
        log.info(
            "request",
            method=self._scope.get("method", "WEBSOCKET"),
            route=getattr(route, "path", None),
            status=self._status,
            duration_ms=round((time.perf_counter() - self._started) * 1000, 1),
            **facts,
        )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _ACCEPTED_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return f"{random.getrandbits(128):032x}"  # unique, no secret: the system's own randomness takes ten times as long


def _places(error: Exception) -> list[str]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-8:]
