"""Where clients put their token: `Authorization: Bearer` (RFC 6750 §2.1), or the payload of `connection_init`."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection

from graph.access import Identity
from graph.authentication.authenticator import Unauthenticated
from graph.context import Services
from graph.errors import ContractError
from graph.rates import client_key

_LONGEST = 16 * 1024
"""Characters of a token; browsers and proxies cut headers at 8 to 16 KiB."""


async def identify(connection: HTTPConnection) -> Identity:
    """Who sends a request, or opens a socket; it is `state.principal` from then on.

    Raises what `Authenticator.authenticate` raises; RATE_LIMITED instead for an address that fails too often.
    """
    services: Services = connection.app.state.services
    try:
        who = await services.authenticator.authenticate(presented(connection))
    except ContractError:
        services.rates.admit(client_key(connection))
        raise
    connection.state.principal = who
    return who


def presented(connection: HTTPConnection) -> str | None:
    """The bearer token of a request; of a socket, what `connection_init` says comes first. Never a cookie, never a URL.

    Raises Unauthenticated for another scheme, and for more characters than a token has.
    """
    payload = getattr(connection.state, "connection_params", None)
    header = _in_payload(payload) if isinstance(payload, Mapping) else None
    header = _in_headers(connection) if header is None else header
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Authorization must be: Bearer, a space and a token.")
    if len(token) > _LONGEST:
        raise Unauthenticated("The token is too long.")
    return token


def _in_headers(connection: HTTPConnection) -> str | None:
    """The one there is: of two, a proxy in front may have looked at the other (RFC 9110 §5.3)."""
    headers = connection.headers.getlist("authorization")
    if len(headers) > 1:
        raise Unauthenticated("Send one Authorization header.")
    return headers[0] if headers else None


def _in_payload(payload: Mapping[str, Any]) -> str | None:
    """`{"Authorization": "Bearer …"}`, in whatever case, or the same below `headers`: clients differ."""
    for place in (payload, payload.get("headers")):
        if isinstance(place, Mapping):
            for name, value in place.items():
                if isinstance(name, str) and name.lower() == "authorization":
                    if not isinstance(value, str):
                        raise Unauthenticated("Authorization must be a text.")
                    return value
    return None
