"""What goes wrong over HTTP, as the errors of `pacs.errors`: statuses, and what httpx and httpcore raise."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx
import structlog

from pacs.errors import NotAcceptable, NotFound, PacsError, PacsFault, PacsTimeout, PacsUnauthorized, PacsUnavailable

log = structlog.get_logger(__name__)

INSUFFICIENT_STORAGE = 507
NO_SPACE = "it has no space left on its disk"

_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol)
_STATUS_ERRORS: dict[int, type[PacsError]] = {
    401: PacsUnauthorized,
    403: PacsUnauthorized,
    404: NotFound,
    406: NotAcceptable,
    408: PacsTimeout,
    410: NotFound,
    502: PacsUnavailable,
    503: PacsUnavailable,
    504: PacsTimeout,
}
_MESSAGES: dict[type[PacsError], str] = {
    PacsUnauthorized: "the PACS refused the credentials of this service",
    NotAcceptable: "the PACS has no representation of the kinds that were asked for",
    NotFound: "the PACS has no such object",
    PacsTimeout: "the PACS did not answer in time",
    PacsUnavailable: "the PACS cannot be reached",
}


def check_status(status: int, accept_errors: frozenset[int] = frozenset()) -> None:
    """Raises for a status that is no success, unless it is in `accept_errors`."""
    if status in accept_errors or 200 <= status < 300:
        return
    kind = _STATUS_ERRORS.get(status)
    if status == INSUFFICIENT_STORAGE:
        raise PacsFault(f"the PACS refused: {NO_SPACE}")
    raise kind(_MESSAGES[kind]) if kind else PacsFault(f"the PACS answered with status {status}")


@contextmanager
def pacs_errors() -> Iterator[None]:
    """Turns what httpx raises into the errors of `pacs.errors`, without addresses or bodies in the message."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException, httpcore.TimeoutException) as error:
        raise PacsTimeout(_MESSAGES[PacsTimeout]) from error
    except httpx.DecodingError as error:
        raise PacsFault("the PACS sent a body that cannot be decoded") from error
    except (httpx.TransportError, httpx.StreamError, *_BROKEN, OSError) as error:
        raise PacsUnavailable(_why_unreachable(error)) from error


def _why_unreachable(error: BaseException) -> str:
    """What clients may know of it; the log has what OpenSSL says of a certificate, which may name the server."""
    cause = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        log.warning(
            "the PACS is not trusted: its certificate must be for the host in its URL, by an authority that is known",
            reason=cause.verify_message,
        )
        return "the PACS cannot be reached: its certificate is not trusted"
    if cause is not None:
        log.warning("no TLS connection to the PACS", reason=cause.reason)
        return "the PACS cannot be reached by TLS"
    return _MESSAGES[PacsUnavailable]


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [cause for cause in (one.__context__, one.__cause__, *inside) if cause is not None]
