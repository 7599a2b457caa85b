"""Failures of REST routes: the contract's codes as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.errors import ContractError, ErrorCode, translate
from pacs.announcement import BadAnnouncement
from pacs.errors import BadDicom, BadQuery, NoPicture, NotAcceptable, PacsError
from persistence.errors import StoreUnavailable

_RETRY_SECONDS = 2


def problem(status: int, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document; `code` is one of the contract's where there is one for the failure."""
    title = HTTPStatus(status).phrase
    body = {"title": title, "status": status, "detail": detail} | ({"code": code} if code else {})
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


def refusal(error: ContractError) -> Response:
    """The answer to a request that is refused before it reaches its route."""
    return _contract(None, error)


def _contract(_: Request | None, error: Exception) -> Response:
    known = translate(error) or ContractError(ErrorCode.INTERNAL_SERVER_ERROR, "the request failed")
    extensions = known.extensions or {}
    seconds = extensions.get("retryAfterSeconds")
    headers = {"Retry-After": str(seconds)} if seconds is not None else {}
    if known.code is ErrorCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(extensions.get("status", known.code.status), known.message, code=known.code.value, headers=headers)


def _of_the_system(_: Request, error: Exception) -> Response:
    known = translate(error)
    if known is None:
        raise error
    return refusal(known)


def _bad_announcement(_: Request, error: Exception) -> Response:
    return problem(400, str(error), code=ErrorCode.BAD_USER_INPUT)


def _no_representation(_: Request, error: Exception) -> Response:
    if isinstance(error, NoPicture) and error.reason == "busy":
        return problem(503, str(error), headers={"Retry-After": str(_RETRY_SECONDS)})
    return problem(406, str(error))


def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, HTTPStatus(status).description or HTTPStatus(status).phrase, headers=headers)


HANDLERS = {
    ContractError: _contract,
    PacsError: _contract,
    BadDicom: _contract,
    BadQuery: _contract,
    NoPicture: _no_representation,
    NotAcceptable: _no_representation,
    BadAnnouncement: _bad_announcement,
    StoreUnavailable: _contract,
    HTTPException: _http,
    OSError: _of_the_system,
}
"""For `Starlette(exception_handlers=…)`."""
