"""Tokens of an external viewer, fetched from VIEWER_TOKEN_URL."""

import asyncio

import httpx
import orjson
import structlog

from graph.errors import ContractError, ErrorCode
from graph.viewer.tokens import Subject

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 10.0
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_TOKEN_LENGTH = 8192
_FAILED = "the viewer gave no token"
_TIMED_OUT = "the viewer did not answer in time"


async def fetch_token(
    url: str, authorization: str | None, subject: Subject, *, patience_seconds: float = _PATIENCE_SECONDS
) -> str:
    """The token that the viewer at `url` issues for `subject`.

    Asked with GET and `studyUID`, `patientID`, `user`, `role` (`patient` or `diagnostic`); it answers `{"token": "…"}`.
    Raises `ContractError`: PACS_TIMEOUT, PACS_UNAVAILABLE, PACS_UNAUTHORIZED (401, 403), NOT_FOUND (404), PACS_ERROR.
    """
    parameters = {
        "studyUID": subject.study_instance_uid,
        "patientID": subject.patient_id,
        "role": subject.role.name.lower(),
    } | ({"user": subject.user} if subject.user else {})
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {authorization}"} if authorization else {})
    try:
        async with (
            asyncio.timeout(patience_seconds),
            httpx.AsyncClient(trust_env=False, timeout=patience_seconds) as client,
            client.stream("GET", url, params=parameters, headers=headers) as response,
        ):
            return _token(response.status_code, await _read(response))
    except (TimeoutError, httpx.TimeoutException):
        raise _failure(ErrorCode.PACS_TIMEOUT, _TIMED_OUT, None) from None
    except (httpx.HTTPError, OSError):
        raise _failure(ErrorCode.PACS_UNAVAILABLE, "the viewer cannot be reached", None) from None


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MAX_ANSWER_BYTES:
            raise _failure(ErrorCode.PACS_ERROR, _FAILED, response.status_code)
    return bytes(body)


_REFUSALS = {
    401: (ErrorCode.PACS_UNAUTHORIZED, "the viewer refused the credentials of this service"),
    403: (ErrorCode.PACS_UNAUTHORIZED, "the viewer refused the credentials of this service"),
    404: (ErrorCode.NOT_FOUND, "the viewer has no such study"),
    502: (ErrorCode.PACS_UNAVAILABLE, "the viewer cannot be reached"),
    503: (ErrorCode.PACS_UNAVAILABLE, "the viewer cannot be reached"),
    504: (ErrorCode.PACS_TIMEOUT, _TIMED_OUT),
}


def _token(status: int, body: bytes) -> str:
    if status != httpx.codes.OK:
        raise _failure(*_REFUSALS.get(status, (ErrorCode.PACS_ERROR, _FAILED)), status)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN_LENGTH or not token.isprintable():
        raise _failure(ErrorCode.PACS_ERROR, _FAILED, status)
    return token


def _failure(code: ErrorCode, message: str, status: int | None) -> ContractError:
    log.warning("no viewer token", code=code.value, status=status)
    return ContractError(code, message)
