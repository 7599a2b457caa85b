"""How often a client may come: a bucket of tokens for each principal, or for the address of one who is not known."""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.access import LOCAL, Identity
from graph.errors import ContractError, ErrorCode

_CLIENTS_KEPT = 100_000
"""About 20 MB; who came longest ago is forgotten first, and begins with a full bucket."""
_IPV6_PREFIX = 64
"""What one customer of a provider has (RFC 6177): an address of one's own for each request must not help."""


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Rates:
    """Buckets that hold `burst` tokens and get `per_second` new ones; 0 per second: no limit."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._buckets: LRUCache[str, _Bucket] = LRUCache(_CLIENTS_KEPT)

    def admit(self, key: str) -> None:
        """Takes one token; raises RATE_LIMITED, which says how many seconds to wait, when there is none."""
        if not self._per_second:
            return
        now = time.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._per_second)
        bucket.filled_at = now
        if bucket.tokens < 1:
            raise _too_many(math.ceil((1 - bucket.tokens) / self._per_second))
        bucket.tokens -= 1


def client_key(connection: HTTPConnection, who: Identity | None = None) -> str:
    """Whom a request counts for: the principal, or where nobody is known (or authenticated), the address."""
    if who is not None and who is not LOCAL:
        return f"principal {who.subject}"
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "address unknown"
    if address.version == 6:
        return f"address {ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)}"
    return f"address {address}"


class Limited:
    """Middleware of a route: takes a token of the client's."""

    def __init__(self, app: ASGIApp, rates: Callable[[HTTPConnection], Rates]) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        key = getattr(connection.state, "client", None)  # of whom a guard before this knows more
        self._rates(connection).admit(key or client_key(connection, getattr(connection.state, "principal", None)))
        await self._app(scope, receive, send)


def _too_many(seconds: int) -> ContractError:
    return ContractError(
        ErrorCode.RATE_LIMITED, f"Too many requests; try again in {seconds} s.", retryAfterSeconds=seconds
    )
