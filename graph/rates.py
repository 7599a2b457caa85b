"""How often a client may come: a bucket of tokens for each principal, or for the address of one who is not known."""

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache

from cachetools import LRUCache
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.access import LOCAL, Identity
from graph.errors import ContractError, ErrorCode
from graph.notes import notes

_CLIENTS_KEPT = 100_000
"""About 20 MB; who came longest ago is forgotten first, and begins with a full bucket."""
_IPV6_PREFIX = 64
"""What one customer of a provider has (RFC 6177): an address of one's own for each request must not help."""

_UNKNOWN = "unknown"


class Bucket:
    """Holds `burst` tokens and gets `per_second` new ones; 0 per second: there are always enough."""

    __slots__ = ("_burst", "_filled_at", "_per_second", "_tokens")

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = self._tokens = float(burst)
        self._filled_at = time.monotonic()

    def take(self) -> None:
        """Takes one token; raises RATE_LIMITED, which says how many seconds to wait, when there is none."""
        if not self._per_second:
            return
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            raise _too_many(math.ceil((1 - self._tokens) / self._per_second))
        self._tokens -= 1


class Rates:
    """Buckets that hold `burst` tokens and get `per_second` new ones; 0 per second: no limit."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: LRUCache[str, Bucket] = LRUCache(_CLIENTS_KEPT)

    def admit(self, key: str) -> None:
        """Takes one token of that client's; see `Bucket`."""
        if not self._per_second:
            return
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._per_second, self._burst)
        bucket.take()


def client_key(connection: HTTPConnection, who: Identity | None = None) -> str:
    """Whom a request counts for: the principal, or where nobody is known (or authenticated), the address."""
    if who is not None and who is not LOCAL:
        return f"principal {who.subject}"
    client = connection.client
    return f"address {_network(client.host) if client else _UNKNOWN}"


@lru_cache(1024)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _UNKNOWN
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False) if address.version == 6 else address)


def client_of(connection: HTTPConnection) -> str:
    """Whom a request counts for that has passed the guards of its route."""
    left = notes(connection)
    known: str | None = left.get("client")
    return known or client_key(connection, left.get("principal"))


class Limited:
    """Middleware of a route: takes a token of the client's."""

    def __init__(self, app: ASGIApp, rates: Callable[[HTTPConnection], Rates]) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        self._rates(connection).admit(client_of(connection))
        await self._app(scope, receive, send)


def _too_many(seconds: int) -> ContractError:
    return ContractError(
        ErrorCode.RATE_LIMITED, f"Too many requests; try again in {seconds} s.", retryAfterSeconds=seconds
    )
