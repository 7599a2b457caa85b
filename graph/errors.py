"""The contract's error codes, and which failure becomes which.

`errors[].extensions` carries `code` and `status`; everything that is not in the table is
INTERNAL_SERVER_ERROR, masked, with a `requestID` that stands in the server's log. Those that may be tried again after a
while say after how many seconds: `retryAfterSeconds`.
"""

import errno
import os
from enum import StrEnum
from typing import Any

import structlog
from graphql import GraphQLError

from pacs import errors as pacs
from persistence.errors import CursorExpired, StoreUnavailable

log = structlog.get_logger(__name__)


class ErrorCode(StrEnum):
    """The stable codes of the contract; `.status` is the HTTP status for the same failure."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    NOT_DICOM = "NOT_DICOM"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    RATE_LIMITED = "RATE_LIMITED"
    PACS_UNAUTHORIZED = "PACS_UNAUTHORIZED"
    PACS_UNAVAILABLE = "PACS_UNAVAILABLE"
    PACS_TIMEOUT = "PACS_TIMEOUT"
    PACS_ERROR = "PACS_ERROR"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

    @property
    def status(self) -> int:
        """The HTTP status code of the same failure."""
        return _STATUS[self]


_STATUS = {
    ErrorCode.BAD_USER_INPUT: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.NOT_DICOM: 422,
    ErrorCode.CURSOR_EXPIRED: 410,
    ErrorCode.QUERY_TOO_COMPLEX: 400,
    ErrorCode.GRAPHQL_PARSE_FAILED: 400,
    ErrorCode.GRAPHQL_VALIDATION_FAILED: 400,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.PACS_UNAUTHORIZED: 401,
    ErrorCode.PACS_UNAVAILABLE: 502,
    ErrorCode.PACS_TIMEOUT: 504,
    ErrorCode.PACS_ERROR: 502,
    ErrorCode.STORE_UNAVAILABLE: 503,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
}

_CODES: dict[type[Exception], ErrorCode] = {
    pacs.PacsUnavailable: ErrorCode.PACS_UNAVAILABLE,
    pacs.PacsTimeout: ErrorCode.PACS_TIMEOUT,
    pacs.PacsUnauthorized: ErrorCode.PACS_UNAUTHORIZED,
    pacs.PacsFault: ErrorCode.PACS_ERROR,
    pacs.Refused: ErrorCode.PACS_ERROR,
    pacs.NotFound: ErrorCode.NOT_FOUND,
    pacs.Conflict: ErrorCode.CONFLICT,
    pacs.NotDicom: ErrorCode.NOT_DICOM,
    pacs.InvalidDicom: ErrorCode.NOT_DICOM,
    pacs.BadQuery: ErrorCode.BAD_USER_INPUT,
    pacs.BadAttribute: ErrorCode.BAD_USER_INPUT,
    pacs.NoPicture: ErrorCode.PACS_UNAVAILABLE,  # only those that may be asked for again are errors
    CursorExpired: ErrorCode.CURSOR_EXPIRED,
}

_STORE_RETRY_SECONDS = 2
_DISK_RETRY_SECONDS = 60
_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What the disk says that takes no more, of files that are on their way."""


class ContractError(GraphQLError):
    """An error that a client may see as it is."""

    def __init__(self, code: ErrorCode, message: str, **extensions: Any) -> None:
        super().__init__(message, extensions={"code": code.value, "status": code.status, **extensions})
        self.code = code


def bad_input(message: str, **extensions: Any) -> ContractError:
    """`BAD_USER_INPUT`; the message names the argument."""
    return ContractError(ErrorCode.BAD_USER_INPUT, message, **extensions)


def store_unavailable() -> ContractError:
    """`STORE_UNAVAILABLE`: the service's own store does not answer, or did not confirm what it was to keep."""
    return ContractError(
        ErrorCode.STORE_UNAVAILABLE,
        "The service's own store does not answer at the moment; try again.",
        retryAfterSeconds=_STORE_RETRY_SECONDS,
    )


def _disk_unwritable(error: OSError) -> ContractError:
    reason = os.strerror(error.errno or 0)
    log.error("files cannot be written on their way", reason=reason)
    return ContractError(
        ErrorCode.STORE_UNAVAILABLE,
        f"The service cannot write to its own disk ({reason}); try again when it can.",
        retryAfterSeconds=_DISK_RETRY_SECONDS,
    )


def translate(error: BaseException | None) -> ContractError | None:
    """The contract's error for a failure below, or None: then it is unexpected and is masked."""
    if error is None or isinstance(error, ContractError):
        return error
    if isinstance(error, StoreUnavailable):
        return store_unavailable()
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        return _disk_unwritable(error)
    for kind in type(error).__mro__:
        code = _CODES.get(kind)
        if code is not None:
            return ContractError(code, str(error))
    return None
